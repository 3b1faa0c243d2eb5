"""When to stop asking: classifiers whose every answer costs money, one test row after another.

Differences of pairs on the same rows are watched by confidence sequences, which assume nothing but
that a difference lies between -1 and 1, and hold after every row. Rows must be asked in random
order.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from tunelab.evaluation.label_budget.racing import MARGIN
from tunelab.evaluation.label_budget.sequential import LEAST_POWER, level_of_pair
from tunelab.evaluation.statistics.betting import LEVEL, confidence_sequence
from tunelab.numbers import counted, share

# Rows before which nothing is said of what the rest will show.
_LEAST_ROWS = 50
# How much wider than a fixed interval of the same level a sequence is at some hundred rows.
_WIDER = 1.4


@dataclass(frozen=True)
class RowGap:
    """Mean of ``first`` minus that of ``second``, with an interval that holds at any moment."""

    first: str
    second: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class RowsRace:
    """Classifiers that answer one test row after another, as far as they have come.

    ``over`` tells to stop asking, ``drop`` those that need not be asked further, as another one is
    better. ``best`` is the classifier that is better than all others, None where that is not
    decided; ``alike`` are those within the margin of each other, with all others below; ``left``
    can still be the best. ``rows`` were answered by all, of ``planned``.
    """

    best: str | None
    alike: tuple[str, ...]
    left: tuple[str, ...]
    drop: tuple[str, ...]
    over: bool
    rows: int
    planned: int
    gaps: tuple[RowGap, ...]
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """The race as JSON values."""
        return asdict(self)


def rows_race(
    values: Mapping[str, Sequence[float]],
    planned: int,
    *,
    alpha: float = LEVEL,
    margin: float = MARGIN,
) -> RowsRace:
    """What the rows answered so far decide, and whether to ask for more.

    In at most ``alpha`` of all studies a classifier that is not the best is named best, after
    whichever row one stops. It is also over where the rows that are left are not likely to decide
    it, which names nobody.

    Args:
        values: of each classifier, its values from 0 to 1 of the rows so far, in the order in which
            they were asked; such as 1 for a right answer. A pair is compared on the rows that both
            have answered.
        planned: how many rows there are.
        alpha: the probability of naming a wrong one.
        margin: classifiers that differ by less are about the same.

    Raises:
        ValueError: there is no classifier, a value is not between 0 and 1, more rows were answered
            than planned, or a number is out of range.
    """
    if not values:
        raise ValueError("a race needs a classifier")
    if not 0 < alpha < 1 or not 0 <= margin < 1:
        raise ValueError("alpha lies between 0 and 1, and the margin is at least 0 and below 1")
    if any(len(one) > planned for one in values.values()):
        raise ValueError(f"more rows were answered than the {planned} that are planned")
    tables = {name: np.asarray(one, dtype=float) for name, one in values.items()}
    if not all(((one >= 0) & (one <= 1)).all() for one in tables.values()):
        raise ValueError("every value must lie from 0 to 1")
    names = tuple(tables)
    level = level_of_pair(alpha, len(names))
    gaps: dict[tuple[str, str], RowGap] = {}
    hopeful = set()
    for pair in combinations(names, 2):
        rows = min(len(tables[name]) for name in pair)
        if not rows:
            hopeful.add(pair)
            continue
        differences = tables[pair[0]][:rows] - tables[pair[1]][:rows]
        # Each side errs with half of the level of a sequence.
        found = confidence_sequence(differences, bounds=(-1.0, 1.0), level=min(2 * level, 0.999))
        low, high = float(found.low[-1]), float(found.high[-1])
        gaps[pair] = RowGap(*pair, float(differences.mean()), low, high)
        if rows < planned and _promising(differences, planned, level, margin):
            hopeful.add(pair)
    beaten = {gap.second for gap in gaps.values() if gap.low > 0}
    beaten |= {gap.first for gap in gaps.values() if gap.high < 0}
    left = tuple(name for name in names if name not in beaten)
    pairs = list(combinations(left, 2))
    same = [
        pair
        for pair in pairs
        if pair in gaps and -margin < gaps[pair].low and gaps[pair].high < margin
    ]
    alike = left if pairs and len(same) == len(pairs) else ()
    best = left[0] if len(left) == 1 else None
    rows = min(len(tables[name]) for name in left or names)
    going = [pair for pair in pairs if pair in hopeful and pair not in same]
    return RowsRace(
        best=best,
        alike=alike,
        left=left,
        drop=tuple(name for name in names if name in beaten),
        over=best is not None or bool(alike) or not going,
        rows=rows,
        planned=planned,
        gaps=tuple(gaps.values()),
        sentence=_sentence(best, alike, left, rows, planned, bool(going), margin),
    )


def _promising(differences: Any, planned: int, level: float, margin: float) -> bool:
    """Whether all rows would decide a pair with a probability that is worth them."""
    from scipy.special import ndtr, ndtri

    done = len(differences)
    if done < _LEAST_ROWS:
        return True
    mean = float(differences.mean())
    # One row more in which either side alone is right.
    spread = math.sqrt(float(((differences - mean) ** 2).sum() + 2) / (done + 2))
    reach = _WIDER * float(ndtri(1 - level)) * spread / math.sqrt(planned)
    moves = spread * math.sqrt(1 / done - 1 / planned)
    told = ndtr((mean - reach) / moves) + ndtr((-mean - reach) / moves)
    if margin > reach:
        inside = margin - reach
        told += ndtr((inside - mean) / moves) - ndtr((-inside - mean) / moves)
    return bool(told >= LEAST_POWER)


def _sentence(
    best: str | None,
    alike: tuple[str, ...],
    left: tuple[str, ...],
    rows: int,
    planned: int,
    going: bool,
    margin: float,
) -> str:
    after = f"after {rows:,} of {counted(planned, 'test row')}"
    if best is not None:
        return f"{best} is the best classifier, which is decided {after}."
    several = ", ".join(left[:-1]) + (f" and {left[-1]}" if left else "all")
    if alike:
        return f"{several} differ by less than {share(margin)}, which is decided {after}."
    if going:
        return f"{several} can each be the best {after}; more rows can tell."
    if rows < planned:
        return f"{several} can each be the best {after}; the other rows are not likely to tell."
    return f"{several} can each be the best; all {counted(planned, 'test row')} do not tell."
