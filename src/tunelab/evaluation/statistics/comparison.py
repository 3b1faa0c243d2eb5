"""Two models on the same rows: how much they differ, and whether the rows decide it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tunelab.evaluation.statistics.estimates import Difference, undefined

CONFIDENCE = 0.95
POWER = 0.8

MCNEMAR = "exact McNemar"
TANGO = "Tango's score test"
PAIRED_T = "paired t"
COUNTED = "none"

_ODDS_RATIO = "odds ratio of the discordant rows"
_COHEN_D = "Cohen's d of the pairs"


@dataclass(frozen=True)
class PairedComparison:
    """``only_left`` and ``only_right`` count the rows that one model alone has right.

    ``difference`` is accuracy of left minus right; ``p_value`` is None where the two never
    differ, or there are no rows.
    """

    difference: float | None
    only_left: int
    only_right: int
    p_value: float | None


def compare(left: Sequence[bool], right: Sequence[bool]) -> PairedComparison:
    """What :func:`compare_shares` says of two models' right and wrong answers, without interval.

    Raises:
        ValueError: the lengths differ.
    """
    outcome = compare_shares(left, right)
    only_left, only_right = _discordant(left, right)
    return PairedComparison(outcome.value, only_left, only_right, outcome.p_value)


def compare_shares(
    left: Sequence[bool], right: Sequence[bool], *, margin: float = 0.0
) -> Difference:
    """Share of left minus share of right, where both are right or wrong on the same rows.

    The interval is Tango's score interval. The test is McNemar's exact one at margin 0, Tango's
    score test at another. Near the limit of significance the exact test can withhold what the
    score interval grants, as it is the stricter of the two. ``rows_needed`` is by Connor, at
    another margin by the same formula with the constrained variance of Tango's test; the exact
    test needs a few rows more.

    Sources: McNemar, Note on the sampling error of the difference between correlated proportions
    or percentages, 1947; Connor, Sample Size for Testing Differences in Proportions for the
    Paired-Sample Design, 1987; Tango, Equivalence test and confidence interval for the difference
    in proportions for the paired-sample design, 1998. Cohen's g, in ``details``: Cohen,
    Statistical Power Analysis for the Behavioral Sciences, 1988.

    Raises:
        ValueError: the lengths differ, or the margin is not between -1 and 1.
    """
    if not -1 < margin < 1:
        raise ValueError(f"a difference of shares cannot be {margin}")
    only_left, only_right = _discordant(left, right)
    rows, discordant = len(left), only_left + only_right
    test = TANGO if margin else MCNEMAR
    details: dict[str, float | int] = {"only_left": only_left, "only_right": only_right}
    if not rows:
        return _undefined(test, margin, _ODDS_RATIO, "there are no rows", details)
    value = (only_left - only_right) / rows
    low, high = tango_interval(only_left, only_right, rows)
    reasons = []
    if not discordant:
        reasons.append("there is no row on which only one of the two is right")
    else:
        details["cohens_g"] = only_left / discordant - 0.5
        if not only_right:
            reasons.append("no row is right by the right side alone, so the odds have no bound")
    needed = _rows_for_shares(only_left / rows, only_right / rows, margin)
    if needed is None and discordant:
        reasons.append("the difference equals the margin, which no number of rows decides")
    return Difference(
        value=value,
        low=low,
        high=high,
        p_value=_p_of_shares(only_left, only_right, rows, margin),
        test=test,
        margin=margin,
        effect=only_left / only_right if only_right else None,
        effect_name=_ODDS_RATIO,
        rows=rows,
        rows_needed=needed,
        reason="; ".join(reasons) or None,
        details=details,
    )


def compare_means(
    left: Sequence[float], right: Sequence[float], *, margin: float = 0.0
) -> Difference:
    """Mean of left minus mean of right, for numbers of the same rows, by the paired t test.

    The effect is the mean difference in standard deviations of the differences (Cohen's d_z).

    Source: Student, The Probable Error of a Mean, 1908; Cohen, Statistical Power Analysis for the
    Behavioral Sciences, 1988.

    Raises:
        ValueError: the lengths differ, or a number is not finite.
    """
    import numpy as np
    from scipy.stats import t

    if len(left) != len(right):
        raise ValueError(f"{len(left)} numbers on the left and {len(right)} on the right")
    first, second = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("every number must be finite")
    rows = len(first)
    if not rows:
        return _undefined(PAIRED_T, margin, _COHEN_D, "there are no rows", {})
    differences = first - second
    value = float(differences.mean())
    spread = float(differences.std(ddof=1)) if rows > 1 else 0.0
    # Differences that are equal on paper differ in the last digits of floating point.
    if spread <= 1e-12 * max(np.abs(first).max(), np.abs(second).max()):
        why = (
            "one row has no spread"
            if rows == 1
            else "all rows differ by the same amount, so there is no spread"
        )
        return _undefined(PAIRED_T, margin, _COHEN_D, why, {}, value=value, rows=rows)
    error = spread / math.sqrt(rows)
    reach = float(t.ppf((1 + CONFIDENCE) / 2, rows - 1)) * error
    effect = (value - margin) / spread
    needed = _rows_for_mean(effect)
    return Difference(
        value=value,
        low=value - reach,
        high=value + reach,
        p_value=float(2 * t.sf(abs(value - margin) / error, rows - 1)),
        test=PAIRED_T,
        margin=margin,
        effect=value / spread,
        effect_name=_COHEN_D,
        rows=rows,
        rows_needed=needed,
        reason=None
        if needed is not None
        else "the difference equals the margin, which no number of rows decides",
        details={"sd_of_differences": spread},
    )


def share_against(values: Sequence[float], number: float, margin: float) -> Difference:
    """The share of ones among ``values`` minus a number: Wilson's interval, exact binomial test."""
    from scipy.stats import binomtest

    from tunelab.evaluation.metrics.scores import wilson_interval

    rows, hits = len(values), int(sum(values))
    if not rows:
        return undefined("there are no rows", margin)
    low, high = wilson_interval(hits, rows)
    edge = min(1.0, max(0.0, number + margin))
    return Difference(
        value=hits / rows - number,
        low=None if low is None else low - number,
        high=None if high is None else high - number,
        p_value=float(binomtest(hits, rows, edge).pvalue),
        test="exact binomial",
        margin=margin,
        effect=None,
        effect_name=None,
        rows=rows,
        rows_needed=_rows_for_share(hits / rows, edge),
    )


def compare_numbers(left: float, right: float, *, margin: float = 0.0) -> Difference:
    """Left minus right of quantities that are counted, such as parameters or bytes.

    Nothing was sampled, so the interval is the difference itself and there is no test.
    """
    value = left - right
    return Difference(
        value=value,
        low=value,
        high=value,
        p_value=None,
        test=COUNTED,
        margin=margin,
        effect=left / right if right else None,
        effect_name="ratio",
        rows=0,
        rows_needed=None,
        reason="counted, not sampled" + ("" if right else "; the right side is 0, so no ratio"),
    )


def tango_interval(
    only_left: int, only_right: int, rows: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Tango's score interval of the difference of two shares of the same rows.

    Source: Tango, 1998; limits by Brent's method.

    Raises:
        ValueError: there are no rows, or fewer than the discordant ones.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    if rows < max(1, only_left + only_right):
        raise ValueError(f"{rows} rows cannot hold {only_left} and {only_right} discordant ones")
    limit = float(norm.ppf((1 + confidence) / 2))
    value = (only_left - only_right) / rows

    def above(margin: float) -> float:
        return _tango_statistic(only_left, only_right, rows, margin) - limit

    def below(margin: float) -> float:
        return _tango_statistic(only_left, only_right, rows, margin) + limit

    # The statistic falls from +inf at -1 over 0 at the value to -inf at +1.
    edge = 1 - 1e-12
    low = -1.0 if value == -1 else float(brentq(above, -edge, value, xtol=1e-12))
    high = 1.0 if value == 1 else float(brentq(below, value, edge, xtol=1e-12))
    return low, high


def _discordant(left: Sequence[bool], right: Sequence[bool]) -> tuple[int, int]:
    if len(left) != len(right):
        raise ValueError(f"{len(left)} rows on the left and {len(right)} on the right")
    pairs = list(zip(left, right, strict=True))
    return sum(bool(a and not b) for a, b in pairs), sum(bool(b and not a) for a, b in pairs)


def _tango_statistic(only_left: float, only_right: float, rows: float, margin: float) -> float:
    """Standard normal where the true difference is ``margin``."""
    distance = only_left - only_right - rows * margin
    if distance == 0:
        return 0.0
    return distance / math.sqrt(rows * _constrained_variance(only_left, only_right, rows, margin))


def _constrained_variance(only_left: float, only_right: float, rows: float, margin: float) -> float:
    """Variance of one row's difference where the mean is ``margin``, by maximum likelihood."""
    b = (2 * rows - only_left + only_right) * margin - only_left - only_right
    c = -only_right * margin * (1 - margin)
    share_right = (math.sqrt(b * b - 8 * rows * c) - b) / (4 * rows)
    return 2 * share_right + margin * (1 - margin)


def _p_of_shares(only_left: int, only_right: int, rows: int, margin: float) -> float | None:
    from scipy.stats import binomtest, norm

    if margin:
        statistic = _tango_statistic(only_left, only_right, rows, margin)
        return float(2 * norm.sf(abs(statistic)))
    discordant = only_left + only_right
    return float(binomtest(only_left, discordant).pvalue) if discordant else None


def _rows_for_shares(only_left: float, only_right: float, margin: float) -> int | None:
    """Connor's number of rows, from the two shares of discordant rows."""
    from scipy.stats import norm

    difference = only_left - only_right
    distance = abs(difference - margin)
    if distance < 1e-12:
        return None
    expected = max(0.0, only_left + only_right - difference**2)
    null = _constrained_variance(only_left, only_right, 1, margin)
    reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt(null)
    reach += float(norm.ppf(POWER)) * math.sqrt(expected)
    return math.ceil((reach / distance) ** 2)


def _rows_for_share(value: float, edge: float) -> int | None:
    from scipy.stats import norm

    distance = abs(value - edge)
    if distance < 1e-12:
        return None
    before, after = math.sqrt(edge * (1 - edge)), math.sqrt(value * (1 - value))
    spread = float(norm.ppf((1 + CONFIDENCE) / 2)) * before + float(norm.ppf(POWER)) * after
    return max(1, math.ceil((spread / distance) ** 2))


def _rows_for_mean(effect: float) -> int | None:
    """Rows at which a paired t test finds a mean of ``effect`` standard deviations."""
    from scipy.stats import nct, norm, t

    effect = abs(effect)
    if effect < 1e-12:
        return None
    reach = float(norm.ppf((1 + CONFIDENCE) / 2) + norm.ppf(POWER))
    # The normal formula is the least it can be; the t test needs two or three rows more.
    least = max(2, math.ceil((reach / effect) ** 2))
    for rows in range(least, least + 5):
        limit = t.ppf((1 + CONFIDENCE) / 2, rows - 1)
        if nct.sf(limit, rows - 1, effect * math.sqrt(rows)) >= POWER:
            return rows
    return least + 5


def _undefined(
    test: str,
    margin: float,
    effect_name: str,
    reason: str,
    details: dict[str, float | int],
    *,
    value: float | None = None,
    rows: int = 0,
) -> Difference:
    return Difference(
        value=value,
        low=None,
        high=None,
        p_value=None,
        test=test,
        margin=margin,
        effect=None,
        effect_name=effect_name,
        rows=rows,
        rows_needed=None,
        reason=reason,
        details=details,
    )
