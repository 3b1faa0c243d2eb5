"""Rows of JSON: one object a line, an array, or one object that holds a whole table."""

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from tunelab.data.delimited import LONGEST
from tunelab.data.text_files import open_text
from tunelab.errors import UsageError

# Characters of one object that holds a whole table.
_LARGEST_TABLE = 400_000_000
_BLOCK = 1 << 16
_WANTED = 'write one object a line, as {"text": "…", "label": "…"}, or an array of such objects'
_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant"}

Row = dict[str, Any]


def read_json_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Numbers of lines and rows, whichever of the forms the file has.

    The forms of a table: columns of lists, pandas' ``columns``, ``index``, ``split`` and
    ``table``, and an object with one list of rows in it. A row of Label Studio or of a chat
    becomes one of text and label, if it holds one of each.

    Raises:
        UsageError: it is none of these, or a row is malformed or too long.
    """
    for number, row in _rows(path):
        yield number, _plain(row, path, number)


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    with open_text(path) as file:
        first, before = "", 0
        for number, line in _lines(file, path):
            first, before = line, number
            if line.strip():
                break
        start = first.lstrip()
        if start.startswith("["):
            yield from _array(file, first, path, before)
            return
        if len(first) == LONGEST:
            yield from _objects(file, first, path, before)
            return
        if not start:
            return
        try:
            row = _parse(first)
        except json.JSONDecodeError:
            if not start.startswith("{") or start.rstrip().endswith("}"):
                raise _malformed(path, before) from None
            yield from _objects(file, first, path, before)
            return
        except (ValueError, RecursionError):
            raise _malformed(path, before) from None
        lines = ((number, line) for number, line in _lines(file, path, before) if line.strip())
        second = next(lines, None)
        if second is None:
            yield from ((before, one) for one in _table(row, path, before))
            return
        yield before, _object(row, path, before)
        for number, line in itertools.chain([second], lines):
            try:
                row = _parse(line)
            except (ValueError, RecursionError):
                raise _malformed(path, number) from None
            yield number, _object(row, path, number)


def _parse(text: str) -> Any:
    return json.loads(text, parse_constant=lambda _: None)


def _malformed(path: Path, number: int) -> UsageError:
    return UsageError(f"{path}, line {number}: not a JSON object; {_WANTED}.")


def _object(value: Any, path: Path, number: int) -> Row:
    if not isinstance(value, dict):
        raise _malformed(path, number)
    return value


def _lines(file: IO[str], path: Path, number: int = 0) -> Iterator[tuple[int, str]]:
    while line := file.readline(LONGEST):
        number += 1
        # The first line may hold a whole table.
        if len(line) == LONGEST and number > 1:
            raise UsageError(f"{path}, line {number}: a line of {LONGEST:,} characters or more.")
        yield number, line


class _Values:
    """JSON values one after the other, of a file that is read in blocks."""

    def __init__(self, file: IO[str], start: str, path: Path, line: int, most: int) -> None:
        self._file, self._buffer, self._path = file, start, path
        self.line = line
        self._most = most
        self._decoder = json.JSONDecoder(parse_constant=lambda _: None)
        self._ended = False

    def skip(self, signs: str) -> str:
        """Leave out blanks and ``signs``; the next character, or nothing at the end."""
        while True:
            left = self._buffer.lstrip(signs + " \t\r\n")
            self.line += self._buffer[: len(self._buffer) - len(left)].count("\n")
            self._buffer = left
            if left or not self._read(_BLOCK):
                return left[:1]

    def next(self) -> tuple[int, Any]:
        """The next value and where it begins."""
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer)
            except json.JSONDecodeError:
                # Half of it may still be in the file.
                longest = len(self._buffer) > self._most
                if not longest and self._read(max(_BLOCK, len(self._buffer))):
                    continue
                if longest or len(self._buffer) >= LONGEST:
                    raise UsageError(
                        f"{self._path}, line {self.line}: a JSON value that is not whole after "
                        f"{LONGEST:,} characters or more."
                    ) from None
                raise _malformed(self._path, self.line) from None
            except (ValueError, RecursionError):
                raise _malformed(self._path, self.line) from None
            else:
                begins = self.line
                self.line += self._buffer.count("\n", 0, end)
                self._buffer = self._buffer[end:]
                return begins, value

    def drop(self, signs: int) -> None:
        """Leave out as many characters."""
        self._buffer = self._buffer[signs:]

    def _read(self, size: int) -> bool:
        more = self._file.read(size)
        self._buffer += more
        return bool(more)


def _array(file: IO[str], start: str, path: Path, line: int) -> Iterator[tuple[int, Row]]:
    values = _Values(file, start, path, line, LONGEST)
    values.skip("")
    values.drop(1)
    comma = True
    while (sign := values.skip("")) != "]":
        if not comma or sign in ("", ","):
            raise _malformed(path, values.line)
        if sign != "{":
            raise UsageError(
                f"{path}, line {values.line}: not a JSON object, but another value in the "
                f"array; {_WANTED}."
            )
        number, row = values.next()
        yield number, row
        comma = values.skip("") == ","
        if comma:
            values.drop(1)
    values.drop(1)
    if values.skip(""):
        raise UsageError(f"{path}, line {values.line}: more text after the end of the array.")


def _objects(file: IO[str], start: str, path: Path, line: int) -> Iterator[tuple[int, Row]]:
    """Objects that take several lines each, or one that is a table."""
    values = _Values(file, start, path, line, _LARGEST_TABLE)
    values.skip("")
    number, row = values.next()
    if not values.skip(","):
        yield from ((number, one) for one in _table(row, path, number))
        return
    yield number, _object(row, path, number)
    while values.skip(","):
        number, row = values.next()
        yield number, _object(row, path, number)


def _table(value: Any, path: Path, number: int) -> list[Row]:
    """The rows of an object that stands alone in its file."""
    whole = _object(value, path, number)
    parts = list(whole.values())
    if not parts or _is_chat(whole) or _is_task(whole):
        return [whole]
    names, cells = whole.get("columns"), whole.get("data")
    if isinstance(names, list) and isinstance(cells, list) and _all(cells, list):
        if any(len(row) != len(names) for row in cells):
            raise UsageError(f"{path}: the number of cells in a row is not that of the columns.")
        return [dict(zip(map(str, names), row, strict=True)) for row in cells]
    lists = [key for key, part in whole.items() if isinstance(part, list) and _all(part, dict)]
    for key in lists:
        # As the Hub's server of rows answers.
        if all(isinstance(row.get("row"), dict) for row in whole[key]):
            return [row["row"] for row in whole[key]]
    if len(lists) == 1:
        return list(whole[lists[0]])
    if len(lists) > 1:
        raise UsageError(
            f"{path} holds several lists of rows ({', '.join(lists)}); write each to a file of "
            "its own, as train.jsonl and test.jsonl in one folder."
        )
    if _all(parts, list) and len({len(part) for part in parts}) == 1:
        return [dict(zip(whole, row, strict=True)) for row in zip(*parts, strict=True)]
    if _all(parts, dict) and all(parts):
        return _nested_table(whole, path)
    if any(isinstance(part, list | dict) and len(part) > 1 for part in parts) and len(parts) > 1:
        columns = {key: len(part) for key, part in whole.items() if isinstance(part, list | dict)}
        if len(columns) == len(parts):
            raise UsageError(
                f"{path}: its columns do not have the same length ({columns}); {_WANTED}."
            )
    return [whole]


def _all(parts: list[Any], kind: type) -> bool:
    return bool(parts) and all(isinstance(part, kind) for part in parts)


def _nested_table(whole: Mapping[str, Mapping[str, Any]], path: Path) -> list[Row]:
    """Columns that hold their rows by number, or rows by number that hold their columns."""
    inner = [list(part) for part in whole.values()]
    if any(keys != inner[0] for keys in inner):
        if all(key.isdecimal() for key in whole):
            return [dict(part) for part in whole.values()]
        raise UsageError(f"{path}: its columns do not have the same rows; {_WANTED}.")
    rows_inside = all(key.isdecimal() for key in inner[0])
    rows_outside = all(key.isdecimal() for key in whole)
    if rows_inside == rows_outside:
        rows_inside = len(inner[0]) >= len(whole)
    if not rows_inside:
        return [dict(part) for part in whole.values()]
    return [{name: whole[name][key] for name in whole} for key in inner[0]]


def _turns(row: Mapping[str, Any]) -> list[tuple[Any, Any]] | None:
    for key, role, content in (
        ("messages", "role", "content"),
        ("conversations", "from", "value"),
        ("conversation", "role", "content"),
    ):
        turns = row.get(key)
        if isinstance(turns, list) and turns and all(isinstance(one, dict) for one in turns):
            return [(one.get(role), one.get(content)) for one in turns]
    return None


def _is_chat(row: Mapping[str, Any]) -> bool:
    return _turns(row) is not None


def _is_task(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("data"), dict) and isinstance(row.get("annotations"), list)


def _plain(row: Row, path: Path, number: int) -> Row:
    """A row of text and label; other rows are as they are."""
    if "messages" in row or "conversations" in row or "conversation" in row:
        turns = _turns(row)
        if turns is not None and "text" not in row and "label" not in row:
            return {**row, **_question_and_answer(turns, path, number)}
    elif "annotations" in row and _is_task(row):
        return _of_task(row, path, number)
    return row


def _question_and_answer(turns: list[tuple[Any, Any]], path: Path, number: int) -> Row:
    asked = [content for role, content in turns if _ROLES.get(str(role)) == "user"]
    answers = [content for role, content in turns if _ROLES.get(str(role)) == "assistant"]
    if len(asked) != 1 or len(answers) > 1 or not isinstance(asked[0], str):
        raise UsageError(
            f"{path}, line {number}: a chat with {len(asked)} questions and {len(answers)} "
            f"answers is not a text with a label; {_WANTED}."
        )
    return {"text": asked[0], "label": answers[0] if answers else None}


def _of_task(row: Row, path: Path, number: int) -> Row:
    """A task of Label Studio: its data, and the choice that was made."""
    chosen: dict[str, list[str]] = {}
    for annotation in row["annotations"]:
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        for result in annotation.get("result") or []:
            value = result.get("value") if isinstance(result, dict) else None
            choices = value.get("choices") if isinstance(value, dict) else None
            if isinstance(choices, list):
                name = str(result.get("from_name") or "label")
                chosen.setdefault(name, []).extend(map(str, choices))
    for name, choices in chosen.items():
        if len(set(choices)) > 1:
            several = " and ".join(sorted(set(choices)))
            raise UsageError(
                f"{path}, line {number}: {name} has the choices {several}; tunelab gives a text "
                "one label, so settle on one, or leave the row out."
            )
    labels = {name: choices[0] if choices else None for name, choices in chosen.items()}
    only = next(iter(labels.values()), None) if len(labels) <= 1 else None
    return {"label": only, **labels, **row["data"]}
