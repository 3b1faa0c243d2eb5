"""Which column of a file holds the texts and which the labels, guessed from names and values."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words in the name of a column, in lower case. They decide only between columns whose values fit.
_TEXT_NAMES = _names(
    "text texts sentence sentences content contents message messages msg body review reviews "
    "comment comments tweet post question query utterance description document abstract paragraph "
    "headline input متن نظر"
)
_LABEL_NAMES = _names(
    "label labels labelled category categories class classes target targets intent sentiment "
    "emotion mood topic subject tag stars star rating ratings verdict outcome output answer y type "
    "kind gold annotation polarity priority urgency score برچسب دسته"
)
_ID_NAMES = _names(
    "id ids uuid guid index idx key no nr number row hash url uri link date time timestamp "
    "datetime day month year email phone شناسه تاریخ"
)
_SIDE_NAMES = _names(
    "split fold set lang language locale source author user username name by country city region "
    "device platform version annotator length len words votes likes count age price amount "
    "probability confidence verified"
)
_SPLITS = frozenset({"train", "training", "test", "testing", "validation", "valid", "val", "dev"})
_ADDRESS = re.compile(r"\w+://\S+|www\.\S+|\S+@\S+\.\w+|(/|[A-Za-z]:\\|\.{1,2}/)\S+")
# A word without blanks that holds letters and a digit, as user-00012, 3f2a-99c0 or TCK_4711.
_CODE = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])[\w.:#/+-]{4,}", re.ASCII)
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?|\d{1,2}:\d{2}(:\d{2})?.*")
# A share of the values that decides what a column is; a stray value changes nothing.
_MOST = 0.8
_MOST_NUMBERS = 20
_MOST_DECIMALS = 10
_MOST_CODES = 200
_MOST_LABELS = 1_000
_FEW_ROWS = 20


@dataclass(frozen=True)
class Proposal:
    """The columns to use, or None where none fits, and then why.

    ``others`` are further columns that could hold labels, the likelier ones first. ``problem``
    is a sentence for the user, or None where both columns were found; ``nameable`` is false where
    the file must change, and naming its columns would not help.
    """

    text: str | None
    label: str | None
    others: tuple[str, ...] = ()
    problem: str | None = None
    nameable: bool = True


@dataclass
class _Column:
    """What is counted of a column. ``values`` holds the cells that are filled, as strings."""

    name: str
    position: int
    values: Counter[str] = field(default_factory=Counter)
    nested: int = 0

    @property
    def filled(self) -> int:
        return self.values.total()

    def share(self, holds: Any) -> float:
        """Of the filled cells, those of which ``holds`` is true."""
        total = self.filled
        matching = sum(count for value, count in self.values.items() if holds(value))
        return matching / total if total else 0.0

    @property
    def words(self) -> set[str]:
        """The words of the column's name: ``reviewText`` has review and text."""
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.name).replace("_", " ")
        return set(re.findall(r"[^\W\d]+", spaced.casefold()))


def propose_columns(rows: Iterable[Mapping[str, Any]]) -> Proposal:
    """Propose the column of the texts and the column of the labels.

    The texts are the longest and most varied values that are words: no number, date, code or
    address. Labels are few and repeated: at most half as many different values as rows. An id, a
    measured number, a date or a constant is never proposed as the label. Names of columns decide
    between those whose values fit.
    """
    columns = _count(rows)
    texts = sorted(filter(_is_text, columns), key=_text_score, reverse=True)
    if not texts:
        return Proposal(None, None, problem=_why_no_text(columns))
    text = texts[0]
    rest = [column for column in columns if column is not text]
    flags = _one_hot(rest, text.filled)
    labels = _like_labels(rest)
    if not labels and rest and _is_label(text) and _is_label_name(text):
        return Proposal(None, None, problem=_why_not_these_texts(text, rest))
    if flags or not labels:
        problem, nameable = _why_no_label(text, rest, flags)
        return Proposal(text.name, None, problem=problem, nameable=nameable)
    if labels[0].name.strip() in labels[0].values:
        return Proposal(None, None, problem=_no_header(labels[0]))
    return Proposal(text.name, labels[0].name, tuple(column.name for column in labels[1:]))


