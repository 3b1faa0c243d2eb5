"""Files that a person uploads: looked at where they lie, and kept under names of our own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tunelab.data.readers import EXTENSIONS, check_file, read_rows
from tunelab.errors import TunelabError, UsageError

KINDS = tuple(extension for extension in EXTENSIONS if extension != ".json")


def accept(path: object, scratch: Path, max_bytes: int) -> Path:
    """An upload, if it lies in the app's own folder, is small enough and of a known kind.

    Raises:
        UsageError: it is none of that, or none was given.
    """
    if not isinstance(path, str) or not path:
        raise UsageError("choose a file first.")
    file = Path(path)
    if not file.resolve().is_relative_to(scratch.resolve()) or not file.is_file():
        raise UsageError("upload the file again.")
    if file.suffix.lower() not in KINDS:
        raise UsageError(f"the file must be one of {', '.join(KINDS)}.")
    if file.stat().st_size > max_bytes:
        raise UsageError(f"the file is larger than {max_bytes / 1e6:.0f} MB.")
    with named(file):
        check_file(file)
    return file


def columns(file: Path, *, labelled: bool) -> list[str]:
    """The names of a file's columns, from its first row.

    Raises:
        UsageError: the first row cannot be read.
    """
    with named(file):
        _, row = next(iter(read_rows(file, labelled=labelled)))
    return [str(name) for name in row]


def keep(file: Path, folder: Path) -> Path:
    """A copy in ``folder``, under a name that only tells the kind."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"data{file.suffix.lower()}"
    shutil.copyfile(file, target)
    return target


@contextmanager
def named(file: Path) -> Iterator[None]:
    """Errors within tell the file's name in place of where it lies on this machine."""
    try:
        yield
    except TunelabError as error:
        raise type(error)(str(error).replace(str(file), file.name)) from None
