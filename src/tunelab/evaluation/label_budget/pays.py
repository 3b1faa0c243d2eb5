"""From how many labelled rows fine-tuning pays.

Sizes are looked at from the largest one down, each at the full level, until one does not decide:
the verdict "from N on" is wrong only if the first size at which it is wrong was wrongly decided, so
that looking at several sizes needs no correction. At one size, the best classifier of each group is
chosen by the same rows that compare them; the limits allow for each that could have been chosen.

Source: Maurer, Hothorn and Lehmacher, Multiple Comparisons in Drug Clinical Trials and Preclinical
Assays: A-priori Ordered Hypotheses, 1995 (a fixed sequence of tests); Bonferroni's inequality.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tunelab.evaluation.label_budget.answers import BudgetAnswers
from tunelab.evaluation.label_budget.curves import Over, in_rows
from tunelab.evaluation.label_budget.two_way import LEVEL, Sample, known, paired, two_way
from tunelab.evaluation.statistics.comparison import tango_interval
from tunelab.evaluation.statistics.estimates import Estimate
from tunelab.numbers import signed, signed_interval

# "no": at the largest size the best other classifier is better, so that fine-tuning does not pay
# within what there is.
Verdict = Literal["yes", "no", "undecided"]

# Limits of a difference from its sample and the one-sided level of each limit, low and high; None
# where they cannot be told.
Limits = Callable[[Sample, float, float], tuple[float | None, float | None]]


@dataclass(frozen=True)
class GainAt:
    """The best fine-tuned classifier minus the best other one at one size.

    ``tuned`` and ``other`` are the ones with the best measured accuracy, None where nothing was
    done. ``gain`` has a 95 % interval that allows for the choice of both by the same rows.
    """

    size: float
    tuned: str | None
    other: str | None
    gain: Estimate
    over: Over | None


@dataclass(frozen=True)
class PaysFrom:
    """Whether fine-tuning pays, and from how many rows a label on.

    ``size`` is the smallest size from which on the gain is above 0 at each larger size measured,
    None unless the verdict is "yes". ``gains`` are those of each size, smallest first.
    ``sentence`` tells the verdict in words, ``reason`` why it is undecided.
    """

    verdict: Verdict
    size: float | None
    gains: tuple[GainAt, ...]
    sentence: str
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON values."""
        return asdict(self)


def pays_from(
    answers: BudgetAnswers,
    tuned: Sequence[str],
    others: Sequence[str],
    *,
    alpha: float = LEVEL,
) -> PaysFrom:
    """The smallest size from which on the best fine-tuned classifier is better than the best other.

    The verdict is wrong in at most ``alpha`` of all studies. A size counts as decided where the
    interval of its gain leaves 0 out.

    Args:
        answers: what was done.
        tuned: the classifiers that are fine-tuned.
        others: those that are not, also those that are only asked.
        alpha: half of it is for "yes", half for "no".

    Raises:
        ValueError: there is no such classifier, or one is in both groups.
    """
    known(answers, *tuned, *others)
    if both := sorted(set(tuned) & set(others)):
        raise ValueError(f"{', '.join(both)} cannot be fine-tuned and not fine-tuned")
    gains = tuple(
        gain_at(answers, tuned, others, size, limits=fixed_limits, alpha=alpha)
        for size in range(len(answers.sizes))
    )
    return verdict_of(gains)


def gain_at(
    answers: BudgetAnswers,
    tuned: Sequence[str],
    others: Sequence[str],
    size: int,
    *,
    limits: Limits,
    alpha: float = LEVEL,
) -> GainAt:
    """The gain of the best fine-tuned classifier at a position in ``answers.sizes``.

    It is at least what one fine-tuned classifier gains over every other, and at most what every
    fine-tuned one gains over one other. The lower limit may choose among the fine-tuned ones and
    pays for each of them, the upper limit for each other one.
    """
    rows_a_label = answers.sizes[size]
    samples = {(one, other): paired(answers, one, other, size) for one in tuned for other in others}
    present = {pair: sample for pair, sample in samples.items() if sample is not None}
    if not tuned or not others:
        reason = "there is no fine-tuned classifier" if not tuned else "all are fine-tuned"
        return GainAt(rows_a_label, None, None, Estimate(None, None, None, reason), None)
    if not present:
        none = Estimate(None, None, None, "no draw of this size was done by both groups")
        return GainAt(rows_a_label, None, None, none, None)
    if not next(iter(present.values())).values.shape[1]:
        none = Estimate(None, None, None, "there are no test rows")
        return GainAt(rows_a_label, None, None, none, None)
    means = {pair: float(sample.values.mean()) for pair, sample in present.items()}
    seen = {one: _least(means.get((one, other)) for other in others) for one in tuned}
    known_ones = {one: value for one, value in seen.items() if value is not None}
    if not known_ones:
        none = Estimate(None, None, None, "not all pairs have a draw in common")
        return GainAt(rows_a_label, None, None, none, None)
    best = max(known_ones, key=lambda one: known_ones[one])
    other = min(others, key=lambda name: means[best, name])
    bounds = {
        pair: limits(sample, alpha / 2 / len(tuned), alpha / 2 / len(others))
        for pair, sample in present.items()
    }
    none_known = (None, None)
    lows = [_least(bounds.get((one, name), none_known)[0] for name in others) for one in tuned]
    highs = [_most(bounds.get((one, name), none_known)[1] for one in tuned) for name in others]
    low = max((value for value in lows if value is not None), default=None)
    high = min((value for value in highs if value is not None), default=None)
    value = known_ones[best]
    over: Over = (
        "rows" if min(len(sample.draws) for sample in present.values()) == 1 else "draws and rows"
    )
    if low is None or high is None:
        reasons = [sample.no_interval for sample in present.values() if sample.no_interval]
        reason = reasons[0] if reasons else "too few draws or rows were done for an interval"
        return GainAt(rows_a_label, best, other, Estimate(value, None, None, reason), None)
    estimate = Estimate(value, min(low, value), max(high, value))
    return GainAt(rows_a_label, best, other, estimate, over)


