"""One recipe trained several times: what varies between training seeds, and what between rows."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tunelab.evaluation.statistics.clusters import Clusters
from tunelab.evaluation.statistics.estimates import Estimate

CONFIDENCE = 0.95


@dataclass(frozen=True)
class SeedSummary:
    """Accuracy over training seeds that all answered the same rows.

    ``accuracy`` has the t interval over seeds: it speaks of other seeds on these very rows.
    ``accuracy_anywhere`` has the interval that speaks of other seeds on other rows. ``sd`` is the
    standard deviation of the seeds' accuracies. The variances are those of one answer, right or
    wrong, and the errors are what each adds to the standard error of the mean accuracy.
    ``disagreeing`` counts the rows that some seeds have right and others wrong. ``reason`` says
    why something is None, ``note`` that a negative variance was set to 0.
    """

    accuracy: Estimate
    accuracy_anywhere: Estimate
    sd: float | None
    seeds: int
    rows: int
    disagreeing: int
    variance_seeds: float | None
    variance_rows: float | None
    variance_residual: float | None
    error_seeds: float | None
    error_rows: float | None
    error_residual: float | None
    reason: str | None = None
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON values."""
        return asdict(self)


def across_seeds(
    correct: Sequence[Sequence[bool]], clusters: Clusters | None = None
) -> SeedSummary:
    """Analyse right and wrong answers (seeds, rows) as a two-way layout with random effects.

    Each answer is the mean plus an effect of its seed, of its row, and a residual; the variances
    come from the mean squares. The interval for other seeds and other rows adds the squares of
    two half-widths, t of the seeds' own error and t of the rows' error. Satterthwaite's single t
    for the sum must guess its degrees of freedom from two mean squares, and covered 91 to 92 % in
    simulations with three seeds that differ much; see ``benchmarks/statistics``. The half-width is
    laid off on the logit scale, as accuracies near 1 are skewed.

    Where rows belong together in ``clusters``, the rows' own error is the clustered one, with a t
    over groups; the variances stay those of single answers.

    Source: Searle, Casella and McCulloch, Variance Components, 1992; the sum of squared
    half-widths: Howe, Approximate Confidence Limits on the Mean of X + Y Where X and Y Are Two
    Tabled Independent Random Variables, 1974.

    Raises:
        ValueError: the seeds did not answer the same number of rows.
    """
    import numpy as np
    from scipy.stats import t

    seeds = len(correct)
    rows = len(correct[0]) if seeds else 0
    if any(len(answers) != rows for answers in correct):
        raise ValueError("every seed must have answered the same rows")
    if not seeds or not rows:
        return _undefined(seeds, rows, "there are no rows" if seeds else "there are no seeds")
    table = np.asarray(correct, dtype=bool).astype(float)
    mean, by_seed, by_row = float(table.mean()), table.mean(axis=1), table.mean(axis=0)
    disagreeing = int(((by_row > 0) & (by_row < 1)).sum())
    accuracy = summarize(by_seed.tolist(), bounds=(0.0, 1.0))
    if seeds == 1:
        return _undefined(seeds, rows, "one seed shows no spread", accuracy=accuracy)
    sd = float(by_seed.std(ddof=1))
    if rows == 1:
        return _undefined(
            seeds, rows, "one row shows no spread", accuracy, sd=sd, disagreeing=disagreeing
        )
    square_seeds = rows * sd**2
    square_rows = seeds * float(by_row.var(ddof=1))
    residuals = table - by_seed[:, None] - by_row[None, :] + mean
    square_rest = float((residuals**2).sum()) / ((seeds - 1) * (rows - 1))
    variance_seeds = (square_seeds - square_rest) / rows
    variance_rows = (square_rows - square_rest) / seeds
    # Sums that cancel on paper leave the last digits of floating point.
    negative = [
        name
        for name, value in (("seeds", variance_seeds), ("rows", variance_rows))
        if value < -1e-12
    ]
    variance_seeds, variance_rows = max(0.0, variance_seeds), max(0.0, variance_rows)
    both = Estimate(mean, None, None, "all answers are alike, so there is no spread")
    if 0 < mean < 1:
        from_seeds = t.ppf((1 + CONFIDENCE) / 2, seeds - 1) ** 2 * variance_seeds / seeds
        from_rows = t.ppf((1 + CONFIDENCE) / 2, rows - 1) ** 2 * square_rows / (seeds * rows)
        if clusters is not None and clusters.count > 1:
            from_rows = (clusters.quantile() * clusters.error(by_row, mean)) ** 2
        odds, reach = mean / (1 - mean), math.sqrt(from_seeds + from_rows)
        factor = math.exp(min(700.0, reach / (mean * (1 - mean))))
        both = Estimate(mean, odds / (odds + factor), odds / (odds + 1 / factor))
    few = clusters.too_few() if clusters is not None else None
    if few is not None:
        both = Estimate(mean, None, None, few)
    return SeedSummary(
        accuracy=accuracy,
        accuracy_anywhere=both,
        sd=sd,
        seeds=seeds,
        rows=rows,
        disagreeing=disagreeing,
        variance_seeds=variance_seeds,
        variance_rows=variance_rows,
        variance_residual=square_rest,
        error_seeds=math.sqrt(variance_seeds / seeds),
        error_rows=math.sqrt(variance_rows / rows)
        if clusters is None or few is not None
        else clusters.error(by_row, mean),
        error_residual=math.sqrt(square_rest / (seeds * rows)),
        note=f"the estimated variance of {' and of '.join(negative)} was negative and is set to 0"
        if negative
        else None,
    )


def summarize(
    values: Sequence[float | None],
    unit: str = "seed",
    *,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """Mean of a metric over seeds with its t interval; a None among the values is left out.

    ``unit`` is what there is a value for, in the reasons. A spread of 0 gives no interval, as a
    few equal values do not show that nothing varies. The interval ends at ``bounds``, which for
    accuracy and F1 are 0 and 1.

    Source: Student, The Probable Error of a Mean, 1908.
    """
    from scipy.stats import t

    known = [value for value in values if value is not None]
    if not known:
        return Estimate(None, None, None, "there are no values")
    mean = math.fsum(known) / len(known)
    if len(known) == 1:
        return Estimate(mean, None, None, f"one {unit} shows no spread")
    spread = standard_deviation(values) or 0.0
    if spread <= 1e-12 * max(abs(value) for value in known):
        return Estimate(mean, None, None, f"all {unit}s have the same value, so there is no spread")
    reach = float(t.ppf((1 + CONFIDENCE) / 2, len(known) - 1)) * spread / math.sqrt(len(known))
    return Estimate(mean, max(bounds[0], mean - reach), min(bounds[1], mean + reach))


def standard_deviation(values: Sequence[float | None]) -> float | None:
    """Standard deviation of a metric over seeds, None for fewer than two values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    mean = math.fsum(known) / len(known)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (len(known) - 1))


def _undefined(
    seeds: int,
    rows: int,
    reason: str,
    accuracy: Estimate | None = None,
    *,
    sd: float | None = None,
    disagreeing: int = 0,
) -> SeedSummary:
    value = accuracy.value if accuracy else None
    return SeedSummary(
        accuracy=accuracy or Estimate(None, None, None, reason),
        accuracy_anywhere=Estimate(value, None, None, reason),
        sd=sd,
        seeds=seeds,
        rows=rows,
        disagreeing=disagreeing,
        variance_seeds=None,
        variance_rows=None,
        variance_residual=None,
        error_seeds=None,
        error_rows=None,
        error_residual=None,
        reason=reason,
    )
