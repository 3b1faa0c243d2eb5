"""What more labelled rows would bring: a power law fitted to a curve, as far as it was checked.

Sources: Cortes et al., Learning Curves: Asymptotic Values and Rate of Convergence, 1994, and
Hestness et al., Deep Learning Scaling is Predictable, Empirically, 2017 (the law); Figueroa et al.,
Predicting sample size required for classification performance, 2012 (weighted fits to the first
sizes, checked on the last ones).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tunelab.evaluation.label_budget.answers import BudgetAnswers
from tunelab.evaluation.label_budget.curves import in_rows
from tunelab.evaluation.label_budget.two_way import LEVEL, TwoWay, known, sample_of, two_way
from tunelab.evaluation.statistics.estimates import Estimate
from tunelab.numbers import signed, signed_interval

RESAMPLES = 1000
# A law of three numbers takes three sizes, and one more that checks it.
LEAST_SIZES = 3

# From nearly a straight line on the logarithm of the size to steeper than theory and practice give.
_EXPONENTS = np.geomspace(0.02, 3.0, 120)
# For intervals the law is fitted without bounds: with any floor, and down to exponents whose curve
# still bends upwards. Resamples pile up at a bound, and an interval of them is too short beyond it.
_FREE_EXPONENTS = np.linspace(-0.995, 2.995, 100)
# Largest sizes that are held out, one after the other.
_MOST_HELD_OUT = 2
# Mean rows a label are not whole numbers, so that twice as many is at times a little less.
_SLACK = 1.02


@dataclass(frozen=True)
class PowerLaw:
    """error(n) = floor + scale · n^(-exponent), n in rows a label."""

    floor: float
    scale: float
    exponent: float

    def error(self, size: float) -> float:
        """The share of wrong answers with this many rows a label."""
        return float(self.floor + self.scale * size**-self.exponent)


@dataclass(frozen=True)
class HeldOut:
    """A check of the law: fitted without the largest sizes, what it said of the largest.

    The law was fitted to the sizes up to ``start`` and asked for the gain from there to ``end``,
    which is ``factor`` times as many rows. ``predicted`` has a 95 % interval that allows for the
    chance in both numbers; ``seen`` is what was measured. It ``holds`` where ``seen`` lies inside.
    """

    start: float
    end: float
    factor: float
    predicted: Estimate
    seen: float
    holds: bool


@dataclass(frozen=True)
class Extrapolation:
    """What ``factor`` times as many rows as the largest size would bring.

    ``gain`` is in accuracy, from ``start`` to ``end`` rows a label; it is None beyond
    ``checked``, the factor up to which the law told the largest sizes rightly (None where it did
    not, or could not be checked), and ``gain.reason`` says so. ``law`` is the fitted law, None
    where none fits. ``sentence`` tells it in words.
    """

    classifier: str
    factor: float
    start: float | None
    end: float | None
    gain: Estimate
    law: PowerLaw | None
    checked: float | None
    checks: tuple[HeldOut, ...]
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """The extrapolation as JSON values."""
        return asdict(self)


def fit_power_law(
    sizes: Sequence[float], errors: Sequence[float], weights: Sequence[float] | None = None
) -> PowerLaw:
    """The law with the least weighted sum of squares, its floor and scale not below 0.

    ``weights`` are 1 / variance of each error; None for equal ones. Exponents from 0.02 to 3 are
    tried one by one, as for each of them floor and scale have a closed form; no search can end in a
    local minimum.

    Raises:
        ValueError: there are fewer than three sizes, or they are not above 0.
    """
    table = np.asarray(sizes, dtype=float)
    if len(table) < LEAST_SIZES or not (table > 0).all():
        raise ValueError("a power law needs three sizes above 0")
    weight = np.ones(len(table)) if weights is None else np.asarray(weights, dtype=float)
    floors, scales, exponents = _fit(table, np.asarray(errors, dtype=float)[None], weight)
    exponent = float(exponents[0])
    return PowerLaw(float(floors[0]), float(scales[0] * table[-1] ** exponent), exponent)


def extrapolated(
    answers: BudgetAnswers, classifier: str, factor: float = 2.0, *, seed: int = 0
) -> Extrapolation:
    """The gain of ``factor`` times as many labelled rows as the largest size has.

    The law is fitted to all sizes. Its interval comes from fits to curves of other draws and other
    rows, drawn with the variances that were measured. It is shown only as far as the same way,
    without the largest one or two sizes, told what these then gave.

    Raises:
        ValueError: there is no such classifier, or the factor is not above 1.
    """
    known(answers, classifier)
    if not factor > 1:
        raise ValueError(f"an extrapolation needs a factor above 1, not {factor}")
    samples = {
        answers.sizes[size]: sample
        for size in range(len(answers.sizes))
        if (sample := sample_of(answers, classifier, size)) is not None
    }
    sizes = np.array(list(samples))

    def no_gain(
        reason: str,
        law: PowerLaw | None = None,
        checked: float | None = None,
        checks: tuple[HeldOut, ...] = (),
    ) -> Extrapolation:
        start = float(sizes[-1]) if len(sizes) else None
        return Extrapolation(
            classifier=classifier,
            factor=factor,
            start=start,
            end=None if start is None else start * factor,
            gain=Estimate(None, None, None, reason),
            law=law,
            checked=checked,
            checks=checks,
            sentence=f"What more labels would bring {classifier} is not estimated: {reason}.",
        )

    if len(sizes) < LEAST_SIZES:
        return no_gain("a power law needs at least three sizes")
    if next(iter(samples.values())).values.shape[1] < 2:
        return no_gain("there are fewer than two test rows")
    found = two_way(list(samples.values()))
    errors = 1 - found.means
    if errors.max() < 1e-12:
        return no_gain("all answers are right, so that nothing can be gained")
    if found.means[-1] <= found.means[0]:
        return no_gain("the curve does not rise from its smallest to its largest size")
    weights = _weights(found)
    law = fit_power_law(sizes.tolist(), errors.tolist(), weights.tolist())
    if len(sizes) == LEAST_SIZES:
        return no_gain("with three sizes none can be held out to check the power law", law)
    unknown = next((one.no_interval for one in samples.values() if one.no_interval), None)
    if unknown is not None:
        return no_gain(unknown, law)
    generator = np.random.default_rng(seed)
    others = found.resampled(RESAMPLES, generator)
    checks = tuple(
        _held_out(sizes, found, others, left_out)
        for left_out in range(1, 1 + min(_MOST_HELD_OUT, len(sizes) - LEAST_SIZES))
    )
    if not _has_shape(sizes, found, others):
        reason = "the curve does not have the shape of a power law"
        steps = np.diff(found.means) / np.diff(np.log(sizes))
        if steps[-1] > steps[-2]:
            reason += ", as it rises faster with each doubling of the labels"
        return no_gain(reason, law, None, checks)
    checked = None
    for check in checks:
        if not check.holds:
            break
        checked = check.factor
    if checked is None:
        return no_gain(
            "a power law fitted without the largest size did not predict the result at that size",
            law,
            None,
            checks,
        )
    if factor > checked * _SLACK:
        return no_gain(
            f"the power law was checked up to {checked:.3g} times as many labels, "
            f"not {factor:.3g} times",
            law,
            checked,
            checks,
        )
    start, end = float(sizes[-1]), float(sizes[-1] * factor)
    gain = _gain(sizes, found, others, len(sizes), end)
    return Extrapolation(
        classifier=classifier,
        factor=factor,
        start=start,
        end=end,
        gain=gain,
        law=law,
        checked=checked,
        checks=checks,
        sentence=(
            f"{classifier}: {factor:.3g} times as many labels ({in_rows(end)}) would bring about "
            f"{signed(gain.value, 'share')} ({signed_interval(gain.low, gain.high, 'share')})."
        ),
    )


def _held_out(sizes: Any, found: TwoWay, others: Any, left_out: int) -> HeldOut:
    """The check that holds out the largest sizes."""
    kept = len(sizes) - left_out
    start, end = float(sizes[kept - 1]), float(sizes[-1])
    seen = float(found.means[-1] - found.means[kept - 1])
    # What was measured has chance too, and shares some of it with what was predicted.
    away = others[:, -1] - others[:, kept - 1] - seen
    predicted = _gain(sizes, found, others, kept, end, away)
    holds = (
        predicted.low is not None
        and predicted.high is not None
        and predicted.low <= seen <= predicted.high
    )
    return HeldOut(start, end, end / start, predicted, seen, holds)


def _gain(
    sizes: Any, found: TwoWay, others: Any, kept: int, end: float, away: Any = 0.0
) -> Estimate:
    """The gain from the last kept size to ``end`` by a fit to the kept sizes, with its interval."""
    table, weights = sizes[:kept], _weights(found)[:kept]
    value = float(_gains(table, 1 - found.means[None, :kept], weights, end)[0])
    drawn = _gains(table, 1 - others[:, :kept], weights, end, free=True) - away
    low, high = np.quantile(drawn, (LEVEL / 2, 1 - LEVEL / 2))
    return Estimate(value, min(float(low), value), max(float(high), value))


def _has_shape(sizes: Any, found: TwoWay, others: Any) -> bool:
    """Whether the distances of the curve from its law are such as chance gives.

    The largest distance, in its own standard deviations, is compared with that of curves which
    follow the law but for the same chance.
    """
    weights = _weights(found)

    def distances(errors: Any) -> tuple[Any, Any]:
        floors, scales, exponents = _fit(sizes, errors, weights)
        fitted = floors[:, None] + scales[:, None] * (sizes / sizes[-1]) ** -exponents[:, None]
        return errors - fitted, fitted

    away, fitted = distances(1 - found.means[None])
    drawn, _ = distances(fitted + found.means - others)
    spread = np.maximum(drawn.std(axis=0), 1e-12)
    largest = np.abs(drawn / spread).max(axis=1)
    return bool(np.abs(away / spread).max() <= np.quantile(largest, 1 - LEVEL))


def _gains(sizes: Any, errors: Any, weights: Any, end: float, *, free: bool = False) -> Any:
    """Gains from the last size to ``end``, (curves,)."""
    _, scales, exponents = _fit(sizes, errors, weights, free=free)
    return scales * (1 - (end / sizes[-1]) ** -exponents)


def _weights(found: TwoWay) -> Any:
    """1 / variance of each mean, which no size of answers that are all alike may own alone."""
    variances = np.maximum(0.0, np.diag(found.by_draws)) + np.diag(found.by_rows)
    return 1 / np.maximum(variances, max(1e-3 * variances.max(), 1e-12))


def _fit(sizes: Any, errors: Any, weights: Any, *, free: bool = False) -> tuple[Any, Any, Any]:
    """Floor, scale at the last size, and exponent of each curve of ``errors`` (curves, sizes).

    With ``free`` the floor has no bound and exponents may be below 0; the scale then has the sign
    of the exponent, as errors never rise.
    """
    exponents = _FREE_EXPONENTS if free else _EXPONENTS
    shapes = (sizes / sizes[-1])[None, :] ** -exponents[:, None]
    share = weights / weights.sum()
    middle = shapes @ share
    squares = (shapes**2) @ share
    mean = errors @ share
    products = (errors * share) @ shapes.T
    spread = squares - middle**2
    scales = (products - mean[:, None] * middle) / spread
    if not free:
        # Where the best floor is below 0, the best one that is allowed is 0.
        through_zero = mean[:, None] < scales * middle
        scales = np.where(through_zero, products / squares, scales)
    scales = np.where(scales * exponents > 0, scales, 0.0)
    floors = mean[:, None] - scales * middle
    if not free:
        floors = np.where(through_zero & (scales > 0), 0.0, floors)
    # The sum of squares but for that of the errors themselves.
    loss = (
        floors**2
        + 2 * floors * scales * middle
        + scales**2 * squares
        - 2 * floors * mean[:, None]
        - 2 * scales * products
    )
    best = loss.argmin(axis=1)
    rows = np.arange(len(errors))
    return floors[rows, best], scales[rows, best], exponents[best]
