"""How often each 95 % interval holds the true value, in simulated studies.

    python benchmarks/statistics/coverage.py --studies 2000 --seed 0 --json FILE

The promise is 93 to 97 %. An interval that is undefined for a study counts neither way and is
reported beside the coverage. The standard error of a coverage over 2,000 studies is 0.5 points.
"""

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from designs import LABELS, Seeds, answer_lengths, one_model, two_models
from simulation import Cell, simulate

from tunelab.evaluation.metrics import wilson_interval
from tunelab.evaluation.metrics.f1 import STATISTICS
from tunelab.evaluation.statistics.bootstrap import limits
from tunelab.evaluation.statistics.cell_bootstrap import count_bootstrap, of_cells
from tunelab.evaluation.statistics.comparison import compare_means, tango_interval
from tunelab.evaluation.statistics.seeds import across_seeds

ROWS = (100, 240, 1000, 2000)
ACCURACIES = (0.55, 0.7, 0.9)
# Accuracy of left, how much lower right is, and the correlation of being right.
PAIRS = ((0.55, 0.05, 0.0), (0.7, 0.05, 0.3), (0.7, 0.0, 0.7), (0.9, 0.05, 0.5))
SEEDS = (3, 5)
SPREADS = (0.01, 0.03)
PROMISE = (0.93, 0.97)

Interval = tuple[float | None, float | None]


def main() -> None:
    simulate(
        __doc__,
        all_designs(),
        study,
        show=row,
        conclude=_conclude,
        options={"resamples": (800, "of each bootstrap")},
    )


def _conclude(found: list[Cell]) -> tuple[int, str]:
    kept = sum(cell["kept"] for cell in found)
    return kept, f"{kept} of {len(found)} intervals cover between 93 and 97 %."


def all_designs() -> Iterator[Cell]:
    """Every design; what it holds says which intervals it is for."""
    for accuracy, rows in product(ACCURACIES, ROWS):
        yield {"rows": rows, "accuracy": accuracy}
    for (accuracy, less, correlation), rows in product(PAIRS, ROWS):
        yield {"rows": rows, "accuracy": accuracy, "less": less, "correlation": correlation}
    for rows in ROWS:
        yield {"rows": rows}
    for seeds, accuracy, spread, rows in product(SEEDS, ACCURACIES, SPREADS, ROWS):
        yield {"rows": rows, "accuracy": accuracy, "seeds": seeds, "spread": spread}


def study(studies: int, resamples: int, seed: int, numbered: tuple[int, Cell]) -> list[Cell]:
    """Every interval of one design."""
    number, design = numbered
    generator = np.random.default_rng([seed, number])
    if "seeds" in design:
        return list(of_seeds(design, studies, generator))
    if "less" in design:
        return list(of_two_models(design, studies, resamples, generator))
    if "accuracy" in design:
        return list(of_one_model(design, studies, resamples, generator))
    return [of_lengths(design, studies, generator)]


def of_one_model(design: Cell, studies: int, resamples: int, generator: Any) -> Iterator[Cell]:
    """Wilson's interval, and those of F1."""
    rows, accuracy = design["rows"], design["accuracy"]
    hits = generator.binomial(rows, accuracy, size=studies)
    wilson = lru_cache(wilson_interval)
    yield cell("accuracy: Wilson", design, [wilson(int(hit), rows) for hit in hits], accuracy)
    yield from of_f1("F1", one_model(accuracy), design, studies, resamples, generator)


def of_two_models(design: Cell, studies: int, resamples: int, generator: Any) -> Iterator[Cell]:
    """Tango's interval of a difference of accuracy, and those of differences of F1."""
    models = two_models(design["accuracy"], design["less"], design["correlation"])
    tango = lru_cache(tango_interval)
    intervals = []
    for positions, counts in models.studies(design["rows"], studies, generator):
        left, right = (positions[:, 0] == positions[:, side] for side in (1, 2))
        only_left, only_right = counts[left & ~right].sum(), counts[right & ~left].sum()
        intervals.append(tango(int(only_left), int(only_right), design["rows"]))
    yield cell("difference of accuracy: Tango", design, intervals, design["less"])
    yield from of_f1("difference of F1", models, design, studies, resamples, generator)


