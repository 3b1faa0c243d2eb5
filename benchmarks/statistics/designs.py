"""Studies whose truth is known: where the rows come from, and the values that intervals aim at."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

# Six labels as uneven as those of a corpus of emotions; the rarer, the harder.
SHARES = np.array([0.30, 0.33, 0.08, 0.13, 0.12, 0.04])
LABELS = len(SHARES)
HARDNESS = np.array([0.04, 0.05, -0.10, -0.02, -0.03, -0.15])
# Of wrong answers this share is no label at all, and this share is one mistake of both models.
UNPARSED = 0.03
SHARED_MISTAKES = 0.4


@dataclass(frozen=True)
class Cells:
    """Distinct rows, (true label, answer of each model), and the probability of each."""

    cells: Any
    shares: Any

    def studies(self, rows: int, studies: int, generator: Any) -> Iterator[tuple[Any, Any]]:
        """The cells that occur in each study, and how often."""
        for counts in generator.multinomial(rows, self.shares, size=studies):
            yield self.cells[counts > 0], counts[counts > 0]


def one_model(accuracy: float) -> Cells:
    """A model of this accuracy."""
    right = _by_label(accuracy)
    table = _mistakes() * (SHARES * (1 - right))[:, None]
    table[np.arange(LABELS), np.arange(LABELS)] = SHARES * right
    return _cells(table)


def two_models(accuracy: float, difference: float, correlation: float) -> Cells:
    """A model of this accuracy and one whose accuracy is lower by ``difference``.

    ``correlation`` is that of being right, within each label, as far as the accuracies allow.
    """
    first, second, mistakes = _by_label(accuracy), _by_label(accuracy - difference), _mistakes()
    table = np.zeros((LABELS, LABELS + 1, LABELS + 1))
    for label in range(LABELS):
        a, b, wrong = first[label], second[label], mistakes[label]
        both = a * b + correlation * math.sqrt(a * (1 - a) * b * (1 - b))
        both = min(both, a, b)
        table[label, label, label] = both
        table[label, label] += (a - both) * wrong
        table[label, :, label] += (b - both) * wrong
        pairs = SHARED_MISTAKES * np.diag(wrong) + (1 - SHARED_MISTAKES) * np.outer(wrong, wrong)
        table[label] += (1 - a - b + both) * pairs
        table[label] *= SHARES[label]
    return _cells(table)


@dataclass(frozen=True)
class Seeds:
    """Answers of several seeds to the same rows, by a probit model with two random effects.

    ``spread`` is the standard deviation of a seed's accuracy, to first order. Rows differ in
    difficulty with standard deviation ``rows_spread`` on the latent scale.
    """

    accuracy: float
    spread: float
    rows_spread: float = 1.5

    def studies(
        self, seeds: int, rows: int, studies: int, generator: Any
    ) -> Iterator[tuple[Any, float]]:
        """Right and wrong answers (seeds, rows), and the expected accuracy on those rows."""
        total = math.sqrt(1 + self.rows_spread**2)
        centre = ndtri(self.accuracy)
        deviation = self._deviation()
        for _ in range(studies):
            ease = centre * total + self.rows_spread * generator.standard_normal(rows)
            effect = deviation * generator.standard_normal((seeds, 1))
            answers = generator.random((seeds, rows)) < ndtr(ease + effect)
            yield answers, float(ndtr(ease / math.sqrt(1 + deviation**2)).mean())

    @property
    def truth(self) -> float:
        """Expected accuracy of any seed on any row."""
        total = math.sqrt(1 + self.rows_spread**2)
        return float(
            ndtr(ndtri(self.accuracy) * total / math.sqrt(total**2 + self._deviation() ** 2))
        )

    def _deviation(self) -> float:
        density = math.exp(-(ndtri(self.accuracy) ** 2) / 2) / math.sqrt(2 * math.pi)
        return self.spread / density * math.sqrt(1 + self.rows_spread**2)


@dataclass(frozen=True)
class Several:
    """Classifiers of known accuracies on the same rows, by a probit model.

    Rows differ in difficulty with standard deviation ``rows_spread`` on the latent scale, so that
    classifiers are right on the same rows more often than by chance. ``author`` rows belong
    together: how good a classifier is differs from author to author with ``by_author``.
    """

    accuracies: tuple[float, ...]
    rows_spread: float = 1.5
    author: int = 1
    by_author: float = 0.0

    def study(self, rows: int, seeds: int, generator: Any) -> Any:
        """The share of seeds that are right, (classifiers, rows)."""
        count = len(self.accuracies)
        ease = self.rows_spread * generator.standard_normal(rows)
        variance = 1 + self.rows_spread**2
        own = np.zeros((count, rows))
        if self.author > 1:
            drawn = generator.standard_normal((count, -(-rows // self.author)))
            own = self.by_author * np.repeat(drawn, self.author, axis=1)[:, :rows]
            variance += self.by_author**2
        centre = ndtri(np.array(self.accuracies))[:, None] * math.sqrt(variance)
        chance = ndtr(centre + ease + own)
        return (generator.random((seeds, count, rows)) < chance).mean(axis=0)


def answer_lengths(rows: int, generator: Any) -> tuple[Any, Any, float]:
    """Tokens of two models' answers to the same rows, skewed and related, and the true difference.

    Both are a row's own length times noise, log-normal; left is longer by half.
    """
    ease = 0.4 * generator.standard_normal(rows)
    left = np.exp(math.log(30) + ease + 0.5 * generator.standard_normal(rows))
    right = np.exp(math.log(20) + ease + 0.5 * generator.standard_normal(rows))
    return left, right, 10 * math.exp((0.4**2 + 0.5**2) / 2)


def _by_label(accuracy: float) -> Any:
    right = accuracy + HARDNESS * (1 - accuracy) / 0.3
    return right + accuracy - SHARES @ right


def _mistakes() -> Any:
    """Probability of each wrong answer, by true label; the last column is no label."""
    table = np.tile(SHARES, (LABELS, 1))
    np.fill_diagonal(table, 0.0)
    table *= (1 - UNPARSED) / table.sum(axis=1, keepdims=True)
    return np.hstack([table, np.full((LABELS, 1), UNPARSED)])


def _cells(table: Any) -> Cells:
    positions = np.argwhere(table > 0)
    shares = table[table > 0]
    return Cells(positions, shares / shares.sum())


@dataclass(frozen=True)
class Budget:
    """Label budgets of classifiers with known curves, by a probit model.

    ``curves``: (classifiers, sizes), the expected accuracy of any draw on any row. ``spreads``:
    (sizes,), the standard deviation of the accuracy of a draw, to first order. Half of the variance
    of a draw is the same for all classifiers, as a good draw is good for all, and half of it stays
    from size to size, as draws are nested. ``rows_share`` of the latent variance is a row's own for
    all classifiers, and ``own_share`` a row's own for one classifier. Where there are ``groups`` of
    rows, ``group_share`` of a row's own is that of its group.
    """

    curves: tuple[tuple[float, ...], ...]
    spreads: tuple[float, ...]
    rows_share: float = 0.45
    own_share: float = 0.2
    groups: int | None = None
    group_share: float = 0.4

    def group_of(self, rows: int) -> Any:
        """The group of each row, (rows,): groups of uneven sizes, the last up to three times."""
        sizes = np.linspace(1, 3, self.groups or rows)
        return np.searchsorted(np.cumsum(sizes) / sizes.sum(), (np.arange(rows) + 0.5) / rows)

    def study(self, draws: int, rows: int, generator: Any) -> Any:
        """Right and wrong answers, bool (classifiers, sizes, draws, rows)."""
        middle = ndtri(np.array(self.curves))
        count, sizes = middle.shape
        density = np.exp(-(middle**2) / 2) / math.sqrt(2 * math.pi)
        deviation = np.array(self.spreads) / density
        left = 1 - self.rows_share - self.own_share - deviation**2

        def normal(*shape: int) -> Any:
            return generator.standard_normal(shape, dtype=np.float32)

        def of_rows(*shape: int) -> Any:
            if self.groups is None:
                return normal(*shape, rows)
            shared = normal(*shape, self.groups)[..., self.group_of(rows)]
            own = normal(*shape, rows)
            return math.sqrt(self.group_share) * shared + math.sqrt(1 - self.group_share) * own

        quality = (
            normal(1, 1, draws, 1)
            + normal(1, sizes, draws, 1)
            + normal(count, 1, draws, 1)
            + normal(count, sizes, draws, 1)
        ) / 2
        rest = (normal(count, 1, draws, rows) + normal(count, sizes, draws, rows)) / math.sqrt(2)
        latent = (
            math.sqrt(self.rows_share) * of_rows()
            + math.sqrt(self.own_share) * of_rows(count, 1, 1)
            + deviation[:, :, None, None].astype(np.float32) * quality
            + np.sqrt(left)[:, :, None, None].astype(np.float32) * rest
        )
        return latent < middle[:, :, None, None]
