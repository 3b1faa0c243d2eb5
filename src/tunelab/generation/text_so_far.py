"""The text of an answer while its tokens arrive."""

from collections.abc import Sequence
from typing import Any

_BROKEN = "�"


class TextSoFar:
    """Decodes tokens as they come, finds stop strings, and gives what can be shown.

    ``before`` is the prompt's last token: some tokenizers drop the space that a text begins with,
    which an answer must keep.
    """

    def __init__(self, tokenizer: Any, before: int | None, stop: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._stop = tuple(stop)
        self._before = [] if before is None else [before]
        self._head = self._decode(self._before)
        self._ids: list[int] = []
        self._shown = 0
        self.text = ""
        self.stopped = False

    def add(self, token: int) -> None:
        """Take one more token; sets ``stopped`` if a stop string is complete."""
        self._ids.append(token)
        self.text = self._full_text()
        if not self._stop:
            return
        positions = [position for position in map(self.text.find, self._stop) if position >= 0]
        if positions:
            self.text, self.stopped = self.text[: min(positions)], True

    def show(self, *, everything: bool = False) -> str:
        """What can be shown and was not shown before; with ``everything``, all that is left."""
        ready = len(self.text)
        if not everything:
            while ready and self.text[ready - 1] == _BROKEN:
                ready -= 1
            ready -= max((_overlap(self.text[:ready], string) for string in self._stop), default=0)
        fresh = self.text[self._shown : ready]
        self._shown = max(self._shown, ready)
        return fresh

    def _full_text(self) -> str:
        whole = self._decode(self._before + self._ids)
        if whole.startswith(self._head):
            return whole[len(self._head) :]
        return self._decode(self._ids)

    def _decode(self, ids: list[int]) -> str:
        return str(
            self._tokenizer.decode(
                ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )


def _overlap(text: str, string: str) -> int:
    """How many characters at the end of ``text`` may be the beginning of ``string``."""
    lengths = range(min(len(text), len(string) - 1), 0, -1)
    return next((length for length in lengths if text.endswith(string[:length])), 0)
