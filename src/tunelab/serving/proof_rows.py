"""The rows that an export is proven on: the test rows of its run, or those of a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tunelab.data.columns import texts_of
from tunelab.data.readers import read_rows
from tunelab.errors import TunelabError, UsageError
from tunelab.guards.bounded_files import is_file
from tunelab.runs.run_folder import predictions, read_run
from tunelab.serving.export_agreement import sample_texts

# More rows would decide little more, and a language model would take long.
MOST_ROWS = 1000


@dataclass(frozen=True)
class ProofRows:
    """``truth`` are the true labels, None where they are not known. ``origin``: where from."""

    texts: tuple[str, ...]
    truth: tuple[str, ...] | None
    origin: str

    def first(self, most: int) -> "ProofRows":
        """The first ``most`` of them."""
        truth = None if self.truth is None else self.truth[:most]
        origin = f"the first {self.origin}" if len(self.texts) > most else self.origin
        return ProofRows(self.texts[:most], truth, origin)


def rows_of_run(classifier: Path) -> ProofRows | None:
    """The first test rows of the run that a classifier's folder lies in; None where it has none."""
    run = classifier.absolute().parent.parent
    if not is_file(run / "run.json"):
        return None
    try:
        evaluated = read_run(run).evaluated
        named = [result for result in evaluated if result.name == classifier.absolute().name]
        if not named:
            return None
        table = predictions(named[0]).head(MOST_ROWS)
        texts, truth = tuple(map(str, table["text"])), tuple(map(str, table["truth"]))
    except (TunelabError, KeyError):
        return None
    return ProofRows(texts, truth, "test rows of its run") if texts else None


def rows_of_file(file: Path, text: str, label: str, labels: Sequence[str]) -> ProofRows:
    """The first rows of a file that hold a text; their labels too where it has such a column.

    Raises:
        UsageError: it cannot be read, has no such column of texts, or holds no text.
    """
    read = list(islice(read_rows(file, labelled=False), MOST_ROWS))
    found = list(texts_of(read, text, where=file.name))
    kept = [at for at, one in enumerate(found) if one.strip()]
    if not kept:
        raise UsageError(f"{file} holds no text.")
    truth = None
    if all(label in row for _, row in read):
        given = list(texts_of(read, label, where=file.name))
        if {given[at] for at in kept} <= set(labels):
            truth = tuple(given[at] for at in kept)
    return ProofRows(tuple(found[at] for at in kept), truth, f"rows of {file.name}")


def sample_rows() -> ProofRows:
    """Some texts of the starter corpus, whose labels are those of another task."""
    return ProofRows(tuple(sample_texts()), None, "texts of the starter corpus")
