"""Means over draws of the training rows and over test rows, and how sure they are.

The answer of a training depends on two things that chance chose: the draw that it was trained on,
and the test row that it was asked. All draws are asked the same rows, so that answers are not
independent of each other. The layout is crossed, with random effects of draws and of rows.

Sources: Searle, Casella and McCulloch, Variance Components, 1992 (the variances from mean squares);
Howe, Approximate Confidence Limits on the Mean of X + Y Where X and Y Are Two Tabled Independent
Random Variables, 1974 (the sum of squared half-widths).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from tunelab.evaluation.label_budget.answers import BudgetAnswers, BudgetCell
from tunelab.evaluation.statistics.clusters import Clusters

LEVEL = 0.05
# Of the residual mean square, this over the number of draws is left in the variance of draws.
_KEPT = 0.75
# Degrees of freedom from which on Student's distribution is as good as normal.
_NEARLY_NORMAL = 100
LEAST_DRAWS = 3
FEW_DRAWS = "two draws do not show how much draws vary; an interval takes three"


@dataclass(frozen=True)
class Sample:
    """Values of some draws on all test rows.

    ``draws`` are the numbers of the draws, ``values`` an array (draws, rows). ``clusters``: which
    rows belong together, None where all are independent.
    """

    draws: tuple[int, ...]
    values: Any
    clusters: Clusters | None = None

    def first(self, count: int) -> "Sample":
        """The first draws of it."""
        return Sample(self.draws[:count], self.values[:count], self.clusters)

    @property
    def no_interval(self) -> str | None:
        """Why there is no interval of its mean, None where there is.

        One draw has one over rows alone.
        """
        if 1 < len(self.draws) < LEAST_DRAWS:
            return FEW_DRAWS
        return None if self.clusters is None else self.clusters.too_few()

    @property
    def units(self) -> Any:
        """Values of what is independent of each other, (draws, rows or groups).

        Their means are those of the rows. Of rows that belong together they are the pseudo-values
        of the jackknife over groups, whose variance is the clustered one (MacKinnon, Nielsen and
        Webb, 2023).
        """
        values = np.asarray(self.values, dtype=float)
        if self.clusters is None:
            return values
        means = values.mean(axis=1, keepdims=True)
        moved = (self.clusters.count - 1) * self.clusters.left_out((values - means).T).T
        moved -= moved.mean(axis=1, keepdims=True)
        # Groups that are all alike differ in the last digits of floating point.
        return means + np.where(np.abs(moved) < 1e-12, 0.0, moved)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of a spread over its rows or groups."""
        if self.clusters is None:
            return float(max(1, self.values.shape[1] - 1))
        return self.clusters.freedom


