"""Read text files of any size, line by line."""

from collections.abc import Iterator
from pathlib import Path

from tunelab.errors import UsageError
from tunelab.guards.bounded_files import check_regular

# A longer line is cut at a space, so that a file without line ends does not fill the memory.
LONGEST_LINE = 1 << 20


def check_text_file(path: Path) -> int:
    """The size of a file in bytes.

    Raises:
        UsageError: it is missing, a folder or a device, or cannot be opened.
    """
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a folder, and a file is needed here.")
        if not path.exists():
            raise UsageError(f"there is no file {str(path)!r}.")
        check_regular(path)
        return path.stat().st_size
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot open {str(path)!r}: {reason}.") from None


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file without their ends; a byte order mark is left out.

    Lines end with a line feed, with or without a carriage return before it. A line of more than
    a mebibyte comes in parts.

    Raises:
        UsageError: the file is missing or not UTF-8; the line is named.
    """
    check_text_file(path)
    number = 1
    rest = b""
    try:
        with path.open("rb") as file:
            first = True
            while block := file.readline(LONGEST_LINE):
                if first:
                    block, first = block.removeprefix(b"\xef\xbb\xbf"), False
                rest += block
                if block.endswith(b"\n"):
                    yield _decode(rest, path, number).rstrip("\n").removesuffix("\r")
                    rest, number = b"", number + 1
                elif len(rest) >= LONGEST_LINE:
                    position = rest.rfind(b" ") if b" " in rest[-LONGEST_LINE // 2 :] else -1
                    position = position if position > 0 else _character_start(rest)
                    yield _decode(rest[:position], path, number)
                    rest = rest[position:]
            if rest:
                yield _decode(rest, path, number)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}.") from None


def _character_start(content: bytes) -> int:
    """The last position at which a character may begin, so that none is cut in two."""
    for position in range(len(content) - 1, max(0, len(content) - 5), -1):
        if content[position] & 0xC0 != 0x80:
            return position
    return len(content)


def _decode(content: bytes, path: Path, number: int) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}, line {number}: not UTF-8 (byte {error.start + 1} of it is "
            f"{content[error.start]:#04x}); save the file as UTF-8."
        ) from None
