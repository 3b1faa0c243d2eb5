"""The corpus that comes with tunelab: short English texts over six emotions."""

from importlib.resources import files
from pathlib import Path

from tunelab.data.columns import to_examples
from tunelab.data.examples import SPLITS, Dataset
from tunelab.data.loading_notes import LoadingNotes
from tunelab.data.readers import read_rows
from tunelab.data.splitting import make_dataset
from tunelab.registry import check_name

LABELS = ("sadness", "joy", "love", "anger", "fear", "surprise")


def load(location: str, *, text: str, label: str, notes: LoadingNotes) -> Dataset:
    """The frozen splits of the starter corpus. Its columns are ``text`` and ``label``.

    Raises:
        UsageError: another column was asked for.
    """
    for column in (text, label):
        check_name("column of the starter corpus", column, ("text", "label"))
    folder = Path(str(files("tunelab.data") / "starter"))
    splits = {
        split: to_examples(
            read_rows(folder / f"{split}.jsonl", notes=notes),
            text=text,
            label=label,
            where=f"{split}.jsonl",
            notes=notes,
        )
        for split in SPLITS
    }
    return make_dataset(
        splits,
        labels=LABELS,
        origin="tunelab's starter corpus",
        licence="Apache-2.0",
    )
