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


# How texts begin that are no rows, what they are, and what to do.
_NO_ROWS = (
    (
        b"version https://git-lfs.github.com/spec/",
        "a pointer of Git LFS and not the data",
        "fetch the data with: git lfs pull",
    ),
    (b"<!doctype html", "a web page", "download the file itself, by its raw address"),
    (b"<html", "a web page", "download the file itself, by its raw address"),
)


def refuse_no_rows(path: Path) -> None:
    """Refuse a web page, or what stands for a file that was not fetched.

    Raises:
        UsageError: it is one of these.
    """
    try:
        with open_binary(path) as file:
            start = file.read(64).removeprefix(codecs.BOM_UTF8).lstrip().lower()
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return
    for mark, kind, advice in _NO_ROWS:
        if start.startswith(mark):
            raise UsageError(f"{path} is {kind}; {advice}.")


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
    guesses = _guess(path, line)
    if not guesses:
        return UsageError(f"{position}; save the file as UTF-8.")
    guess, *others = guesses
    if guess == "utf-8":
        return UsageError(
            f"{position}, as other lines are; correct this line, which was cut or copied from a "
            "file of another encoding."
        )
    doubt = f" or {', '.join(others)}: look at the text after converting it" if others else ""
    return UsageError(
        f"{position}; it may be {guess}{doubt}. Convert it: iconv -f {guess} -t UTF-8 "
        f"{path.name} > utf8-{path.name}; or, in a spreadsheet, save it as CSV UTF-8."
    )


def _undecodable_line(path: Path) -> tuple[int, bytes]:
    with open_binary(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number, line
    return 1, b""


def _guess(path: Path, line: bytes) -> list[str]:
    """The encodings that a file may have, the likeliest first; none where nothing fits.

    It is UTF-8 where most of what is beyond ASCII can be read so.
    """
    from charset_normalizer import from_bytes

    with open_binary(path) as file:
        sample = file.read(_SAMPLE)
    content = sample if any(byte > 127 for byte in sample) else line[:_SAMPLE]
    if b"\0" in content or not any(byte > 127 for byte in content):
        return []
    read = content.decode("utf-8", "replace")
    if sum(not sign.isascii() for sign in read) > 2 * read.count("\ufffd"):
        return ["utf-8"]
    strange = {sign for sign in content.decode("cp1252", "replace") if not sign.isascii()}
    # Few letters beyond ASCII fit a dozen encodings, of which this is by far the most frequent.
    if strange <= _WESTERN and sum(byte > 127 for byte in content) < 0.2 * len(content):
        return ["cp1252"]
    east_asian = _east_asian(content)
    if east_asian:
        return east_asian
    for found in from_bytes(content):
        if found.encoding not in _NO_GUESS and not found.encoding.startswith("mac"):
            return [str(found.encoding).replace("_", "-")]
    return []


# Those of two bytes a character, which are judged by their frequent characters, and ASCII's own.
_NO_GUESS = frozenset(
    {"utf_8", "ascii", "cp932", "cp949", "johab", "gbk", "gb2312", "hz", "big5hkscs", "cp950"}
    | {"euc_jis_2004", "euc_jisx0213", "shift_jis_2004", "shift_jisx0213"}
    | {"gb18030", "big5", "euc_kr", "euc_jp", "shift_jis"}
)
# Encodings of two bytes a character, and the first bytes of the characters that are used most.
_EAST_ASIAN = {
    "gb18030": (0xB0, 0xD7),
    "big5": (0xA4, 0xC6),
    "euc-kr": (0xB0, 0xC8),
    "euc-jp": (0xA4, 0xCF),
    "shift-jis": (0x82, 0x97),
}


def _east_asian(content: bytes) -> list[str]:
    """Encodings of Chinese, Japanese and Korean in which nearly all characters are frequent ones.

    The bytes of one are mostly valid in the others too, but there they are rare characters.
    """
    shares: dict[str, float] = {}
    for encoding, (first, last) in _EAST_ASIAN.items():
        try:
            # The sample may end within a character.
            text = codecs.getincrementaldecoder(encoding)().decode(content)
        except UnicodeDecodeError:
            continue
        wide = [sign for sign in text if not sign.isascii() and sign.isalpha()]
        if not wide:
            continue
        leads = [sign.encode(encoding) for sign in wide]
        frequent = sum(len(pair) == 2 and first <= pair[0] <= last for pair in leads) / len(wide)
        kana = sum("\u3040" <= sign <= "\u30ff" for sign in wide) / len(wide)
        # Japanese has kana in every sentence, and Chinese and Korean have none.
        japanese = encoding in ("euc-jp", "shift-jis")
        shares[encoding] = frequent if (kana > 0.1) == japanese else 0.0
    best = max(shares.values(), default=0.0)
    if best < 0.85:
        return []
    likely = [encoding for encoding, share in shares.items() if share > best - 0.05]
    # What keeps to fewer first bytes does so by chance more seldom.
    return sorted(likely, key=lambda encoding: _EAST_ASIAN[encoding][1] - _EAST_ASIAN[encoding][0])
