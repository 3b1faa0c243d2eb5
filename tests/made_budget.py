"""Answers of a label budget whose curves are known, for tests."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from tunelab.evaluation.label_budget.answers import BudgetAnswers, BudgetCell

SIZES = (8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


def made_answers(
    tables: Mapping[str, npt.NDArray[np.bool_]],
    sizes: Sequence[float] = SIZES,
    planned: Sequence[int] | None = None,
) -> BudgetAnswers:
    """Answers from a bool array (sizes, draws, rows) of each classifier."""
    first = next(iter(tables.values()))
    return BudgetAnswers(
        classifiers=tuple(tables),
        sizes=tuple(sizes)[: len(first)],
        draws=tuple(planned or (first.shape[1],) * len(first)),
        right={
            BudgetCell(name, size, draw): table[size, draw]
            for name, table in tables.items()
            for size in range(table.shape[0])
            for draw in range(table.shape[1])
        },
    )


def simulated(
    curves: Mapping[str, Sequence[float]],
    *,
    draws: int,
    rows: int,
    seed: int,
    spread: float = 0.1,
    sizes: Sequence[float] = SIZES,
) -> BudgetAnswers:
    """Answers by a probit model: each classifier has these accuracies, and draws differ.

    ``spread`` is the standard deviation of a draw on the latent scale.
    """
    generator = np.random.default_rng(seed)
    ease = np.sqrt(0.5) * generator.standard_normal(rows)
    tables = {}
    for name, accuracies in curves.items():
        shape = (len(accuracies), draws)
        latent = (
            ease
            + spread * generator.standard_normal((*shape, 1))
            + np.sqrt(0.5 - spread**2) * generator.standard_normal((*shape, rows))
        )
        tables[name] = latent < ndtri(np.array(accuracies))[:, None, None]
    return made_answers(tables, sizes)


def done_only(answers: BudgetAnswers, cells: Sequence[BudgetCell]) -> BudgetAnswers:
    """The same study when only these trainings were done."""
    return BudgetAnswers(
        answers.classifiers,
        answers.sizes,
        answers.draws,
        {cell: answers.right[cell] for cell in cells},
    )
