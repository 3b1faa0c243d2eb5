"""What a number of test rows can decide, before anything is run.

Two classifiers are compared on the same rows by McNemar's exact test. It sees only the discordant
rows, on which one of the two is right and the other wrong. How many there will be is not known
before the run, so it is assumed: 20 % of the rows, as two good classifiers of a task usually have.

Source: Connor, Sample Size for Testing Differences in Proportions for the Paired-Sample Design,
Biometrics 43, 1987. The power is computed exactly here: the sum over the number of discordant
rows, which is binomial, and over how they fall to the two sides, which is binomial given it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from tunelab.numbers import counted

DISCORDANT = 0.2
_LEVEL = 0.05
# Above so many rows the terms are summed in steps, which changes the power by less than 0.001.
_TERMS = 400


# Differences of accuracy for which the needed rows are reported.
WANTED = (0.02, 0.05)
_POWER = 0.8


@dataclass(frozen=True)
class RowsPower:
    """What ``rows`` test rows can decide between two classifiers.

    ``decides`` is the smallest difference of accuracies that is decided in half of the studies,
    None where there are too few rows for any. ``needed`` holds the rows at which a difference is
    decided with a power of 80 %. ``discordant`` is the share of rows on which exactly one of the
    two is assumed to be right.
    """

    rows: int
    decides: float | None
    needed: Mapping[float, int]
    discordant: float = DISCORDANT

    def sentences(self) -> list[str]:
        """The same in words, with what is assumed."""
        rows = counted(self.rows, "test row")
        if self.decides is None:
            verb = "is" if self.rows == 1 else "are"
            told = f"{rows} {verb} too few to decide any difference between two good classifiers."
        else:
            points = 100 * self.decides
            shown = f"{points:.0f}" if points >= 3 else f"{points:.2g}"
            told = (
                f"With {rows}, a difference of accuracy below {shown} points stays undecided in "
                "more than half of all studies."
            )
        needed = " and ".join(
            f"about {rows:,} test rows for {100 * difference:.0f} points"
            for difference, rows in self.needed.items()
        )
        return [
            told,
            f"A chance of {100 * _POWER:.0f} % to decide a difference takes {needed}; assumed is "
            f"that exactly one of the two is right on {100 * self.discordant:.0f} % of the rows.",
        ]

    def to_dict(self) -> dict[str, object]:
        """The numbers as JSON values; a difference is named in points."""
        needed = {f"{100 * wanted:g} points": rows for wanted, rows in self.needed.items()}
        return {
            "rows": self.rows,
            "decides": self.decides,
            "needed": needed,
            "discordant": self.discordant,
        }


@lru_cache(maxsize=64)
def power_of_rows(rows: int) -> RowsPower:
    """What test rows can decide, and how many it takes for more.

    It speaks of two classifiers that were named before; among several, a little less is decided.
    """
    needed = {wanted: rows_to_decide(wanted, power=_POWER) for wanted in WANTED}
    return RowsPower(
        rows,
        detectable_difference(rows) if rows else None,
        {wanted: found for wanted, found in needed.items() if found is not None},
    )


def paired_power(rows: int, difference: float, *, discordant: float = DISCORDANT) -> float:
    """The probability that the exact test decides a difference of accuracies.

    Args:
        rows: test rows that both classifiers answer.
        difference: of the two accuracies, from 0 to ``discordant``.
        discordant: the share of rows on which exactly one of the two is right.

    Raises:
        ValueError: ``difference`` is larger than ``discordant``, which cannot be.
    """
    import numpy as np
    from scipy.stats import binom

    if not 0 <= difference <= discordant <= 1:
        raise ValueError("a difference is at most the share of discordant rows")
    if rows < 1 or not discordant:
        return 0.0
    spread = 6 * (rows * discordant * (1 - discordant)) ** 0.5 + 1
    first = max(0, int(rows * discordant - spread))
    last = min(rows, int(rows * discordant + spread) + 1)
    step = max(1, (last - first) // _TERMS)
    counts = np.arange(first, last + 1, step)
    weights = binom.pmf(counts, rows, discordant)
    # The largest count of one side at which the two-sided test still rejects; -1 for none.
    limits = binom.ppf(_LEVEL / 2, counts, 0.5)
    limits = np.where(binom.cdf(limits, counts, 0.5) > _LEVEL / 2, limits - 1, limits)
    share = (1 + difference / discordant) / 2
    rejected = binom.cdf(limits, counts, 1 - share) + binom.cdf(limits, counts, share)
    rejected = np.where(limits < 0, 0.0, rejected)
    return float((weights * rejected).sum() / weights.sum())


@lru_cache(maxsize=256)
def detectable_difference(
    rows: int, *, power: float = 0.5, discordant: float = DISCORDANT
) -> float | None:
    """The smallest difference of accuracies that the test decides with this ``power``.

    With ``power`` 0.5, a smaller one stays undecided in more than half of all studies. None where
    even the largest possible difference is decided less often: there are too few rows.
    """
    if paired_power(rows, discordant, discordant=discordant) < power:
        return None
    low, high = 0.0, discordant
    for _ in range(40):
        middle = (low + high) / 2
        if paired_power(rows, middle, discordant=discordant) < power:
            low = middle
        else:
            high = middle
    return high


def rows_to_decide(
    difference: float, *, power: float = 0.8, discordant: float = DISCORDANT
) -> int | None:
    """The test rows at which a difference is decided with this ``power``; None for no difference.

    A difference above ``discordant`` means that at least as many rows are discordant.
    """
    if difference <= 0:
        return None
    discordant = max(discordant, difference)
    most = 1
    while paired_power(most, difference, discordant=discordant) < power:
        most *= 2
        if most > 2**31:
            return None
    least = most // 2
    while most - least > max(1, most // 500):
        middle = (least + most) // 2
        if paired_power(middle, difference, discordant=discordant) < power:
            least = middle
        else:
            most = middle
    return most
