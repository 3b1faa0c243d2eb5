"""Two models on the same rows: who is right where the other is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass


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
    """Exact McNemar test of two models' right and wrong answers to the same rows, two-sided.

    Source: McNemar, Note on the sampling error of the difference between correlated proportions
    or percentages, 1947; exact form: the binomial test on the discordant rows.

    Raises:
        ValueError: the lengths differ.
    """
    from scipy.stats import binomtest

    only_left = sum(a and not b for a, b in zip(left, right, strict=True))
    only_right = sum(b and not a for a, b in zip(left, right, strict=True))
    discordant = only_left + only_right
    return PairedComparison(
        difference=(only_left - only_right) / len(left) if left else None,
        only_left=only_left,
        only_right=only_right,
        p_value=float(binomtest(only_left, discordant).pvalue) if discordant else None,
    )
