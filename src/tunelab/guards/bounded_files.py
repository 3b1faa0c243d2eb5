"""Files from strangers: regular ones, of a bounded size, within the folder that was chosen."""

import stat
from pathlib import Path

from tunelab.errors import UsageError


def read_bounded(path: Path, most: int) -> bytes:
    """The content of a regular file of at most ``most`` bytes.

    Raises:
        UsageError: it is a device, a pipe or a folder, or it is larger.
        OSError: it is missing or may not be read.
    """
    check_regular(path)
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UsageError(f"{path} is larger than {most / 1e6:,.0f} MB, which is too much for it.")
    return content


def check_regular(path: Path) -> None:
    """Refuse what reading could hang on: a device, a pipe, a socket.

    Raises:
        UsageError: it is not a regular file, or no name that a file can have.
        OSError: it is missing or may not be looked at.
    """
    try:
        mode = path.stat().st_mode
    except ValueError:
        raise UsageError(f"{str(path)!r} cannot be the name of a file.") from None
    if not stat.S_ISREG(mode):
        raise UsageError(f"{path} is not a regular file; name a file that is.")


def within(folder: Path, path: Path) -> Path:
    """``path``, if neither a link nor ``..`` in it leads out of ``folder``.

    A snapshot of the Hub's cache holds links to the blobs beside it, which belong to it.

    Raises:
        UsageError: it leads out.
    """
    try:
        root = folder.resolve()
        if root.parent.name == "snapshots":
            root = root.parent.parent
        inside = path.resolve().is_relative_to(root)
    except (OSError, RuntimeError, ValueError):
        # A chain of links that never ends, or a name that no file can have.
        inside = False
    if not inside:
        raise UsageError(f"{path} leads out of {folder}, so it is not used; put the file itself.")
    return path


def check_links(folder: Path) -> None:
    """Refuse a folder whose entries are links that lead out of it.

    Raises:
        UsageError: one does.
    """
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink():
            within(folder, entry)


def home_path(name: str) -> Path:
    """A path as a person writes it, with ~ for a home.

    Raises:
        UsageError: it is nobody's home.
    """
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise UsageError(f"{name!r} names nobody's home; write the path out.") from None


def is_folder(path: Path) -> bool:
    """Whether there is a folder of that name; False too for a name that none can have."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """As :func:`is_folder`, for a file."""
    try:
        return path.is_file()
    except OSError:
        return False
