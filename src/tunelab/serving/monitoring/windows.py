"""Answers in windows: of a time, of a file, or of a number of texts."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from operator import itemgetter

from tunelab.data.normalizing import normal_text
from tunelab.errors import UsageError
from tunelab.evaluation.drift.hashed_words import Unit, hash_words
from tunelab.evaluation.monitoring.window import Window
from tunelab.serving.monitoring.log_entries import Entry

# Different texts of a window that are tested, drawn from all.
_TEXTS = 1000
# More windows than anybody reads, and than tests should be corrected for.
_MOST = 400
# Texts of a window where there is nothing else to cut by.
DEFAULT_ROWS = 1000
_FILE = "file"

_TIMES: dict[str, Callable[[datetime], str]] = {
    "hour": lambda time: time.strftime("%Y-%m-%d %H:00"),
    "day": lambda time: time.date().isoformat(),
    "week": lambda time: f"week of {(time - timedelta(days=time.weekday())).date().isoformat()}",
    "month": lambda time: time.strftime("%Y-%m"),
}
WINDOWS = (*_TIMES, _FILE)


@dataclass
class _Filling:
    """A window that still grows, in bounded memory."""

    answers: Counter[str | None] = field(default_factory=Counter)
    texts: dict[tuple[int, ...], bytes] = field(default_factory=dict)
    limit: bytes = b"\xff" * 9
    has_texts: bool = False
    readable: bool = False
    confidence: float = 0.0
    confident: int = 0
    to_review: int = 0
    reviewed: int = 0

    def add(self, entry: Entry, words: tuple[int, ...] | None) -> None:
        self.answers.update(entry.answers)
        if entry.confidence is not None:
            self.confidence += entry.confidence
            self.confident += 1
        self.to_review += entry.to_review
        self.reviewed += entry.reviewed
        self.readable |= entry.text is not None
        if words is not None:
            self.has_texts = True
            self._sample(words)

    def _sample(self, words: tuple[int, ...]) -> None:
        """Keep the texts whose hash is lowest: each different one with the same chance."""
        if not words or words in self.texts:
            return
        place = blake2b(",".join(map(str, words)).encode(), digest_size=8).digest()
        if place >= self.limit:
            return
        self.texts[words] = place
        if len(self.texts) >= 2 * _TEXTS:
            self.texts = dict(self._lowest())
            self.limit = max(self.texts.values())

    def _lowest(self) -> list[tuple[tuple[int, ...], bytes]]:
        return sorted(self.texts.items(), key=itemgetter(1))[:_TEXTS]

    def window(self, name: str) -> Window:
        return Window(
            name=name,
            answers=dict(self.answers),
            texts=tuple(words for words, _ in self._lowest()) if self.has_texts else None,
            readable=self.readable,
            confidence=self.confidence / self.confident if self.confident else None,
            to_review=self.to_review,
            reviewed=self.reviewed,
        )


def fill_windows(
    entries: Iterable[Entry], window: str | None, *, unit: Unit, files: int = 1
) -> tuple[Window, ...]:
    """The windows of answers, in the order of their times, or in that of the answers.

    ``window`` is one of :data:`WINDOWS` or a number of texts. None takes days where the first
    answer has a time, else files where there are several, else :data:`DEFAULT_ROWS` texts.

    Raises:
        UsageError: it is no window, an answer lacks a time, words were hashed in another unit, or
            there are more than 400 windows.
    """
    filling: dict[str, _Filling] = {}
    order: dict[str, datetime] = {}
    for name, entry in _named(entries, window, files):
        one = filling.get(name)
        if one is None:
            if len(filling) == _MOST:
                raise UsageError(
                    f"there are more than {_MOST} windows; choose a larger --window, such as week."
                )
            one = filling[name] = _Filling()
        if entry.time is not None:
            order[name] = min(order.get(name, entry.time), entry.time)
        one.add(entry, _words(entry, unit))
    by_time = window in _TIMES or (window is None and len(order) == len(filling))
    if by_time:
        filling = dict(sorted(filling.items(), key=lambda item: order[item[0]]))
    return tuple(one.window(name) for name, one in filling.items())


def check_window(window: str | None) -> None:
    """Refuse what is no window.

    Raises:
        UsageError: it is neither one of :data:`WINDOWS` nor a number of texts from 1.
    """
    if window is None or window in WINDOWS:
        return
    if not (window.isascii() and window.isdigit() and int(window) > 0):
        raise UsageError(
            f"--window {window[:40]!r} is none of {', '.join(WINDOWS)} and no number of texts."
        )


def _named(entries: Iterable[Entry], window: str | None, files: int) -> Iterator[tuple[str, Entry]]:
    """Each entry with the name of its window; ``files`` are read."""
    check_window(window)
    if window is None:
        first, entries = _first(entries)
        if first is not None and first.time is not None:
            window = "day"
        else:
            window = _FILE if files > 1 else str(DEFAULT_ROWS)
    if window == _FILE:
        yield from ((one.file, one) for one in entries)
    elif window in _TIMES:
        yield from _by_time(entries, _TIMES[window])
    else:
        yield from _by_rows(entries, int(window))


def _first(entries: Iterable[Entry]) -> tuple[Entry | None, Iterable[Entry]]:
    """The first entry, and all entries."""
    from itertools import chain

    rest = iter(entries)
    first = next(rest, None)
    return first, rest if first is None else chain([first], rest)


def _by_time(
    entries: Iterable[Entry], name_of: Callable[[datetime], str]
) -> Iterator[tuple[str, Entry]]:
    for one in entries:
        if one.time is None:
            raise UsageError(
                f"{one.file}: an answer has no time; name the column with --time, or cut by "
                "--window file or a number of texts."
            )
        yield name_of(one.time), one


def _by_rows(entries: Iterable[Entry], rows: int) -> Iterator[tuple[str, Entry]]:
    seen = 0
    for one in entries:
        start = seen // rows * rows
        yield f"from text {start + 1:,}", one
        seen += sum(one.answers.values())


def _words(entry: Entry, unit: Unit) -> tuple[int, ...] | None:
    if entry.text is not None:
        return hash_words(normal_text(entry.text), unit)
    if entry.words is not None and entry.unit != unit:
        raise UsageError(
            f"{entry.file} was recorded beside another classifier, whose texts are hashed by "
            f"{entry.unit} and not by {unit}; name its classifier with --against."
        )
    return entry.words
