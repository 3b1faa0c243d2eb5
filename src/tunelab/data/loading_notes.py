"""What a person should know of how rows were read: collected, and then reported once."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

_SHOWN = 5


def count_of(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun, as "1 row" and "1,234 rows"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(names: Sequence[str], *, most: int = _SHOWN) -> str:
    """The first names, and how many more there are."""
    more = len(names) - most
    shown = ", ".join(names[:most])
    return f"{shown} and {more:,} more" if more > 0 else shown


def lines_of(numbers: Sequence[int]) -> str:
    """The first numbers of lines, as "line 3" and "lines 3, 9 and 40 more"."""
    names = listed([str(number) for number in numbers])
    return f"line {names}" if len(numbers) == 1 else f"lines {names}"


@dataclass
class LoadingNotes:
    """Sentences for the person who brought the data, and what the sources learn while reading.

    ``class_names`` holds the names of the classes of a column whose cells are numbers, in the
    order of the numbers. ``spellings`` counts, for each label as it is used, the ways in which
    it was written.
    """

    sentences: list[str] = field(default_factory=list)
    class_names: dict[str, list[str]] = field(default_factory=dict)
    spellings: dict[str, Counter[str]] = field(default_factory=dict)

    def tell(self, sentence: str) -> None:
        """Add a sentence, once."""
        if sentence not in self.sentences:
            self.sentences.append(sentence)

    def merged(self) -> list[str]:
        """A sentence for each label that was written in several ways."""
        sentences = []
        for label, counts in sorted(self.spellings.items()):
            if len(counts) > 1:
                ways = " and ".join(count_of(count, "row") for _, count in counts.most_common())
                sentences.append(
                    f"The label {label!r} is written in {len(counts)} ways ({ways}) that differ "
                    f"in {_differences(list(counts))}; they are taken as one label."
                )
        return sentences


def _differences(ways: Sequence[str]) -> str:
    """What tells the ways in which a label is written."""
    reasons = []
    if len({way.strip() for way in ways}) < len(ways):
        reasons.append("the blanks around it")
    if len({unicodedata.normalize("NFC", way) for way in ways}) < len(ways):
        reasons.append("how accents are encoded (Unicode NFC and NFD)")
    if len({way.replace("\u00a0", " ").strip() for way in ways}) < len({w.strip() for w in ways}):
        reasons.append("no-break blanks")
    return " and ".join(reasons) or "blanks and characters that are not seen"
