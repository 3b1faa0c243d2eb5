"""Every window beside the training and the test of the classifier, with one correction for all."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.evaluation.drift.compared import Drift
from tunelab.evaluation.drift.label_shift import DRAWS, LabelShift, label_shift
from tunelab.evaluation.drift.two_sample import TwoSample, tell_apart
from tunelab.evaluation.metrics.scores import wilson_interval
from tunelab.evaluation.monitoring.window import Window
from tunelab.evaluation.statistics.corrections import holm
from tunelab.evaluation.statistics.estimates import Estimate

LEVEL = 0.05
# The chance with which a change of the size that is reported is found.
_POWER = 0.8
# Random tables for each test of the family, so that the smallest p-value, times the number of
# tests, stays far below the level.
_TABLES = 200
_NO_TEXTS = "the log holds no texts"


@dataclass(frozen=True)
class WindowDrift:
    """A window and its tests. ``drift`` has p-values that are corrected for all windows.

    ``detectable`` is the change of a label's share of the answers that the test finds with a
    chance of 80 %, whichever label it is, or None where there is no test.
    """

    window: Window
    drift: Drift
    shares: tuple[tuple[str | None, float, Estimate], ...]
    to_review: Estimate
    detectable: float | None

    @property
    def changed(self) -> bool | None:
        """Whether a corrected p-value is below 0.05; None where nothing is tested."""
        found = (self.drift.texts_differ, self.drift.labels_differ)
        if any(found):
            return True
        return None if all(one is None for one in found) else False


@dataclass(frozen=True)
class Monitored:
    """All windows in their order; ``tests`` were made and corrected together (Holm)."""

    windows: tuple[WindowDrift, ...]
    tests: int
    tested_accuracy: float | None

    @property
    def changed(self) -> tuple[WindowDrift, ...]:
        """The windows with a corrected p-value below 0.05."""
        return tuple(one for one in self.windows if one.changed)

    @property
    def untested(self) -> tuple[WindowDrift, ...]:
        """The windows of which nothing is tested."""
        return tuple(one for one in self.windows if one.changed is None)


def compare_windows(
    windows: Sequence[Window],
    *,
    old: Sequence[Sequence[int]],
    labels: Sequence[str],
    confusion: Sequence[Sequence[int]],
    seed: int = 0,
    on_window: Callable[[int], object] = lambda _: None,
) -> Monitored:
    """Test each window's texts against the training texts, and its answers against the test's.

    The tests are those of :func:`~tunelab.evaluation.drift.two_sample.tell_apart` and
    :func:`~tunelab.evaluation.drift.label_shift.label_shift`. All tests of all windows are one
    family: without a change, the chance that any corrected p-value is below 0.05 is less than 5 %.
    All windows are compared with the same texts, so that their tests depend on each other; Holm's
    correction holds under any dependence. The tests take texts as independent of each other.

    Args:
        windows: with answers among ``labels`` or None.
        old: hashed words of training texts.
        labels: (labels,).
        confusion: (labels + 1, labels), test rows by answer and true label; the last line counts
            those without an answer.
        seed: of the samples of the tests.
        on_window: hears of each window that is tested.
    """
    # Both samples count each text once, by its words.
    old = list(dict.fromkeys(tuple(words) for words in old if words))
    tables = max(DRAWS, 2 * _TABLES * len(windows))
    texts: list[TwoSample] = []
    shifts: list[LabelShift] = []
    for number, one in enumerate(windows):
        texts.append(
            TwoSample(None, None, len(old), 0, _NO_TEXTS)
            if one.texts is None
            else tell_apart(old, one.texts, seed=seed)
        )
        given = [one.answers.get(label, 0) for label in (*labels, None)]
        shifts.append(label_shift(labels, confusion, given, seed=seed, tables=tables))
        on_window(number)
    p_values = [*(one.p_value for one in texts), *(one.p_value for one in shifts)]
    corrected = holm(p_values)
    tests = sum(value is not None for value in p_values)
    before = [sum(line) for line in confusion]
    rows = sum(before)
    found = []
    for at, window in enumerate(windows):
        drift = Drift(texts[at], shifts[at], corrected[at], corrected[len(windows) + at])
        found.append(
            WindowDrift(
                window,
                drift,
                _shares(window, labels, before),
                _share(window.to_review, window.reviewed, "it is not known who should look"),
                None
                if shifts[at].p_value is None
                else detectable_change(before, window.rows, tests=tests),
            )
        )
    accuracy = sum(confusion[at][at] for at in range(len(labels))) / rows if rows else None
    return Monitored(tuple(found), tests, accuracy)


def detectable_change(before: Sequence[int], texts: int, *, tests: int) -> float | None:
    """The change of one answer's share that a test finds with a chance of 80 %.

    Of the answers, the one for which the change must be largest. The power is that of the
    chi-squared test of homogeneity, whose noncentrality for a change d of a share p, with the
    other shares kept in proportion, is ``n d² / (p (1 - p))``, with n = rows * texts / (rows +
    texts). The level is 5 % divided by the number of tests.

    Source: Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, chapter 7.

    Args:
        before: (answers,), test rows that got each answer.
        texts: texts of the window.
        tests: tests of the family.
    """
    from scipy.optimize import brentq
    from scipy.stats import chi2, ncx2

    given = [count for count in before if count]
    rows = sum(given)
    if len(given) < 2 or not texts or not tests:
        return None
    freedom = len(given) - 1
    critical = float(chi2.isf(LEVEL / tests, freedom))
    needed = brentq(lambda value: ncx2.sf(critical, freedom, value) - _POWER, 1e-6, 1e4)
    size = rows * texts / (rows + texts)
    change = max(
        math.sqrt(needed * share * (1 - share) / size) for share in (one / rows for one in given)
    )
    return change if change < 1 else None


def _shares(
    window: Window, labels: Sequence[str], before: Sequence[int]
) -> tuple[tuple[str | None, float, Estimate], ...]:
    """Each answer, its share of the test rows, and its share of the window."""
    rows = sum(before)
    return tuple(
        (
            label,
            count / rows if rows else 0.0,
            _share(window.answers.get(label, 0), window.rows, "the window has no texts"),
        )
        for label, count in zip((*labels, None), before, strict=True)
    )


def _share(hits: int, rows: int, reason: str) -> Estimate:
    if not rows:
        return Estimate(None, None, None, reason)
    low, high = wilson_interval(hits, rows)
    return Estimate(hits / rows, low, high)


def as_record(monitored: Monitored) -> dict[str, Any]:
    """Everything as JSON values, without texts."""
    return {
        "level": LEVEL,
        "correction": "Holm, over all tests of all windows",
        "tests": monitored.tests,
        "windows": [
            {
                "name": one.window.name,
                "texts": one.window.rows,
                "changed": one.changed,
                "confidence": one.window.confidence,
                "to_review": one.to_review.to_dict(),
                "detectable_change": one.detectable,
                "shares": [
                    {"label": label, "tested": tested, "now": now.to_dict()}
                    for label, tested, now in one.shares
                ],
                "drift": one.drift.to_dict(),
            }
            for one in monitored.windows
        ],
    }
