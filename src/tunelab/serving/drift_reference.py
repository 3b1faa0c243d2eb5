"""What lies beside a classifier so that new texts can be compared with those of its training.

    reference.json   hashed words of some training texts, and the confusion matrix on the test rows

No text is kept, and no word. Still, who has the file and guesses a text can see whether its words
could be those of a training text; ``evaluation.drift_reference: false`` keeps nothing.
"""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.data.normalizing import normal_text
from tunelab.data.scripts import has_words
from tunelab.data.text_identity import identity
from tunelab.errors import UsageError
from tunelab.evaluation.drift.hashed_words import BUCKETS, Unit, hash_words
from tunelab.guards.bounded_files import is_file, read_bounded, within
from tunelab.runs.results import write_text
from tunelab.runs.seals import SEAL, is_intact, sealed

FILE = "reference.json"
_LARGEST = 20_000_000
# Training texts that are compared.
_TEXTS = 1000


@dataclass(frozen=True)
class Reference:
    """Hashed words of training texts, and test rows by answer and true label.

    ``confusion`` is (labels + 1, labels); its last line counts rows without an answer. ``unit`` is
    what was hashed.
    """

    labels: tuple[str, ...]
    unit: Unit
    texts: tuple[tuple[int, ...], ...]
    confusion: tuple[tuple[int, ...], ...]

    def hashed(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Other texts in the same form."""
        return [hash_words(text, self.unit) for text in texts]


def make_reference(
    texts: Sequence[str],
    labels: Sequence[str],
    truth: Sequence[str],
    answered: Sequence[str | None],
    *,
    seed: int,
) -> Reference:
    """The reference of a classifier: its training texts, and its answers to the test rows.

    Up to 1,000 different texts are drawn with ``seed``.
    """
    different = list(
        {identity(text): normal_text(text) for text in texts if identity(text)}.values()
    )
    drawn = random.Random(seed).sample(  # noqa: S311 - no secret
        different, min(_TEXTS, len(different))
    )
    unit: Unit = "words" if has_words(drawn) else "letters"
    pairs = Counter(zip(answered, truth, strict=True))
    return Reference(
        labels=tuple(labels),
        unit=unit,
        # In an order that tells nothing of that of the rows.
        texts=tuple(sorted(hash_words(text, unit) for text in drawn)),
        confusion=tuple(
            tuple(pairs[answer, label] for label in labels) for answer in (*labels, None)
        ),
    )


def write_reference(folder: Path, reference: Reference) -> None:
    """Write the reference beside a classifier.

    Raises:
        RunError: the folder cannot be written.
    """
    record = {
        "version": 1,
        "buckets": BUCKETS,
        "unit": reference.unit,
        "labels": reference.labels,
        "confusion": reference.confusion,
        "texts": reference.texts,
    }
    text = json.dumps(sealed(record, {}), ensure_ascii=False, separators=(",", ":"))
    write_text(folder / FILE, f"{text}\n")


def remove_reference(folder: Path) -> None:
    """Remove the reference beside a classifier, if there is one."""
    (folder / FILE).unlink(missing_ok=True)


def read_reference(folder: Path) -> Reference | None:
    """The reference beside a classifier, or None where there is none.

    Raises:
        UsageError: it is damaged, was changed, or leads out of the folder.
    """
    path = within(folder, folder / FILE)
    if not is_file(path):
        return None
    damage = UsageError(
        f"{path} is damaged, so that new texts cannot be compared; run the study again, or "
        "predict with --no-drift."
    )
    try:
        record = json.loads(read_bounded(path, _LARGEST).decode("utf-8"))
        if not isinstance(record, dict) or SEAL not in record or not is_intact(record):
            raise damage
        found = Reference(
            labels=tuple(map(str, record["labels"])),
            unit=record["unit"],
            texts=tuple(_numbers(text, BUCKETS) for text in record["texts"]),
            confusion=tuple(_numbers(line, 10**9) for line in record["confusion"]),
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise damage from None
    count = len(found.labels)
    if (
        record["buckets"] != BUCKETS
        or found.unit not in ("words", "letters")
        or len(found.confusion) != count + 1
        or any(len(line) != count for line in found.confusion)
    ):
        raise damage
    return found


def _numbers(values: Any, below: int) -> tuple[int, ...]:
    if not all(type(value) is int and 0 <= value < below for value in values):
        raise ValueError("no such numbers")
    return tuple(values)
