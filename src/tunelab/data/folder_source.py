"""A folder with files for each split."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tunelab.data.columns import to_examples
from tunelab.data.examples import Dataset, Example
from tunelab.data.loading_notes import LoadingNotes, listed
from tunelab.data.readers import EXTENSIONS, kind_of, name_of, read_rows
from tunelab.data.splitting import make_dataset
from tunelab.errors import UsageError
from tunelab.guards.bounded_files import within

_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
# Files that hold rows; a .txt or .json file may as well be a note or a list of settings.
_ROWS = (".jsonl", ".csv", ".tsv", ".parquet", ".xlsx")
# One of several parts, as the Hub names them: train-00000-of-00003.parquet.
_PART = re.compile(r"(?P<name>.+)-(?P<index>\d{5})-of-(?P<parts>\d{5})(?:-[0-9a-f]+)?$")


def load(location: str, *, text: str, label: str, notes: LoadingNotes) -> Dataset:
    """Read train, validation and test files; train alone must be there.

    A split may stand in several parts. Where the folder itself has no training file, the folder
    ``data`` in it is looked into.

    Raises:
        UsageError: the folder cannot be read, there is no training file, two for one split or a
            part missing, a file is a link that leads out of the folder, or a row cannot be used.
    """
    folder = Path(location).expanduser()
    found = split_files(folder)
    _tell_unused(found, notes)
    splits: dict[str, list[Example]] = {}
    for split, paths in found.items():
        splits[split] = []
        for path in paths:
            within(folder, path)
            splits[split] += to_examples(
                read_rows(path, notes=notes),
                text=text,
                label=label,
                where=path.name,
                notes=notes,
                hidden=split != "train",
            )
    return make_dataset(
        splits,
        labels=notes.class_names.get(label),
        origin=f"the folder {folder.resolve().name}",
        licence="the user's own",
    )


def _tell_unused(found: Mapping[str, Sequence[Path]], notes: LoadingNotes) -> None:
    """Note the data files beside the training file that belong to no split."""
    used = {path for paths in found.values() for path in paths}
    beside = sorted(found["train"][0].parent.iterdir())
    unused = [path.name for path in beside if kind_of(path) in _ROWS and path not in used]
    if unused:
        names = " or ".join(f"{split} ({', '.join(names[1:])})" for split, names in _NAMES.items())
        notes.tell(
            f"Not read, as their names hold no split name: {listed(unused)}. The names are {names}."
        )


def split_files(folder: Path) -> dict[str, list[Path]]:
    """The files of each split, of the folder itself or of the folder ``data`` in it.

    Raises:
        UsageError: the folder cannot be read, there is no training file, or two for one split.
    """
    found = _files(folder)
    if "train" not in found and (folder / "data").is_dir():
        found = _files(within(folder, folder / "data"))
    if "train" not in found:
        raise UsageError(_no_training(folder))
    return found


def _files(folder: Path) -> dict[str, list[Path]]:
    """The files of each split that is there, in the order of their parts."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"cannot read the folder {folder}: {error.strerror}.") from None
    found = {}
    for split, names in _NAMES.items():
        of_split = [
            path for path in paths if kind_of(path) in EXTENSIONS and _stem(path)[0] in names
        ]
        if of_split:
            _check_parts(folder, split, of_split)
            found[split] = of_split
    return found


def _stem(path: Path) -> tuple[str, int]:
    """The name of a file without its kind and its part, and how many parts there are."""
    part = _PART.fullmatch(name_of(path))
    return (part["name"], int(part["parts"])) if part else (name_of(path), 0)


def _check_parts(folder: Path, split: str, paths: Sequence[Path]) -> None:
    parts = {_stem(path) for path in paths}
    if len(parts) > 1 or (len(paths) > 1 and next(iter(parts))[1] == 0):
        raise UsageError(
            f"{folder} has two {split} files, {paths[0].name} and {paths[1].name}; keep one."
        )
    _, whole = next(iter(parts))
    if whole and len(paths) != whole:
        raise UsageError(
            f"{folder} has {len(paths)} of the {whole} parts of {split}, beginning with "
            f"{paths[0].name}; bring all."
        )


def _no_training(folder: Path) -> str:
    sentence = f"{folder} holds no training file, as train.jsonl or train.csv"
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    files = [name for name in names if kind_of(Path(name)) in EXTENSIONS]
    if "dataset_info.json" in names or "dataset_dict.json" in names:
        return f"{sentence}; write a data set of the library datasets with to_parquet."
    if len(files) == 1:
        return f"{sentence}; to use {files[0]}, name that file."
    return f"{sentence}; it holds {listed(names) or 'nothing'}."
