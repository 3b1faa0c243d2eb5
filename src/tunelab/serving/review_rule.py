"""Which answers of a saved classifier a person should look at: review.json beside its files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.errors import UsageError
from tunelab.evaluation.review.conformal import lac_scores
from tunelab.evaluation.review.rows import confidence_of, is_kept, is_likeliest
from tunelab.evaluation.review.temperature import with_temperature
from tunelab.guards.bounded_files import is_file, read_bounded, within
from tunelab.numbers import counted, share
from tunelab.runs.results import ADAPTER_RECORD, write_json
from tunelab.runs.seals import FILES, SEAL, file_hashes, find_damage, is_intact, sealed

if TYPE_CHECKING:
    import numpy as np

REVIEW_RULE = "review.json"
_VERSION = 1
_LARGEST = 1_000_000


@dataclass(frozen=True)
class ReviewRule:
    """How a classifier's probabilities decide which of its answers a person should look at.

    ``temperature`` is 1 where the validation rows did not determine one. An answer whose highest
    probability at this temperature is below ``threshold`` goes to a person; those that are kept are
    right in at least ``wanted_accuracy`` of the cases, which holds in 95 of 100 studies.
    ``threshold`` is None where the validation ``rows`` could not promise that, and ``reason`` says
    why: then every answer goes to a person. ``wanted_accuracy`` is None where the threshold was
    chosen by somebody, and nothing is promised. ``thresholds`` holds the threshold of each of some
    accuracies, for :meth:`with_accuracy`. ``coverage`` is the share of label sets that should hold
    the true label, and ``set_limit`` what one minus the probability of a label in a set is at most;
    None where the validation rows are too few for sets.
    """

    temperature: float
    threshold: float | None
    wanted_accuracy: float | None
    rows: int = 0
    reason: str | None = None
    thresholds: tuple[tuple[float, float | None], ...] = ()
    coverage: float | None = None
    set_limit: float | None = None

    def calibrated(self, probabilities: Any) -> "np.ndarray":
        """Probabilities as the classifier gives them, array (texts, labels), calibrated."""
        return with_temperature(probabilities, self.temperature)

    def needs_review(self, probabilities: Any, answers: Any = None) -> "np.ndarray":
        """Whether a person should look at each answer, array (texts,) of bool.

        ``probabilities``: (texts, labels), as the classifier gives them, not calibrated before.
        ``answers``: (texts,), the columns of the labels that were answered, -1 for none; None where
        these are the likeliest ones. An answer that is not the likeliest label needs a person.
        """
        import numpy as np

        table = self.calibrated(probabilities)
        if self.threshold is None:
            return np.ones(len(table), dtype=bool)
        sure = confidence_of(table, is_likeliest(probabilities, answers))
        needed: np.ndarray = ~is_kept(sure, self.threshold)
        return needed

    def label_sets(self, probabilities: Any, labels: Sequence[str]) -> list[tuple[str, ...]] | None:
        """The labels that may be the true one of each text, the likeliest first; it may be none.

        ``probabilities``: (texts, labels), as the classifier gives them. None where the rule has no
        sets.

        Source: Sadinle, Lei and Wasserman, 2019 (see :mod:`tunelab.evaluation.review.conformal`).
        """
        import numpy as np

        if self.set_limit is None:
            return None
        table = self.calibrated(probabilities)
        inside = lac_scores(table) <= self.set_limit + 1e-12
        if not len(table):
            return []
        order = np.argsort(-table, axis=1, kind="stable")
        return [
            tuple(labels[column] for column in columns if within[column])
            for columns, within in zip(order, inside, strict=True)
        ]

    def with_threshold(self, threshold: float) -> "ReviewRule":
        """The rule with a threshold that somebody chose; it promises no accuracy.

        Raises:
            UsageError: the threshold is not from 0 to 1.
        """
        if not 0 <= threshold <= 1:
            raise UsageError(f"a threshold is a probability from 0 to 1, not {threshold:g}.")
        return replace(self, threshold=threshold, wanted_accuracy=None, reason=None)

    def with_accuracy(self, accuracy: float) -> "ReviewRule":
        """The rule for another wanted accuracy, or for the next higher one that was looked at.

        Raises:
            UsageError: the accuracy is not between 0 and 1, or the validation rows promise it at
                no threshold.
        """
        if not 0 < accuracy < 1:
            raise UsageError(f"a wanted accuracy lies between 0 and 1, as 0.95, not {accuracy:g}.")
        found = [
            (known, threshold)
            for known, threshold in sorted(self.thresholds)
            if known >= accuracy - 1e-12 and threshold is not None
        ]
        if not found:
            best = [known for known, threshold in self.thresholds if threshold is not None]
            most = f"they do for {share(max(best))} at most" if best else "they do for none"
            raise UsageError(
                f"{counted(self.rows, 'validation row')} of this classifier show an accuracy of "
                f"{share(accuracy)} at no threshold ({most}); ask for less, or choose a threshold "
                "yourself."
            )
        return replace(self, threshold=found[0][1], wanted_accuracy=found[0][0], reason=None)


def read_review_rule(folder: Path) -> ReviewRule | None:
    """The rule of a saved classifier, or None where it has none.

    Raises:
        UsageError: the file is damaged, was changed, or belongs to another classifier.
    """
    path = folder / REVIEW_RULE
    if not is_file(path):
        return None
    try:
        record = json.loads(read_bounded(within(folder, path), _LARGEST).decode("utf-8"))
        whole = isinstance(record, dict) and SEAL in record and is_intact(record)
        if not whole or find_damage(folder, record[FILES]) or record["version"] != _VERSION:
            raise ValueError("changed")
        return ReviewRule(
            temperature=_number(record["temperature"]) or 1.0,
            threshold=_number(record["threshold"]),
            wanted_accuracy=_number(record["wanted_accuracy"]),
            rows=int(record["rows"]),
            reason=record["reason"],
            thresholds=tuple(
                (float(accuracy), _number(found)) for accuracy, found in record["thresholds"]
            ),
            # Older files have no label sets.
            coverage=_number(record.get("coverage")),
            set_limit=_number(record.get("set_limit")),
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise UsageError(
            f"{path} is damaged or belongs to another classifier; remove it, or run the study "
            "again."
        ) from None


def write_review_rule(folder: Path, rule: ReviewRule) -> Path:
    """Write the rule beside the files of a classifier, sealed with the record of these.

    Raises:
        RunError: the folder cannot be written.
    """
    record = {
        "version": _VERSION,
        "temperature": rule.temperature,
        "threshold": rule.threshold,
        "wanted_accuracy": rule.wanted_accuracy,
        "rows": rule.rows,
        "reason": rule.reason,
        "thresholds": [list(pair) for pair in rule.thresholds],
        "coverage": rule.coverage,
        "set_limit": rule.set_limit,
    }
    path = folder / REVIEW_RULE
    content = sealed(record, file_hashes(folder, [ADAPTER_RECORD]))
    if not _same(path, content):
        write_json(path, content)
    return path


def _same(path: Path, record: Mapping[str, Any]) -> bool:
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")) == record)
    except (OSError, ValueError, RecursionError):
        return False


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
