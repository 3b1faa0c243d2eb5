"""How sure a number over sentences is: bootstrap intervals of ratios, and a paired test.

Sources: Efron, Bootstrap methods: another look at the jackknife, 1979 (percentile intervals);
Fisher, The design of experiments, 1935 (the sign-flip test).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 2_000
# More sentences than this are summed into as many groups, which keeps the spread between them.
GROUPS = 1_000
_CHUNK = 200

Interval = tuple[float, float]


@dataclass(frozen=True)
class PairedDifference:
    """Left minus right over the same sentences.

    ``difference`` is the mean per sentence, ``ratio`` the sum of left over that of right, both
    with 95 % intervals; ``p_value`` is None where no sentence differs.
    """

    sentences: int
    difference: float | None
    difference_interval: Interval | None
    ratio: float | None
    ratio_interval: Interval | None
    p_value: float | None


def ratio_interval(
    numerators: Sequence[float],
    denominators: Sequence[float],
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval | None:
    """Percentile interval of sum(numerators) / sum(denominators), sentences drawn with their pairs.

    None where it is undefined: fewer than two sentences, or draws whose denominators sum to 0.

    Raises:
        ValueError: the lengths differ.
    """
    import numpy as np

    if len(numerators) != len(denominators):
        raise ValueError("numerators and denominators must be of one length")
    if len(numerators) < 2:
        return None
    rng = np.random.default_rng(seed)
    pairs = np.column_stack([numerators, denominators]).astype(float)
    sums = _resampled_sums(_grouped(pairs, rng), resamples, rng)
    if not (sums[:, 1] > 0).all():
        return None
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def compare_pairs(
    left: Sequence[float], right: Sequence[float], *, seed: int, resamples: int = 10_000
) -> PairedDifference:
    """Compare two tokenizers' counts of the same sentences, two-sided.

    The p value is that of the paired sign-flip test on the mean difference: exact to the number
    of draws, whose smallest value is 1 / (resamples + 1).

    Raises:
        ValueError: the lengths differ.
    """
    import numpy as np

    if len(left) != len(right):
        raise ValueError("left and right must count the same sentences")
    if not len(left):
        return PairedDifference(0, None, None, None, None, None)
    differences = np.asarray(left, dtype=float) - np.asarray(right, dtype=float)
    total = float(np.sum(right))
    return PairedDifference(
        sentences=len(left),
        difference=float(differences.mean()),
        difference_interval=ratio_interval(list(differences), [1.0] * len(left), seed=seed),
        ratio=float(np.sum(left)) / total if total else None,
        ratio_interval=ratio_interval(left, right, seed=seed) if total else None,
        p_value=_sign_flip(differences, seed, resamples),
    )


def _sign_flip(differences: "np.ndarray", seed: int, resamples: int) -> float | None:
    import numpy as np

    if not differences.any():
        return None
    rng = np.random.default_rng(seed)
    groups = _grouped(differences[:, None], rng)[:, 0]
    observed = abs(groups.sum())
    as_far = 0
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        signs = rng.integers(0, 2, size=(size, len(groups))) * 2 - 1
        as_far += int((np.abs(signs @ groups) >= observed * (1 - 1e-12)).sum())
    return (as_far + 1) / (resamples + 1)


def _grouped(rows: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    """Rows, or their sums over random groups of like size where there are many."""
    import numpy as np

    if len(rows) <= GROUPS:
        return rows
    order = rng.permutation(len(rows))
    return np.stack([rows[part].sum(axis=0) for part in np.array_split(order, GROUPS)])


def _resampled_sums(rows: "np.ndarray", resamples: int, rng: "np.random.Generator") -> "np.ndarray":
    import numpy as np

    sums = []
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        drawn = rng.integers(0, len(rows), size=(size, len(rows)))
        sums.append(rows[drawn].sum(axis=1))
    return np.concatenate(sums)