def fixed_limits(sample: Sample, low: float, high: float) -> tuple[float | None, float | None]:
    """Limits of a difference that is looked at once, each at its one-sided level.

    Those of one draw, and of draws that are all alike, are Tango's, of two classifiers that are
    right or wrong on the same rows. There are none of two draws, or of too few groups of rows.
    """
    draws, rows = sample.values.shape
    if rows < 2 or sample.no_interval is not None:
        return None, None
    if draws == 1:
        return limits_of_one_draw(sample, low, high)
    found = two_way([sample])
    reaches = [found.reach(level=2 * level) for level in (low, high)]
    if max(reaches) < 1e-12:
        return limits_of_one_draw(sample, low, high)
    return float(found.means[0]) - reaches[0], float(found.means[0]) + reaches[1]


def limits_of_one_draw(sample: Sample, low: float, high: float) -> tuple[float, float]:
    """Tango's limits of the first draw, which also tell something of two that never differ.

    Of rows that belong together, Student's limits over groups.
    """
    rows = sample.values.shape[1]
    if sample.clusters is not None:
        from scipy.special import stdtrit

        value, error = float(sample.values[0].mean()), sample.clusters.share_error(sample.values[0])
        reaches = [float(stdtrit(sample.freedom, 1 - level)) * error for level in (low, high)]
        return max(-1.0, value - reaches[0]), min(1.0, value + reaches[1])
    ahead, behind = int((sample.values[0] > 0).sum()), int((sample.values[0] < 0).sum())
    return (
        tango_interval(ahead, behind, rows, 1 - 2 * low)[0],
        tango_interval(ahead, behind, rows, 1 - 2 * high)[1],
    )


def verdict_of(gains: Sequence[GainAt]) -> PaysFrom:
    """The verdict from the gains of each size, smallest first."""
    gains = tuple(gains)
    measured = [gain for gain in gains if gain.gain.value is not None]
    if not measured:
        reason = gains[-1].gain.reason if gains else "there are no sizes"
        return PaysFrom(
            "undecided", None, gains, f"Whether fine-tuning pays is not known: {reason}.", reason
        )
    largest = gains[-1]
    start = None
    for gain in reversed(gains):
        if gain.gain.low is None or gain.gain.low <= 0:
            break
        start = gain
    told = (
        f"{signed(largest.gain.value, 'share')} at {in_rows(largest.size)}"
        + (
            f", {signed_interval(largest.gain.low, largest.gain.high, 'share')}"
            if largest.gain.low is not None
            else ""
        )
        + f"; {largest.tuned} against {largest.other}"
    )
    if start is not None:
        most = "at every size" if start is gains[0] else f"from {in_rows(start.size)} on"
        first = f", from {in_rows(start.size)} on" if start is gains[0] else ""
        sentence = f"Fine-tuning pays {most}{first} ({told})."
        return PaysFrom("yes", start.size, gains, sentence)
    if largest.gain.high is not None and largest.gain.high < 0:
        sentence = f"Fine-tuning does not pay up to {in_rows(largest.size)} ({told})."
        return PaysFrom("no", None, gains, sentence)
    if largest.gain.value is None:
        reason = largest.gain.reason or "the largest size was not done"
    elif largest.gain.low is None:
        reason = largest.gain.reason or "there is no interval at the largest size"
    else:
        reason = "no difference between the two groups is shown at the largest size"
    about = f" ({told})" if largest.gain.value is not None else ""
    sentence = f"Whether fine-tuning pays is undecided: {reason}{about}."
    return PaysFrom("undecided", None, gains, sentence, reason)


def _least(values: Any) -> float | None:
    """The least value, None where one is not known."""
    listed = list(values)
    return None if any(value is None for value in listed) else min(listed)


def _most(values: Any) -> float | None:
    listed = list(values)
    return None if any(value is None for value in listed) else max(listed)