def of_f1(
    name: str, models: Any, design: Cell, studies: int, resamples: int, generator: Any
) -> Iterator[Cell]:
    truth = of_cells(list(STATISTICS.values()), models.cells, LABELS)(models.shares[None])[0]
    intervals: list[list[Interval]] = [[] for _ in STATISTICS]
    for number, (positions, counts) in enumerate(
        models.studies(design["rows"], studies, generator)
    ):
        samples = count_bootstrap(
            list(STATISTICS.values()), positions, counts, LABELS, seed=number, resamples=resamples
        )
        for into, sample in zip(intervals, samples, strict=True):
            freedom = sample.freedom if "less" in design else math.inf
            into.append((None, None) if sample.degenerate else limits(sample, freedom=freedom))
    for average, found, value in zip(STATISTICS, intervals, truth.tolist(), strict=True):
        yield cell(f"{name}: {average}", design, found, value)


def of_lengths(design: Cell, studies: int, generator: Any) -> Cell:
    """The paired t interval."""
    intervals = []
    for _ in range(studies):
        left, right, truth = answer_lengths(design["rows"], generator)
        outcome = compare_means(left, right)
        intervals.append((outcome.low, outcome.high))
    return cell("difference of lengths: paired t", design, intervals, truth)


def of_seeds(design: Cell, studies: int, generator: Any) -> Iterator[Cell]:
    """Both intervals of a mean over seeds."""
    model = Seeds(design["accuracy"], design["spread"])
    here, anywhere, truths = [], [], []
    for answers, truth in model.studies(design["seeds"], design["rows"], studies, generator):
        summary = across_seeds(answers)
        here.append((summary.accuracy.low, summary.accuracy.high))
        anywhere.append((summary.accuracy_anywhere.low, summary.accuracy_anywhere.high))
        truths.append(truth)
    yield cell("mean over seeds: these rows", design, here, truths)
    yield cell("mean over seeds: any rows", design, anywhere, model.truth)


def cell(
    statistic: str, design: Cell, intervals: Iterable[Interval], truth: float | list[float]
) -> Cell:
    """Coverage of one interval in one design; ``truth`` may differ between studies."""
    bounds = np.array(list(intervals), dtype=float)
    truths = np.broadcast_to(np.asarray(truth, dtype=float), len(bounds))
    defined = np.isfinite(bounds).all(axis=1)
    low, high, truths = bounds[defined, 0], bounds[defined, 1], truths[defined]
    # A limit that equals the truth up to floating point holds it.
    below, above = truths < low - 1e-12, truths > high + 1e-12
    coverage = float(1 - below.mean() - above.mean())
    return {
        "statistic": statistic,
        **design,
        "truth": float(truths.mean()),
        "coverage": round(coverage, 5),
        "truth_below": round(float(below.mean()), 5),
        "truth_above": round(float(above.mean()), 5),
        "width": round(float((high - low).mean()), 5),
        "undefined": int((~defined).sum()),
        "kept": PROMISE[0] <= round(coverage, 5) <= PROMISE[1],
    }


def row(cell: Cell) -> str:
    design = ", ".join(
        f"{name} {cell[name]}"
        for name in ("rows", "accuracy", "less", "correlation", "seeds", "spread")
        if name in cell
    )
    mark = "" if cell["kept"] else "  outside"
    undefined = f"  undefined {cell['undefined']}" if cell["undefined"] else ""
    return (
        f"{cell['statistic']:32} {design:58} {100 * cell['coverage']:5.1f} %  truth below "
        f"{100 * cell['truth_below']:4.1f} %, above {100 * cell['truth_above']:4.1f} %"
        f"{undefined}{mark}"
    )


if __name__ == "__main__":
    main()
