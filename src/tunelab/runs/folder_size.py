"""How much the files of a folder hold."""

from pathlib import Path


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder; a link counts as what it leads to."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