@dataclass(frozen=True)
class TwoWay:
    """Means of several samples of the same rows, and their covariances.

    ``means``: (samples,). ``by_draws`` and ``by_rows``: (samples, samples), what draws and rows add
    to the covariance of the means. ``between_draws``: (samples, samples), the covariance of the
    means for these very rows, which is ``by_draws`` and what chance adds in each answer.
    Estimates of variances of draws can be negative.
    ``counts``: (samples,), the draws of each; a sample of one draw has no variance of draws, so
    that what is said of it is said of that draw. ``residual``: (samples,), variance of one answer
    that neither its draw nor its row explains, 0 for one draw. ``units``: the independent rows, or
    groups where rows belong together, and ``freedom`` the degrees of freedom of a spread over them.
    """

    means: Any
    by_draws: Any
    between_draws: Any
    by_rows: Any
    residual: Any
    counts: tuple[int, ...]
    units: int
    freedom: float

    def reach(self, *, level: float = LEVEL, rows_level: float | None = None) -> float:
        """Half-width of the interval of the one mean that there is.

        Squared half-widths of the two sources of chance are added, each with Student's quantile
        of its own degrees of freedom. ``rows_level`` is the level of the second one where it
        differs. See :func:`_of_draws` for few draws.
        """
        rows_level = level if rows_level is None else rows_level
        from_rows = _quantile(self.freedom, rows_level) ** 2 * float(self.by_rows[0, 0])
        if self.counts[0] < 2:
            return math.sqrt(from_rows)
        quantile = _quantile(self.counts[0] - 1, level) ** 2
        from_draws = _of_draws(self.by_draws[0, 0], self.between_draws[0, 0], self.counts[0])
        return math.sqrt(quantile * max(0.0, float(from_draws)) + from_rows)

    def reaches(self, weights: Any, *, level: float = LEVEL) -> Any:
        """Half-widths of weighted sums of the means, as :meth:`reach`, for rows of ``weights``."""
        from scipy.special import stdtrit

        several = np.array([float(count) if count > 1 else math.inf for count in self.counts])
        fewest = np.where(np.abs(weights) > 1e-12, several, math.inf).min(axis=1)
        random = np.isfinite(fewest)
        draws = np.where(random, fewest, 2.0)
        quantile = np.where(random, stdtrit(draws - 1, 1 - level / 2) ** 2, 0.0)
        from_draws, between, from_rows = (
            np.einsum("gs,st,gt->g", weights, covariance, weights)
            for covariance in (self.by_draws, self.between_draws, self.by_rows)
        )
        of_draws = quantile * np.maximum(0.0, _of_draws(from_draws, between, draws))
        of_rows = _quantile(self.freedom, level) ** 2 * np.maximum(0.0, from_rows)
        return np.sqrt(of_draws + of_rows)

    def p_value(self, margin: float = 0.0) -> float:
        """Two-sided p-value of "the one mean equals the margin", by inverting :meth:`reach`.

        As small as 1e-12, below which the quantiles are not worth their digits.
        """
        from scipy.optimize import brentq

        away = abs(float(self.means[0]) - margin)

        def over(logarithm: float) -> float:
            return self.reach(level=math.exp(logarithm)) - away

        least = math.log(1e-12)
        if over(least) <= 0:
            return 1e-12
        return 1.0 if over(-1e-9) >= 0 else math.exp(brentq(over, least, -1e-9))

    def resampled(self, count: int, generator: Any) -> Any:
        """Means of other draws and other rows, (count, samples), around these means.

        Normal, with the variances as unknown as so few draws and rows leave them.
        """
        freedom = min((one - 1 for one in self.counts if one > 1), default=0)
        noise = generator.standard_normal((count, len(self.means))) @ _root(self.by_draws)
        if freedom:
            noise /= np.sqrt(generator.chisquare(freedom, size=(count, 1)) / freedom)
        rows = generator.standard_normal((count, len(self.means))) @ _root(self.by_rows)
        if self.freedom < _NEARLY_NORMAL:
            rows /= np.sqrt(generator.chisquare(self.freedom, size=(count, 1)) / self.freedom)
        return self.means + noise + rows


def two_way(samples: Sequence[Sample]) -> TwoWay:
    """Means of samples of the same rows, and what draws and rows add to their covariance.

    Two samples that share draws, such as nested sizes, share their chance.

    Raises:
        ValueError: there is no sample, one has no draw or no row, or their rows are not the same.
    """
    if not samples or not all(len(sample.draws) for sample in samples):
        raise ValueError("every sample needs a draw")
    if len({sample.values.shape[1] for sample in samples}) > 1:
        raise ValueError("all samples need the same test rows")
    if not samples[0].values.shape[1]:
        raise ValueError("there are no test rows")
    if len(samples) == 1:
        return _one_sample(samples[0])
    tables = [sample.units for sample in samples]
    size, rows = len(samples), int(tables[0].shape[1])
    by_row = np.stack([table.mean(axis=0) for table in tables])
    means = by_row.mean(axis=1)
    off = by_row - means[:, None]
    by_rows = off @ off.T / ((rows - 1) * rows) if rows > 1 else np.zeros((size, size))
    by_draws, between = np.zeros((size, size)), np.zeros((size, size))
    residual = np.zeros(size)
    for one in range(size):
        for other in range(one, size):
            found = _shared(samples[one], tables[one], samples[other], tables[other])
            if found is None:
                continue
            common, covariance, rest = found
            scale = common / (len(samples[one].draws) * len(samples[other].draws))
            by_draws[one, other] = by_draws[other, one] = (covariance - rest / rows) * scale
            between[one, other] = between[other, one] = covariance * scale
            if one == other:
                residual[one] = rest
    return TwoWay(
        means=means,
        by_draws=by_draws,
        between_draws=between,
        by_rows=by_rows,
        residual=residual,
        counts=tuple(len(sample.draws) for sample in samples),
        units=rows,
        freedom=samples[0].freedom,
    )


def sample_of(answers: BudgetAnswers, classifier: str, size: int) -> Sample | None:
    """The draws of a classifier at a size that were done, None where none was."""
    found = _done(answers, classifier, size)
    if not found:
        return None
    return Sample(tuple(found), np.stack(list(found.values())).astype(float), answers.clusters)


