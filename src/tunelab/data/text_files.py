"""Open files of text: packed by gzip or not, in the encoding that their byte marks tell."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tunelab.errors import UsageError
from tunelab.guards.bounded_files import check_regular

# Bytes that any file may become, and times its size that a larger one may.
_FREE = 256_000_000
_TIMES = 100
_SAMPLE = 100_000
_WESTERN = frozenset(
    "àâäáãåæçèéêëìíîïñòóôöõøœùúûüÿßÀÂÄÁÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÕØŒÙÚÛÜ‘’“”„–—…€£°«»¡¿§·©®\u00a0"
)
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@contextmanager
def open_text(path: Path, *, newline: str | None = None) -> Iterator[IO[str]]:
    """The characters of a file; ``newline`` as :func:`open` takes it.

    Raises:
        UsageError: the file is not in the encoding that it begins with, is not a complete gzip
            file, or becomes far more than it is.
        OSError: it is missing or may not be read.
    """
    encoding = find_encoding(path)
    with open_binary(path) as raw, io.TextIOWrapper(raw, encoding, newline=newline) as file:
        try:
            yield file
        except UnicodeDecodeError:
            raise _not_decodable(path, encoding) from None
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise UsageError(f"{path} is not a complete gzip file; pack it again.") from None


def find_encoding(path: Path) -> str:
    """``utf-8`` unless the first bytes tell of another encoding.

    Raises:
        UsageError: it is not a complete gzip file.
        OSError: the file is missing or may not be read.
    """
    try:
        with open_binary(path) as file:
            start = file.read(4096)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UsageError(f"{path} is not a complete gzip file; pack it again.") from None
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    # Without a mark: Latin letters in UTF-16 have a zero in every second byte.
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = start[offset::2].count(0)
        if len(start) >= 8 and zeros > 0.4 * len(start) / 2 and not start[1 - offset :: 2].count(0):
            return encoding
    return "utf-8"


def open_binary(path: Path) -> io.BufferedReader | gzip.GzipFile:
    """The bytes of a file, unpacked if its name ends with .gz."""
    check_regular(path)
    if path.suffix.lower() == ".gz":
        return _BoundedGzip(path)
    return path.open("rb")


class _BoundedGzip(gzip.GzipFile):
    """A packed file that is not read on once it became far more than it is."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._path = path
        self._left = _FREE + _TIMES * path.stat().st_size

    def read(self, size: int | None = -1) -> bytes:
        return self._counted(super().read(-1 if size is None else size))

    def read1(self, size: int = -1) -> bytes:
        return self._counted(super().read1(size))

    def _counted(self, content: bytes) -> bytes:
        self._left -= len(content)
        if self._left < 0:
            raise UsageError(
                f"{self._path} is a small file that becomes far more when it is unpacked, so it "
                "is not read; unpack it yourself and check it."
            )
        return content


# How files that are no text begin, and what they are.
_BINARY = (
    (b"PK\x03\x04", "an Excel or zip file", "name it .xlsx if it comes from Excel"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file", "save it as CSV UTF-8 or as .xlsx"),
    (b"\x1f\x8b", "a gzip file", "add .gz to its name"),
    (b"PAR1", "a Parquet file", "name it .parquet"),
    (b"SQLite format 3", "an SQLite file", "export the table as CSV"),
)


def _not_decodable(path: Path, encoding: str) -> UsageError:
    with open_binary(path) as file:
        start = file.read(16)
    for mark, kind, advice in _BINARY:
        if start.startswith(mark):
            return UsageError(f"{path} is {kind}, although its name says text; {advice}.")
    if encoding.startswith(("utf-16", "utf-32")):
        return UsageError(
            f"{path}: not {encoding.upper()}, though it begins so; save the file as UTF-8."
        )
    number, line = _undecodable_line(path)
    position = f"{path}, line {number}: not UTF-8"
    guess = _guess(path, line)
    if guess == "utf-8":
        return UsageError(
            f"{position}, as other lines are; correct this line, which was cut or copied from a "
            "file of another encoding."
        )
    if guess is None:
        return UsageError(f"{position}; save the file as UTF-8.")
    return UsageError(
        f"{position}; it may be {guess}. Convert it: iconv -f {guess} -t UTF-8 {path.name} > "
        f"utf8-{path.name}; or, in a spreadsheet, save it as CSV UTF-8."
    )


def _undecodable_line(path: Path) -> tuple[int, bytes]:
    with open_binary(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number, line
    return 1, b""


def _guess(path: Path, line: bytes) -> str | None:
    """The encoding that a file most likely has, or None where nothing fits.

    It is UTF-8 where most of what is beyond ASCII can be read so.
    """
    from charset_normalizer import from_bytes

    with open_binary(path) as file:
        sample = file.read(_SAMPLE)
    content = sample if any(byte > 127 for byte in sample) else line[:_SAMPLE]
    if b"\0" in content or not any(byte > 127 for byte in content):
        return None
    read = content.decode("utf-8", "replace")
    if sum(not sign.isascii() for sign in read) > 2 * read.count("\ufffd"):
        return "utf-8"
    strange = {sign for sign in content.decode("cp1252", "replace") if not sign.isascii()}
    # Few letters beyond ASCII fit a dozen encodings, of which this is by far the most frequent.
    if strange <= _WESTERN and sum(byte > 127 for byte in content) < 0.2 * len(content):
        return "cp1252"
    best = from_bytes(content).best()
    if best is None or best.encoding in {"utf_8", "ascii"}:
        return None
    return str(best.encoding).replace("_", "-")
