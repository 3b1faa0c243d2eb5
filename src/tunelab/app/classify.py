"""Classify: the probability of each label by one classifier or several, for a text or a file."""

import csv
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tunelab.app.loaded import open_model, open_tuned
from tunelab.app.markup import Markup, join, share_bar, table, tag
from tunelab.app.names import classifier_folder
from tunelab.app.settings import AppSettings
from tunelab.app.uploads import named
from tunelab.data.columns import texts_of
from tunelab.data.readers import read_rows
from tunelab.errors import UsageError
from tunelab.guards.spreadsheet import csv_cell
from tunelab.numbers import counted

EXAMPLE = "I cannot believe that you remembered my birthday!"
MOST_CHARACTERS = 20_000
MOST_ROWS = 2_000
_SHOWN = 20
_LONGEST_STEM = 100
# Requests come on many threads, and each that runs a model is given helpers and memory of its own
# by the numeric libraries.
_MODELS = ThreadPoolExecutor(1, thread_name_prefix="models")


@dataclass(frozen=True)
class Labelled:
    """What one classifier answered to the texts.

    ``chosen``: the label of each text. ``probabilities``: (texts, labels), None for a classifier
    that has none.
    """

    name: str
    labels: tuple[str, ...]
    chosen: tuple[str, ...]
    probabilities: tuple[tuple[float, ...], ...] | None

    def best(self, row: int) -> tuple[str, float | None]:
        """The label of a text, and its probability if there is one."""
        label = self.chosen[row]
        if self.probabilities is None:
            return label, None
        return label, self.probabilities[row][self.labels.index(label)]


def label_text(settings: AppSettings, text: str, names: Sequence[str], untuned: bool) -> Markup:
    """Bars of every model's probabilities.

    Raises:
        UsageError: no text, too much of it, or no classifier.
        RunError: a model cannot be loaded.
    """
    if not text.strip():
        raise UsageError("write a text first.")
    if len(text) > MOST_CHARACTERS:
        raise UsageError(f"the text is too long: the page takes {MOST_CHARACTERS:,} characters.")
    found = ask(settings, [text], names, untuned)
    return tag("div", *(draw(one) for one in found), class_="tl-columns")


def draw(labelled: Labelled) -> Markup:
    """One classifier's probabilities of the first text, the likeliest first."""
    best, _ = labelled.best(0)
    if labelled.probabilities is None:
        return tag("section", tag("h2", labelled.name), tag("p", f"{best} (no probabilities)"))
    pairs = sorted(
        zip(labelled.labels, labelled.probabilities[0], strict=True), key=lambda pair: -pair[1]
    )
    rows = [share_bar(label, value, f"{value:.1%}", strong=label == best) for label, value in pairs]
    return tag("section", tag("h2", labelled.name), tag("div", *rows, class_="tl-bars"))


def label_file(
    settings: AppSettings, file: Path, column: str, names: Sequence[str], untuned: bool
) -> tuple[Markup, Path]:
    """Counts and the first rows, and the labelled file as CSV.

    Raises:
        UsageError: the file or a row cannot be used, or there are too many.
        RunError: a model cannot be loaded.
    """
    texts = read_texts(file, column)
    found = ask(settings, texts, names, untuned)
    stem = file.stem[:_LONGEST_STEM]
    target = settings.scratch / "labelled" / uuid4().hex / f"{stem}-labelled.csv"
    target.parent.mkdir(parents=True)
    rows = [_row(position, text, found) for position, text in enumerate(texts)]
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(map(csv_cell, rows[0]))
        writer.writerows(map(csv_cell, row.values()) for row in rows)
    counts = _counts(found)
    shown = [{**row, "text": row["text"][:120]} for row in rows[:_SHOWN]]
    return (
        join(
            [
                table(counts, caption=f"Labels of {counted(len(texts), 'row')}"),
                table(shown, caption=f"The first {counted(len(shown), 'row')}"),
            ]
        ),
        target,
    )


def read_texts(file: Path, column: str) -> list[str]:
    """The texts of a file.

    Raises:
        UsageError: a row cannot be used, or there are more than the page takes.
    """
    with named(file):
        rows = itertools.islice(read_rows(file, labelled=False), MOST_ROWS + 1)
        texts = list(texts_of(rows, column, where=file.name))
    if len(texts) > MOST_ROWS:
        raise UsageError(
            f"the file has more than {MOST_ROWS:,} rows. Label it with the command tunelab "
            "predict, which takes any number of rows."
        )
    return texts


def ask(
    settings: AppSettings, texts: Sequence[str], names: Sequence[str], untuned: bool
) -> list[Labelled]:
    """The probabilities of each classifier and, if ``untuned``, of the model of the first one.

    Raises:
        UsageError: no classifier was chosen, or one that is not there.
        RunError: a model cannot be loaded.
    """
    if not names:
        raise UsageError("choose a classifier. The page Fine-tune trains one.")
    return _MODELS.submit(_ask, settings, texts, names, untuned).result()


def _ask(
    settings: AppSettings, texts: Sequence[str], names: Sequence[str], untuned: bool
) -> list[Labelled]:
    found = []
    for name in dict.fromkeys(names):
        opened = open_tuned(classifier_folder(settings.runs, name), settings.device)
        found.append(_labelled(name, opened, texts))
        before = _before_tuning(opened, settings) if untuned and len(found) == 1 else None
        if before is not None:
            found.insert(0, _labelled(before.name, before, texts))
    return found


def _before_tuning(opened: Any, settings: AppSettings) -> Any:
    """The language model that a classifier was made of, with its prompt; None where there is none.

    Only here, as classical classifiers need none of these imports.
    """
    from tunelab.classifiers.headed_model import HeadedModel
    from tunelab.classifiers.language_model import LanguageModel
    from tunelab.config import Evaluation
    from tunelab.prompts.encoding import Encoder

    if not isinstance(opened, LanguageModel | HeadedModel):
        return None
    card = opened.loaded.card.name
    plain = open_model(card, settings.device)
    return LanguageModel(
        f"{Path(card).name}, before fine-tuning",
        plain,
        plain.model,
        Encoder(opened.loaded.tokenizer, opened.encoder.format),
        Evaluation(),
    )


def _labelled(name: str, classifier: Any, texts: Sequence[str]) -> Labelled:
    labels = classifier.labels
    try:
        probabilities = classifier.probabilities(texts)
    except UsageError:
        # A classifier that gives labels only.
        chosen = tuple(str(answer.label) for answer in classifier.label(texts))
        return Labelled(name, labels, chosen, None)
    likeliest = tuple(labels[column] for column in probabilities.argmax(axis=1))
    return Labelled(name, labels, likeliest, tuple(map(tuple, probabilities.tolist())))


def _row(position: int, text: str, found: Sequence[Labelled]) -> dict[str, Any]:
    row: dict[str, Any] = {"row": position + 1, "text": text}
    for one in found:
        label, value = one.best(position)
        row[f"label ({one.name})"] = label
        if value is not None:
            row[f"probability ({one.name})"] = round(value, 4)
    return row


def _counts(found: Sequence[Labelled]) -> list[Mapping[str, Any]]:
    """How often each model gave each label that was given at all, the most frequent first."""
    counts = {one.name: Counter(one.chosen) for one in found}
    given = dict.fromkeys(label for one in counts.values() for label, _ in one.most_common())
    return [
        {"label": label, **{name: each[label] for name, each in counts.items()}} for label in given
    ]