def label_columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The columns that could hold labels, the likeliest first, each with its different values."""
    return {column.name: len(column.values) for column in _like_labels(_count(rows))}


def _like_labels(columns: Iterable[_Column]) -> list[_Column]:
    return sorted(filter(_is_label, columns), key=_label_score, reverse=True)


def _why_no_text(columns: Sequence[_Column]) -> str:
    if not columns:
        return "The file has no columns."
    names = _listed(columns)
    if all(column.nested for column in columns):
        return (
            f"The columns hold lists or objects: {names}. Write a file with one text and one label "
            "in each row."
        )
    return f"No column looks like texts. The columns are {names}."


def _why_no_label(
    text: _Column, rest: Sequence[_Column], flags: Sequence[_Column]
) -> tuple[str, bool]:
    """A sentence, and whether naming the columns would help."""
    if not rest:
        return (
            f"The file has one column, {_shown(text)}, and none for the labels. Add a second "
            "column that holds the label of each text."
        ), False
    if flags:
        return (
            f"The columns {_listed(flags)} hold 0 or 1, one column for each label. Replace them by "
            "one column that holds the name of the label."
        ), True
    for column in rest:
        if not _is_label_name(column):
            continue
        if column.nested:
            return (
                f"The column {_shown(column)} holds lists or objects. tunelab gives a text one "
                "label: write its name or number in that column, and leave out texts with several."
            ), True
        if len(column.values) == 1:
            return (
                f"All rows have the same value, {next(iter(column.values))[:60]!r}, in the column "
                f"{_shown(column)}. A classifier needs two labels or more."
            ), True
    return (
        f"No column besides {_shown(text)} looks like labels: a label is a short value that many "
        "rows share. Choose the column of the labels."
    ), True


def _why_not_these_texts(label: _Column, rest: Sequence[_Column]) -> str:
    """The only column of words is that of the labels."""
    return (
        f"The column {_shown(label)} looks like labels, and no column looks like texts: "
        f"{_listed(rest)} hold{'s' if len(rest) == 1 else ''} numbers, dates, addresses, codes, "
        "lists, bytes, or one value in all rows."
    )


def _no_header(label: _Column) -> str:
    return (
        "The first line looks like a row and not like the names of the columns: it has "
        f"{_shown(label)}, which is a label of other rows. Write the names above it, such as text "
        "and label, unless these are the names."
    )


def _is_label_name(column: _Column) -> bool:
    return bool(column.words & _LABEL_NAMES) and not column.words & _TEXT_NAMES


def _listed(columns: Sequence[_Column]) -> str:
    names = ", ".join(map(_shown, columns[:12]))
    return names if len(columns) <= 12 else f"{names} and {len(columns) - 12} more"


def _shown(column: _Column) -> str:
    """The name of a column in quotes. In a file without a header it can be a whole text."""
    name = column.name
    return repr(name if len(name) <= 60 else name[:59] + "…")


def is_like_ids(labels: Mapping[str, int]) -> bool:
    """Whether values with these counts tell rows apart instead of grouping them."""
    return len(labels) > 2 and 2 * len(labels) > sum(labels.values())


def _count(rows: Iterable[Mapping[str, Any]]) -> list[_Column]:
    columns: dict[str, _Column] = {}
    for row in rows:
        for name, value in row.items():
            column = columns.get(name)
            if column is None:
                column = columns[name] = _Column(str(name), len(columns))
            if isinstance(value, list | tuple | dict | bytes):
                column.nested += 1
            elif (written := _write(value)) is not None:
                column.values[written] += 1
    return list(columns.values())


def _write(value: Any) -> str | None:
    """A cell as text; None where it is empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


def _is_text(column: _Column) -> bool:
    if not column.filled or column.nested or len(column.values) < 2:
        return False
    if column.words & _ID_NAMES and not column.words & _TEXT_NAMES:
        return False
    return column.share(_is_no_text) < _MOST


def _is_no_text(value: str) -> bool:
    if _ADDRESS.fullmatch(value) or _CODE.fullmatch(value) or _is_number(value):
        return True
    seen = [character for character in value if not character.isspace()]
    # Dates and times, in whatever form: "Mon Jan 03 10:22:11 +0000 2021".
    return sum(character.isdigit() for character in seen) > 0.4 * len(seen)


def _text_score(column: _Column) -> float:
    """Mean characters of a value, lower where values repeat."""
    characters = sum(len(value) * count for value, count in column.values.items())
    mean = characters / column.filled
    varied = len(column.values) / column.filled
    hint = 1.5 if column.words & _TEXT_NAMES else 1.0
    # Neither the title nor the name of an author is the text, as long as there is a longer one.
    return mean * varied * hint


def _is_label(column: _Column) -> bool:
    total, different = column.filled, len(column.values)
    hinted = bool(column.words & _LABEL_NAMES)
    if column.nested or not 2 <= different <= _MOST_LABELS:
        return False
    # In a handful of rows hardly any value is repeated, and the name alone can tell.
    if 2 * different > total and not (hinted and total < _FEW_ROWS):
        return False
    if column.words & _ID_NAMES and not hinted:
        return False
    if column.share(lambda value: bool(_ADDRESS.fullmatch(value) or _DATE.fullmatch(value))) > 0.5:
        return False
    if column.share(_is_number) >= _MOST:
        whole = column.share(_is_whole) >= _MOST
        if not whole:
            return different <= _MOST_DECIMALS and 3 * different <= total
        return different <= _MOST_NUMBERS or (hinted and 5 * different <= total)
    if column.share(lambda value: bool(_CODE.fullmatch(value))) >= _MOST:
        return different <= (_MOST_CODES if hinted else _MOST_NUMBERS)
    return True


def _label_score(column: _Column) -> tuple[float, ...]:
    """Sort by the name, then words before numbers, then the later column."""
    words = column.words
    hint = (2 if words & _LABEL_NAMES else 0) - (1 if words & _SIDE_NAMES else 0)
    if {value.casefold() for value in column.values} <= _SPLITS:
        hint = -2
    wordy = column.share(lambda value: not _is_number(value) and not _CODE.fullmatch(value)) > 0.5
    flag = {value.casefold() for value in column.values} <= {"0", "1", "true", "false", "yes", "no"}
    share = len(column.values) / column.filled
    return (hint, wordy - flag / 2, -round(share, 1), column.position)


def _one_hot(columns: Sequence[_Column], rows: int) -> list[_Column]:
    """Columns of 0 and 1 for one label each, where there are three or more and no label column."""
    flags = [
        column
        for column in columns
        if column.filled == rows and set(column.values) <= {"0", "1", "True", "False"}
    ]
    named = [column for column in columns if column.words & _LABEL_NAMES and _is_label(column)]
    # A flag in every row on average, as where one label is chosen, or several.
    marked = sum(
        count
        for column in flags
        for value, count in column.values.items()
        if value in ("1", "True")
    )
    return flags if len(flags) > 2 and not named and marked >= 0.5 * rows else []


def _is_number(value: str) -> bool:
    try:
        float(value.replace(",", "."))
    except ValueError:
        return False
    return True


def _is_whole(value: str) -> bool:
    return value.lstrip("+-").isdecimal()
