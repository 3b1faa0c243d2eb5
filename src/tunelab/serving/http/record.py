"""A file of every answer, so that ``tunelab monitor`` can compare texts and labels over time.

    {"time": …, "model": …, "classifier": …, "label": …, "confidence": …, "needs_review": …,
     "unit": …, "words": […]}

A text is kept as hashed words: enough to test whether texts change. Whoever has the file can check
whether the words of a guessed text occur in one of them. With ``texts`` the texts are kept too.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tunelab.data.normalizing import normal_text
from tunelab.errors import UsageError
from tunelab.evaluation.drift.hashed_words import Unit, hash_words
from tunelab.runs.appending import append_whole, ends_with_a_line


class AnswerRecord:
    """Appends a line for each answer.

    The file is opened for each request, so that a program that rotates logs may rename it.

    Args:
        path: of the file, which is made or continued. It is that of one service alone.
        units: what is hashed for each classifier, by its id.
        texts: whether the texts are kept too.

    Raises:
        UsageError: the file cannot be written.
    """

    def __init__(self, path: Path, units: Mapping[str, Unit], *, texts: bool) -> None:
        self.path = path
        self._units = units
        self._texts = texts
        self._lock = threading.Lock()
        try:
            append_whole(path, b"" if ends_with_a_line(path) else b"\n")
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}.") from None

    def write(
        self,
        model: str,
        classifier: str | None,
        texts: Sequence[str],
        results: Sequence[Mapping[str, Any]],
    ) -> None:
        """Write the answers to the texts of one request, all of them or none.

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
                "words": hash_words(normal_text(text), unit),
            }
            if self._texts:
                line["text"] = text
            lines.append(json.dumps(line, separators=(",", ":")) + "\n")
        with self._lock:
            append_whole(self.path, "".join(lines).encode())
