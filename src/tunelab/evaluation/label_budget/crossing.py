"""From how many labelled rows one classifier is better than another.

The difference of the two curves is measured at each size and interpolated on the logarithm of the
size. Its interval at a point between two sizes is that of a weighted sum of the two differences,
which share their draws and their rows. The crossing may lie wherever that interval holds 0: below
it the first classifier is better beyond chance, above it the second one. Unlike a bootstrap of the
crossing, this keeps its level with two or three draws, and where studies without a crossing are
likely, it ends open instead of dropping them.

Source: Fieller, Some Problems in Interval Estimation, 1954 (limits by inverting the test).
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from tunelab.evaluation.label_budget.answers import BudgetAnswers
from tunelab.evaluation.label_budget.curves import Over, in_rows
from tunelab.evaluation.label_budget.two_way import LEVEL, known, paired, two_way

# "crosses": the second one overtakes the first within the sizes; "ahead": it is ahead at every size
# measured; "behind": it is not ahead at the largest.
Course = Literal["crosses", "ahead", "behind", "undefined"]

# Points between two sizes at which the difference is looked at.
_STEPS = 40


@dataclass(frozen=True)
class Crossing:
    """The rows a label at which ``second`` overtakes ``first`` for good.

    ``size`` is None where the measured curves do not cross, with the ``reason``. ``low`` and
    ``high`` are the 95 % interval; a None is an open end, below the ``smallest`` size or above the
    ``largest``. Where the curves do not cross it still tells what is known: a ``low`` of the
    largest size says that the crossing, if any, lies beyond. ``over`` says what the interval
    allows for; without it there is no interval, for the ``reason``. ``sentence`` tells it in words.
    """

    first: str
    second: str
    course: Course
    size: float | None
    low: float | None
    high: float | None
    smallest: float | None
    largest: float | None
    over: Over | None
    sentence: str
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The crossing as JSON values."""
        return asdict(self)


def crossing(answers: BudgetAnswers, first: str, second: str, *, level: float = LEVEL) -> Crossing:
    """At how many rows a label ``second`` overtakes ``first``.

    Where the measured curves cross more than once it is the last time that counts, as from there
    on the second one stays ahead.

    Raises:
        ValueError: there is no such classifier.
    """
    known(answers, first, second)
    samples = {
        answers.sizes[size]: sample
        for size in range(len(answers.sizes))
        if (sample := paired(answers, second, first, size)) is not None
    }
    if len(samples) < 2:
        return _undefined(first, second, "fewer than two sizes were done by both")
    if not next(iter(samples.values())).values.shape[1]:
        return _undefined(first, second, "there are no test rows")
    sizes = np.array(list(samples))
    found = two_way(list(samples.values()))
    # A size that takes all rows has one draw, beside others that have several.
    over: Over | None = "rows" if max(found.counts) == 1 else "draws and rows"
    size, course = _last_change(np.log(sizes), found.means)
    low = high = None
    unknown = next((one.no_interval for one in samples.values() if one.no_interval), None)
    if unknown is None:
        weights, points = _between(np.log(sizes))
        gains, reaches = weights @ found.means, found.reaches(weights, level=level)
        # From the last point at which the first one is better, to the last at which the second
        # one is not.
        low, high = _last(gains + reaches < 0, points), _last(gains - reaches <= 0, points)
        low = None if low is None else _size(low, sizes)
        high = _end(high, sizes, points)
    else:
        over = None
    reason = {
        "crosses": None,
        "ahead": f"{second} is ahead at every size",
        "behind": f"{second} is not ahead at the largest size",
        "undefined": None,
    }[course]
    if unknown is not None:
        reason = unknown if reason is None else f"{reason}; no interval: {unknown}"
    smallest, largest = float(sizes[0]), float(sizes[-1])
    return Crossing(
        first=first,
        second=second,
        course=course,
        size=size,
        low=low,
        high=high,
        smallest=smallest,
        largest=largest,
        over=over,
        sentence=_sentence(first, second, course, size, low, high, smallest, largest, unknown),
        reason=reason,
    )


def _between(logarithms: Any) -> tuple[Any, Any]:
    """Weights of the sizes, (points, sizes), at points from the smallest to the largest."""
    count = len(logarithms)
    places = np.linspace(0, count - 1, _STEPS * (count - 1) + 1)
    below = np.minimum(places.astype(int), count - 2)
    weights = np.zeros((len(places), count))
    index = np.arange(len(places))
    weights[index, below] = 1 - (places - below)
    weights[index, below + 1] += places - below
    return weights, weights @ logarithms


def _last_change(logarithms: Any, gains: Any) -> tuple[float | None, Course]:
    behind = np.flatnonzero(gains <= 0)
    if not len(behind):
        return None, "ahead"
    last = int(behind[-1])
    if last == len(gains) - 1:
        return None, "behind"
    share = -gains[last] / (gains[last + 1] - gains[last])
    return float(
        np.exp(logarithms[last] + share * (logarithms[last + 1] - logarithms[last]))
    ), "crosses"


def _last(where: Any, points: Any) -> float | None:
    found = np.flatnonzero(where)
    return float(points[found[-1]]) if len(found) else None


def _end(last: float | None, sizes: Any, points: Any) -> float | None:
    """The upper limit, from the last point at which the second one is not better."""
    if last is None:
        return float(sizes[0])
    return None if last >= points[-1] else _size(last, sizes)


def _size(logarithm: float, sizes: Any) -> float:
    """The size of a logarithm; one that was measured without the last digits of floating point."""
    size = float(np.exp(logarithm))
    nearest = float(sizes[np.abs(sizes - size).argmin()])
    return nearest if abs(size - nearest) < 1e-9 * nearest else size


def _sentence(
    first: str,
    second: str,
    course: Course,
    size: float | None,
    low: float | None,
    high: float | None,
    smallest: float,
    largest: float,
    unknown: str | None,
) -> str:
    if unknown is not None:
        known_of_it = f"no interval: {unknown}"
    elif low is None and high is None:
        known_of_it = f"the interval is open on both sides of {smallest:,.4g} to {largest:,.4g}"
    elif low is None and high is not None:
        known_of_it = f"95 % interval: at most {high:,.3g}"
    elif high is None:
        known_of_it = f"95 % interval: more than {low:,.3g}"
    else:
        known_of_it = f"95 % interval: {low:,.3g} to {high:,.3g}"
    if course == "crosses" and size is not None:
        return f"{second} overtakes {first} at {in_rows(size)} ({known_of_it})."
    if course == "ahead":
        return (
            f"{second} is ahead of {first} at every size from {in_rows(smallest)} on "
            f"({known_of_it})."
        )
    return f"{second} does not overtake {first} up to {in_rows(largest)} ({known_of_it})."


def _undefined(first: str, second: str, reason: str) -> Crossing:
    return Crossing(
        first,
        second,
        "undefined",
        None,
        None,
        None,
        None,
        None,
        None,
        f"Whether {second} overtakes {first} is not known: {reason}.",
        reason,
    )
