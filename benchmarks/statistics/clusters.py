"""What intervals and tests promise where rows belong together, and what rows alone would give.

    python benchmarks/statistics/clusters.py --studies 2000 --seed 0 --json FILE

Rows come in groups, as the texts of authors; how good a classifier is differs from group to group.
Each 95 % interval is drawn up once over groups, as tunelab does where ``data.group`` names them,
and once over rows, as if these were independent. The promise is 93 to 97 % for intervals and at
most 5 % of false findings for the test. The standard error over 2,000 studies is 0.5 points.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri
from simulation import Cell, simulate

from tunelab.evaluation.metrics.constructors import share
from tunelab.evaluation.metrics.f1 import STATISTICS
from tunelab.evaluation.statistics.best import gain_of_group
from tunelab.evaluation.statistics.clusters import Clusters, compare_clusters
from tunelab.evaluation.statistics.comparison import compare_shares
from tunelab.evaluation.statistics.resampling import count_interval
from tunelab.evaluation.statistics.seeds import across_seeds

GROUPS = (12, 30, 80)
SIZES = ("alike", "uneven")
ACCURACIES = (0.7, 0.9)
LABELS = ("a", "b", "c")
SHARES = (0.5, 0.35, 0.15)
# Rows of a group in the mean, and standard deviations on the probit scale: of what all classifiers
# find easy in a group, of what each alone does, and of single rows.
MEAN_ROWS = 10
COMMON, OWN, ROW = 0.8, 0.5, 1.0
PROMISE = (0.93, 0.97)
MOST_FALSE = 0.065


@dataclass(frozen=True)
class Authors:
    """Two classifiers of one accuracy, with three trainings of the first, on rows in groups."""

    accuracy: float
    groups: int
    uneven: bool

    def study(self, generator: Any) -> tuple[Any, Any, Any]:
        """Right or wrong, (trainings, rows); the group and the label of each row."""
        sizes = np.full(self.groups, MEAN_ROWS)
        if self.uneven:
            sizes = generator.geometric(1 / MEAN_ROWS, size=self.groups)
        index = np.repeat(np.arange(self.groups), sizes)
        rows = len(index)
        total = math.sqrt(1 + COMMON**2 + OWN**2 + ROW**2)
        ease = (
            ndtri(self.accuracy) * total
            + COMMON * generator.standard_normal(self.groups)[index]
            + ROW * generator.standard_normal(rows)
        )
        own = OWN * generator.standard_normal((2, self.groups))[:, index]
        chance = ndtr(ease + own)
        # Three trainings of the first, which share what it finds easy, and one of the second.
        right = generator.random((4, rows)) < chance[[0, 0, 0, 1]]
        return right, index, generator.choice(len(LABELS), size=rows, p=SHARES)


def main() -> None:
    simulate(
        __doc__,
        product(GROUPS, SIZES, ACCURACIES),
        study,
        show=row,
        conclude=_conclude,
        options={"resamples": (500, "of each bootstrap")},
    )


def _conclude(found: list[Cell]) -> tuple[int, str]:
    promised = [cell["kept"] for cell in found if cell["kept"] is not None]
    return sum(promised), f"{sum(promised)} of {len(promised)} promises hold."


def study(
    studies: int, resamples: int, seed: int, numbered: tuple[int, tuple[int, str, float]]
) -> list[Cell]:
    """Every interval and the test of one design."""
    number, (groups, sizes, accuracy) = numbered
    authors = Authors(accuracy, groups, sizes == "uneven")
    generator = np.random.default_rng([seed, number])
    design = {"authors": groups, "sizes": sizes, "accuracy": accuracy}
    over: dict[tuple[str, str], list[Any]] = {}
    false: dict[str, list[bool]] = {"groups": [], "rows": []}
    for at in range(studies):
        right, index, labels = authors.study(generator)
        for way, clusters in (("groups", Clusters(index, groups)), ("rows", None)):
            for name, estimate in _intervals(right, labels, clusters, at, resamples):
                over.setdefault((name, way), []).append((estimate.low, estimate.high))
                if name == "difference of accuracies":
                    p_value = estimate.p_value
                    false[way].append(p_value is not None and p_value < 0.05)
    truths = {
        "accuracy": accuracy,
        "macro-F1": _true_macro(accuracy),
        "accuracy over 3 seeds": accuracy,
        "difference of accuracies": 0.0,
        "gain of a group": 0.0,
    }
    cells = [_interval_cell(name, design, over, truth) for name, truth in truths.items()]
    rates = {way: float(np.mean(flags)) for way, flags in false.items()}
    cells.append(
        {
            "statistic": "false findings of the paired test",
            **design,
            **rates,
            "kept": rates["groups"] <= MOST_FALSE,
        }
    )
    return cells


def _intervals(
    right: Any, labels: Any, clusters: Clusters | None, seed: int, resamples: int
) -> Iterator[tuple[str, Any]]:
    """Every interval of a study, over groups or over rows."""
    one, other = right[0].tolist(), right[3].tolist()
    yield "accuracy", share(one, clusters)
    truth = [LABELS[label] for label in labels]
    # A wrong answer is the next label.
    given = [
        LABELS[label] if hit else LABELS[(label + 1) % 3]
        for label, hit in zip(labels, one, strict=True)
    ]
    yield (
        "macro-F1",
        count_interval(
            STATISTICS["macro"],
            truth,
            given,
            LABELS,
            seed=seed,
            resamples=resamples,
            clusters=clusters,
        ),
    )
    yield "accuracy over 3 seeds", across_seeds(right[:3].tolist(), clusters).accuracy_anywhere
    yield (
        "difference of accuracies",
        compare_shares(one, other)
        if clusters is None
        else compare_clusters(
            list(map(float, one)),
            list(map(float, other)),
            clusters,
            seed=seed,
            shares=True,
            draws=999,
        ),
    )
    names = None if clusters is None else clusters.index.tolist()
    yield (
        "gain of a group",
        gain_of_group([one], [other], seed=seed, groups=names, draws=399),
    )


def _true_macro(accuracy: float) -> float:
    """Macro-F1 of all rows that there could be: whether a row is right hangs on no label."""
    shares = np.array(SHARES)
    hits = accuracy * shares
    given = hits + (1 - accuracy) * np.roll(shares, 1)
    return float((2 * hits / (shares + given)).mean())


def _interval_cell(
    name: str, design: Cell, over: dict[tuple[str, str], list[Any]], truth: float
) -> Cell:
    found: Cell = {"statistic": name, **design, "truth": round(truth, 5)}
    for way in ("groups", "rows"):
        bounds = np.array(over[name, way], dtype=float)
        defined = np.isfinite(bounds).all(axis=1)
        low, high = bounds[defined, 0], bounds[defined, 1]
        covered = ((low - 1e-12 <= truth) & (truth <= high + 1e-12)).sum()
        count = max(1, int(defined.sum()))
        found[way] = round(float(covered) / count, 4)
        found[f"{way}_width"] = round(float((high - low).sum()) / count, 4)
        found[f"{way}_undefined"] = int((~defined).sum())
    # Uneven groups that are too few have no interval: nothing is promised where most have none.
    few = 2 * found["groups_undefined"] > len(over[name, "groups"])
    found["kept"] = None if few else PROMISE[0] <= found["groups"] <= PROMISE[1]
    return found


def row(cell: Cell) -> str:
    mark = {True: "", False: "  outside", None: "  too few groups"}[cell["kept"]]
    return (
        f"{cell['statistic']:34} {cell['authors']:3} groups {cell['sizes']:7} "
        f"accuracy {cell['accuracy']}  over groups {100 * cell['groups']:5.1f} %, "
        f"over rows {100 * cell['rows']:5.1f} %{mark}"
    )


if __name__ == "__main__":
    main()
