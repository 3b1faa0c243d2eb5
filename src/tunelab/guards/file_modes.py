"""Who may read what is written: new files and folders follow the umask, whoever writes them.

Temporary files are made for their owner alone, and some libraries save so too (safetensors), which
would leave weights that nobody else can read beside records that all can.
"""

import os
import stat
import uuid
from pathlib import Path

# Characters of a name that are drawn anew each time, as many as tempfile draws.
_DRAWN = 8


def new_file(folder: Path, prefix: str, suffix: str) -> tuple[int, Path]:
    """A new file in ``folder``, open for reading and writing, with the mode of any new file there.

    Raises:
        OSError: the folder cannot be written.
    """
    path = folder / f"{prefix}{uuid.uuid4().hex[:_DRAWN]}{suffix}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), path


def follow_umask(folder: Path) -> None:
    """Give a folder and all files and folders in it the modes that the umask gives to new ones.

    Raises:
        OSError: the folder cannot be written, or something in it belongs to somebody else.
    """
    for_folders = _mode_of_new_folder(folder)
    for_files = for_folders & 0o666
    for path in [folder, *folder.rglob("*")]:
        if path.is_symlink():
            continue
        wanted = for_folders if path.is_dir() else for_files
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o777 != wanted:
            path.chmod(mode & ~0o777 | wanted)


def _mode_of_new_folder(folder: Path) -> int:
    # A process can learn its umask only by setting it, which its other threads would notice.
    probe = folder / f".umask.{uuid.uuid4().hex[:_DRAWN]}.part"
    probe.mkdir()
    try:
        return probe.stat().st_mode & 0o777
    finally:
        probe.rmdir()
