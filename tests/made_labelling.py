"""A run with a small saved classifier, and texts that are hard to show, for tests of labelling."""

from pathlib import Path

from served_app import HOSTILE
from served_http import write_classical

# No two are the same text, and each has its own way to go wrong on a page or in a file.
HOSTILE_TEXTS = (
    HOSTILE,
    '"></p><iframe src="https://example.org"></iframe>',
    "کتاب‌ها را می‌خوانم",
    "turned \u202e around \u2066 here",
    "bell \u0007 and null \u0000 and escape \u001b[31m",
    "a line\r\nand a line\rand a line\u2028and the last",
    "x" * 30_000,
    "",
    "\u200b",
    "we won the game",
    "=1+1",
    "'quoted', \"twice\"; and a comma",
)


def write_classified_run(folder: Path) -> Path:
    """A run folder as the app lists it, with the classifier tfidf-logistic; its folder."""
    (folder / "classifiers").mkdir(parents=True)
    (folder / "study.yaml").write_text("name: first\n", encoding="utf-8")
    return write_classical(folder / "classifiers", "tfidf-logistic")
