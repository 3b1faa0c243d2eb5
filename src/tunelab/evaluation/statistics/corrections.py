"""Correction of p-values for the number of comparisons that were made."""

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction; None, a comparison without a test, stays and is not counted.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979.

    Raises:
        ValueError: a p-value is not between 0 and 1.
    """
    tested = [value for value in p_values if value is not None]
    if not all(0 <= value <= 1 for value in tested):
        raise ValueError("p-values lie between 0 and 1")
    if not tested:
        return [None] * len(p_values)
    from statsmodels.stats.multitest import multipletests

    corrected = iter(multipletests(tested, method="holm")[1].tolist())
    return [None if value is None else float(next(corrected)) for value in p_values]
