"""One labelled file, all of whose rows can be trained on."""

from pathlib import Path

from tunelab.data.columns import to_examples
from tunelab.data.examples import Dataset
from tunelab.data.loading_notes import LoadingNotes
from tunelab.data.readers import read_rows
from tunelab.data.splitting import make_dataset


def load(location: str, *, text: str, label: str, notes: LoadingNotes) -> Dataset:
    """Read a file; validation and test rows are drawn from it later.

    Raises:
        UsageError: the file or a row of it cannot be used.
    """
    path = Path(location).expanduser()
    examples = to_examples(
        read_rows(path, notes=notes), text=text, label=label, where=path.name, notes=notes
    )
    return make_dataset(
        {"train": examples},
        labels=notes.class_names.get(label),
        origin=f"the file {path.name}",
        licence="the user's own",
    )
