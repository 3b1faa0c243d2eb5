"""What a classifier answered within one window of time."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """The answers of a window, and a sample of its texts.

    ``answers`` counts the texts that got each label, None for no label. ``texts`` are hashed words
    of different texts; it is None where the log holds none. ``readable``: whether the log has the
    texts themselves. ``confidence`` is the mean probability of the answers that have one. Of
    ``reviewed`` answers it is known whether a person should look, and ``to_review`` of them need
    one.
    """

    name: str
    answers: Mapping[str | None, int]
    texts: tuple[tuple[int, ...], ...] | None
    confidence: float | None = None
    to_review: int = 0
    reviewed: int = 0
    readable: bool = False

    @property
    def rows(self) -> int:
        """How many texts were answered."""
        return sum(self.answers.values())
