"""A folder with a file for each split."""

from pathlib import Path

from tunelab.bounded_files import within
from tunelab.data.columns import to_examples
from tunelab.data.examples import Dataset
from tunelab.data.readers import EXTENSIONS, read_rows
from tunelab.data.splitting import make_dataset
from tunelab.errors import UsageError

_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}


def load(location: str, *, text: str, label: str) -> Dataset:
    """Read train, validation and test files; train alone must be there.

    Raises:
        UsageError: the folder cannot be read, there is no training file, two for one split, a
            file is a link that leads out of the folder, or a row cannot be used.
    """
    folder = Path(location).expanduser()
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"cannot read the folder {folder}: {error.strerror}.") from None
    splits = {}
    for split, stems in _NAMES.items():
        found = [
            path
            for path in paths
            if path.stem.lower() in stems and path.suffix.lower() in EXTENSIONS
        ]
        if len(found) > 1:
            raise UsageError(
                f"{folder} has two {split} files, {found[0].name} and {found[1].name}; keep one."
            )
        if found:
            within(folder, found[0])
            splits[split] = to_examples(
                read_rows(found[0]), text=text, label=label, where=found[0].name
            )
    if "train" not in splits:
        raise UsageError(f"{folder} holds no training file, as train.jsonl or train.csv.")
    return make_dataset(
        splits,
        labels=None,
        origin=f"the folder {folder.resolve().name}",
        licence="the user's own",
    )
