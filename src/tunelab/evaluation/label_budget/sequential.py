"""Limits of a difference of two classifiers that hold at every look of a race.

A race looks after 3, 5, 9, … draws and after all. At each look the limits take their share of the
level for the draws, so that all looks together keep it, however often and at whatever moment the
race is looked at. Between two looks nothing new is decided.

There are two sources of chance. Draws come one after another; test rows are one fixed sample that
all draws are asked, whose error is the same at every look and needs no share. With at most some ten
draws, confidence sequences that assume nothing but bounded values are wider than any difference
that occurs, which is why the limits over draws are Student's, for the mean over hundreds of rows.

Sources: Jennison and Turnbull, Interim Analyses: The Repeated Confidence Interval Approach, 1989;
Howard et al., Time-uniform, Nonparametric, Nonasymptotic Confidence Sequences, 2021 (limits that
hold at any time); Lan, Simon and Halperin, Stochastically Curtailed Tests in Long-Term Clinical
Trials, 1982 (stopping what will not be decided, which cannot make a decision wrong).
"""

import math

from tunelab.evaluation.label_budget.pays import Limits, fixed_limits, limits_of_one_draw
from tunelab.evaluation.label_budget.two_way import LEAST_DRAWS, Sample, two_way

# Draws before which no variance of draws is told.
FIRST_LOOK = LEAST_DRAWS
# A pair is given up where all draws would decide it with a smaller probability.
LEAST_POWER = 0.1


def looks(planned: int) -> tuple[int, ...]:
    """After how many draws a race is looked at: 3, 5, 9, 15, … and all.

    A look shortly before the last one would cost its share of the level for little.
    """
    found = []
    look = FIRST_LOOK
    while look <= 0.75 * planned:
        found.append(look)
        look = math.ceil(look * 5 / 3)
    return (*found, planned)


def next_look(planned: int, done: int) -> int | None:
    """The next moment at which a race is looked at, None after the last one."""
    return next((look for look in looks(planned) if look > done), None)


def level_of_pair(alpha: float, classifiers: int) -> float:
    """The one-sided level of each pair, so that the wrong one is named with less than ``alpha``.

    Only pairs with the one that is truly the best can go wrong, and only in one direction. Of two
    classifiers that are equally good either could be named, so each has half.
    """
    return alpha / max(2, classifiers - 1)


def sequential_limits(planned: int) -> Limits:
    """Limits of a difference that hold at all looks of so many planned draws.

    At each look the draws have an equal share of the level and the rows all of it: the rows are
    one sample, looked at again and again. Limits of earlier looks stay.
    """
    moments = looks(planned)

    def limits(sample: Sample, low: float, high: float) -> tuple[float | None, float | None]:
        if sample.values.shape[1] < 2:
            return None, None
        if planned == 1:
            return fixed_limits(sample, low, high)
        if planned < LEAST_DRAWS or (sample.clusters and sample.clusters.too_few()):
            return None, None
        found: list[tuple[float, float]] = []
        for moment in moments:
            # A look is at the first draws, in whichever order they were done.
            if sample.draws[:moment] != tuple(range(moment)):
                break
            means = two_way([sample.first(moment)])
            middle = float(means.means[0])
            reaches = [
                means.reach(level=2 * level / len(moments), rows_level=2 * level)
                for level in (low, high)
            ]
            found.append(
                (middle - reaches[0], middle + reaches[1])
                if max(reaches) >= 1e-12
                else limits_of_one_draw(sample, low, high)
            )
        if not found:
            return None, None
        lower, upper = max(one for one, _ in found), min(one for _, one in found)
        return (lower, upper) if lower <= upper else found[-1]

    return limits


def promising(sample: Sample, planned: int, level: float, margin: float) -> bool:
    """Whether all draws would decide a pair with a probability that is worth them.

    With all draws the mean moves from where it is now as far as the variance of draws lets it, and
    the limits shrink to what the rows leave.
    """
    from scipy.special import ndtr, stdtrit

    done = len(sample.draws)
    if done >= planned or (sample.clusters and sample.clusters.too_few()):
        return False
    if done < 2:
        return True
    found = two_way([sample])
    value = float(found.means[0])
    one_draw = max(0.0, float(found.by_draws[0, 0])) * done
    rest = float(found.residual[0]) / found.units
    shrink = 1 / done - 1 / planned
    by_rows = max(0.0, float(found.by_rows[0, 0]) - rest * shrink)
    of_draws = stdtrit(planned - 1, 1 - level / len(looks(planned))) ** 2 * one_draw / planned
    quantile = float(stdtrit(found.freedom, 1 - level)) ** 2
    # Rows without a difference leave what Tango's interval of them leaves.
    reach = max(math.sqrt(of_draws + quantile * by_rows), quantile / (found.units + quantile))
    moves = math.sqrt(max(1e-18, (one_draw + rest) * shrink))
    told = ndtr((value - reach) / moves) + ndtr((-value - reach) / moves)
    if margin > reach:
        told += max(
            0.0, ndtr((margin - reach - value) / moves) - ndtr((reach - margin - value) / moves)
        )
    return bool(told >= LEAST_POWER)