def paired(answers: BudgetAnswers, first: str, second: str, size: int) -> Sample | None:
    """Right answers of ``first`` minus those of ``second``, of the draws that both have done.

    What is only asked gives the same answers beside every draw.
    """
    left, right = _done(answers, first, size), _done(answers, second, size)
    both = tuple(draw for draw in left if draw in right)
    if not both:
        return None
    return Sample(
        both,
        np.stack([left[draw] for draw in both]).astype(float)
        - np.stack([right[draw] for draw in both]),
        answers.clusters,
    )


def known(answers: BudgetAnswers, *classifiers: str) -> None:
    """Check that the answers are of these classifiers.

    Raises:
        ValueError: one is not among them.
    """
    for name in classifiers:
        if name not in answers.names:
            raise ValueError(
                f"there is no classifier {name!r} in this label budget; it has "
                f"{', '.join(answers.names)}"
            )


def _done(answers: BudgetAnswers, classifier: str, size: int) -> Mapping[int, Any]:
    if classifier in answers.asked:
        return dict.fromkeys(range(answers.draws[size]), answers.asked[classifier])
    cells = ((draw, BudgetCell(classifier, size, draw)) for draw in range(answers.draws[size]))
    return {draw: answers.right[cell] for draw, cell in cells if cell in answers.right}


def _one_sample(sample: Sample) -> TwoWay:
    """The same of one sample, from its sums of squares.

    Each is multiplied by the number of answers: right answers then give whole numbers, and what
    does not vary has a variance of exactly 0.
    """
    values = sample.units
    draws, rows = values.shape
    answers = draws * rows
    of_draws, of_rows = values.sum(axis=1), values.sum(axis=0)
    total = float(of_draws.sum())
    squares_draws, squares_rows = float(of_draws @ of_draws), float(of_rows @ of_rows)
    by_rows = between = residual = by_draws = 0.0
    if rows > 1:
        by_rows = (rows * squares_rows - total**2) / (draws * answers * rows * (rows - 1))
    if draws > 1 and rows > 1:
        between = (draws * squares_draws - total**2) / (rows * answers * draws * (draws - 1))
        rest = answers * float(np.vdot(values, values)) + total**2
        rest -= rows * squares_rows + draws * squares_draws
        residual = max(0.0, rest) / (answers * (draws - 1) * (rows - 1))
        by_draws = between - residual / answers
    one = np.ones((1, 1))
    return TwoWay(
        means=np.array([total / answers]),
        by_draws=by_draws * one,
        between_draws=between * one,
        by_rows=by_rows * one,
        residual=residual * one[0],
        counts=(draws,),
        units=rows,
        freedom=sample.freedom,
    )


def _shared(one: Sample, table: Any, other: Sample, second: Any) -> tuple[int, float, float] | None:
    """Draws that both have, covariance of their means, and of what neither effect explains."""
    rows = table.shape[1]
    if len(one.draws) < 2 or len(other.draws) < 2 or rows < 2:
        return None
    if one.draws != other.draws:
        common = [draw for draw in one.draws if draw in other.draws]
        if len(common) < 2:
            return None
        table = table[[one.draws.index(draw) for draw in common]]
        second = second[[other.draws.index(draw) for draw in common]]
    first_means, second_means = table.mean(axis=1), second.mean(axis=1)
    first_off, second_off = first_means - first_means.mean(), second_means - second_means.mean()
    freedom = len(table) - 1
    covariance = float(first_off @ second_off) / freedom
    first_rows = table - table.mean(axis=0)
    second_rows = first_rows if second is table else second - second.mean(axis=0)
    # Sums of products of residuals: within rows, less what the draws explain.
    rest = float(np.vdot(first_rows, second_rows)) - rows * freedom * covariance
    return len(table), covariance, rest / (freedom * (rows - 1))


def _of_draws(by_draws: Any, between: Any, draws: Any) -> Any:
    """The variance by draws that an interval counts with.

    The estimate is a difference of mean squares, and with two or three draws it is often 0 or less
    though the variance is not. So not all of the residual mean square is taken off, the less the
    fewer draws there are. The share was chosen by simulation: with 3 and 10 draws intervals then
    cover near 95 % whether draws vary much or not at all; see ``benchmarks/statistics``. No share
    does that with two draws, of which no interval is told.
    """
    return by_draws + _KEPT / draws * (between - by_draws)


@lru_cache(maxsize=1024)
def _quantile(freedom: float, level: float) -> float:
    """Student's quantile of a two-sided level."""
    from scipy.special import stdtrit

    return float(stdtrit(max(freedom, 1), 1 - level / 2))


def _root(covariance: Any) -> Any:
    """A matrix R with RᵀR = the covariance, its negative eigenvalues set to 0."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
