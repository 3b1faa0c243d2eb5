"""A file of every answer, so that ``tunelab monitor`` can compare texts and labels over time.

    {"time": …, "model": …, "classifier": …, "label": …, "confidence": …, "needs_review": …,
     "unit": …, "words": […]}

A text is kept as hashed words: enough to test whether texts change, and not to read them. Still,
who has the file and guesses a text can see whether its words were in one. With ``texts`` the text
itself is kept as well.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tunelab.errors import UsageError
from tunelab.evaluation.drift.hashed_words import Unit, hash_words


class AnswerRecord:
    """Appends a line for each answer.

    Args:
        path: of the file, which is made or continued.
        units: what is hashed for each classifier, by its id.
        texts: whether the texts are kept too.

    Raises:
        UsageError: the file cannot be written.
    """

    def __init__(self, path: Path, units: Mapping[str, Unit], *, texts: bool) -> None:
        self.path = path
        self._units = units
        self._texts = texts
        # Answers are written from several tasks of one thread and, in tests, from several threads.
        self._lock = threading.Lock()
        try:
            self._file = path.open("ab", buffering=0)
            if path.stat().st_size and not _ends_with_a_line(path):
                self._file.write(b"\n")
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}.") from None

    def write(
        self,
        model: str,
        classifier: str | None,
        texts: Sequence[str],
        results: Sequence[Mapping[str, Any]],
    ) -> None:
        """Write the answers to the texts of one request, in one piece.

        ``model`` is the classifier's id, ``classifier`` the hash of its files.

        Raises:
            OSError: they cannot be written, as when the disk is full.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        unit = self._units[model]
        lines = []
        for text, result in zip(texts, results, strict=True):
            line = {
                "time": now,
                "model": model,
                "classifier": classifier,
                "label": result["label"],
                "confidence": result["confidence"],
                "needs_review": result["needs_review"],
                "unit": unit,
                "words": hash_words(text, unit),
            }
            if self._texts:
                line["text"] = text
            lines.append(json.dumps(line, separators=(",", ":")))
        with self._lock:
            self._file.write(("\n".join(lines) + "\n").encode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"
