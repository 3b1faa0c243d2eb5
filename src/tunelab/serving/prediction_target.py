"""Where labels go: to the screen, into one file, or into a folder of Parquet parts."""

import mimetypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunelab.errors import UsageError
from tunelab.runs.storage import is_remote
from tunelab.serving.prediction_files import ENDINGS, ending_of

SCREEN = "-"
# Bytes; a file begins as a hidden one with a longer name.
_LONGEST_NAME = 200
# Kinds of files that Python's own table of them lacks, or that it has in some versions only.
_OTHER_KINDS = (
    *("arrow", "avro", "bz2", "db", "doc", "docx", "feather", "gz", "h5", "html", "log", "md"),
    *("numbers", "ods", "odt", "orc", "pdf", "pickle", "pkl", "rtf", "sqlite", "txt", "xls"),
    *("xlsb", "xlsm", "xlsx", "xml", "xz", "yaml", "yml", "zip", "zst"),
)
_SPREADSHEETS = ("numbers", "ods", "xls", "xlsb", "xlsm", "xlsx")


@dataclass(frozen=True)
class Target:
    """``parts`` is the folder or URL that parts are written to; None for the screen.

    ``file`` is the file that they are joined into in the end, if one was asked for.
    """

    parts: str | None
    file: Path | None = None


def find_target(out: str | None, files: Sequence[str]) -> Target:
    """What ``out`` asks for; ``files`` are read, so none of them may be written.

    None and ``-`` are the screen. A name with an ending of :data:`ENDINGS` is a file, and a name
    that ends in a slash a folder, as is one without the ending of any known kind of file.

    Raises:
        UsageError: ``out`` cannot become what its name says.
    """
    if out is None or out == SCREEN:
        return Target(None)
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in out.split("/")):
        raise UsageError(
            f"--out has a name of more than {_LONGEST_NAME} bytes; name a shorter one."
        )
    if not out.strip():
        raise UsageError("--out is empty; name a file, a folder, or - for the screen.")
    if out.endswith(("/", "\\")):
        return Target(_usable_folder(out))
    name = out.rpartition("/")[2] if is_remote(out) else Path(out).name
    ending = ending_of(name)
    if ending in ENDINGS:
        if is_remote(out):
            raise UsageError(
                f"--out {out}: a single file cannot be written to a URL; name a folder there."
            )
        file = _usable_file(out, files)
        return Target(str(file.with_name(f".{file.name}.parts")), file)
    if ending in _OTHER_KINDS or _is_known(name):
        known = ", ".join(f".{one}" for one in ENDINGS)
        hint = " (spreadsheets open .csv)" if ending in _SPREADSHEETS else ""
        raise UsageError(
            f"--out {out}: labels cannot be written as .{ending}; name a file that ends in "
            f"{known}{hint}, or a folder."
        )
    return Target(_usable_folder(out))


def _is_known(name: str) -> bool:
    # Python's own table, which is the same on every system.
    return mimetypes.MimeTypes().guess_type(name)[0] is not None


def _usable_file(out: str, files: Sequence[str]) -> Path:
    path = Path(out)
    if path.is_dir():
        raise UsageError(
            f"--out {out} is a folder; name a file that does not exist, or write {out}/ to put "
            "parts into the folder."
        )
    if path.exists() and not path.is_file():
        raise UsageError(f"--out {out} is not a regular file; name another.")
    for file in files:
        if not is_remote(file) and path.exists() and path.samefile(file):
            raise UsageError(f"--out {out} is the file that is read; name another.")
    _check_parents(path)
    return path


def _usable_folder(out: str) -> str:
    if not is_remote(out):
        path = Path(out)
        if path.exists() and not path.is_dir():
            raise UsageError(f"--out {out} is a file; name a folder, or a file that ends in .csv.")
        _check_parents(path)
    return out


def _check_parents(path: Path) -> None:
    there = next(folder for folder in path.absolute().parents if folder.exists())
    if not there.is_dir():
        raise UsageError(f"--out {path}: {there} is a file; name another path.")
