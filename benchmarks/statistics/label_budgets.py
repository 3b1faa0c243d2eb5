"""What the statistics of a label budget promise, in simulated studies whose curves are known.

    python benchmarks/statistics/label_budgets.py --studies 2000 --seed 0 --json FILE

``--only`` and ``--field`` run the designs of one kind or field and leave the others in FILE as they
are.

Intervals of accuracies, of differences, of the crossing of two curves, and of extrapolations must
cover the truth in 93 to 97 % of the studies, also where rows belong together in groups; beside it
stands what intervals of independent rows would cover then. Of two draws there must be none. The
verdict on fine-tuning, and the best that a race names at any moment, must be wrong in less than
5 %, and a race must save at least half of the work.
"""

import argparse
import json
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from designs import Budget

from tunelab.evaluation.label_budget.answers import BudgetAnswers, BudgetCell
from tunelab.evaluation.label_budget.crossing import crossing
from tunelab.evaluation.label_budget.curves import curve, difference
from tunelab.evaluation.label_budget.pays import pays_from
from tunelab.evaluation.label_budget.power_law import extrapolated
from tunelab.evaluation.label_budget.racing import race
from tunelab.evaluation.label_budget.two_way import LEAST_DRAWS
from tunelab.evaluation.statistics.betting import confidence_sequence
from tunelab.evaluation.statistics.clusters import clusters_of

SIZES = (8, 16, 32, 64, 128, 256)
SPREADS = (0.05, 0.04, 0.03, 0.02, 0.015, 0.01)
GROUPS = 40
NAMES = ("tfidf", "embedding", "setfit", "encoder", "lora")
TUNED, OTHERS = NAMES[2:], NAMES[:2]
# Two curves that cross near 29 rows a label.
CROSSING = ((0.40, 0.48, 0.55, 0.61, 0.65, 0.68), (0.30, 0.42, 0.56, 0.68, 0.77, 0.83))
# floor + scale · size ^ -exponent
LAWS = {
    "a floor": (0.1, 1.2, 0.45),
    "no floor": (0.0, 1.0, 0.3),
    "nearly flat at the end": (0.2, 3.0, 0.9),
    "slow": (0.0, 0.75, 0.1),
}
# A model that learns nothing from few rows, and then all at once.
NO_LAW = (0.30, 0.31, 0.36, 0.55, 0.74, 0.82, 0.85)
ALIKE = (0.4, 0.5, 0.6, 0.7, 0.75, 0.8)
FIELDS = {
    "as on real texts": (
        (0.30, 0.38, 0.46, 0.54, 0.60, 0.66),
        (0.42, 0.48, 0.53, 0.57, 0.61, 0.64),
        (0.40, 0.52, 0.63, 0.72, 0.78, 0.82),
        (0.25, 0.35, 0.50, 0.66, 0.77, 0.83),
        (0.28, 0.42, 0.58, 0.72, 0.81, 0.86),
    ),
    "two alike at the top": (
        (0.30, 0.38, 0.46, 0.54, 0.60, 0.66),
        (0.42, 0.48, 0.53, 0.57, 0.61, 0.64),
        (0.40, 0.52, 0.63, 0.72, 0.78, 0.82),
        (0.28, 0.42, 0.58, 0.72, 0.81, 0.86),
        (0.28, 0.42, 0.58, 0.72, 0.81, 0.86),
    ),
    "all alike": (ALIKE,) * 5,
    "level up to 32 rows": ((0.4, 0.5, 0.6, 0.64, 0.67, 0.70),) * 2 + (ALIKE,) * 3,
}

Cell = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--only", help="designs of one kind: curves, groups, law, pays, race, or rows"
    )
    parser.add_argument("--field", help="designs of one field")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    designs = [
        numbered
        for numbered in enumerate(all_designs())
        if arguments.only in (None, numbered[1]["what"])
        and arguments.field in (None, numbered[1].get("field"))
    ]
    found: list[Cell] = []
    work = partial(study, arguments.studies, arguments.seed)
    with ProcessPoolExecutor(arguments.processes) as pool:
        for cells in pool.map(work, designs):
            found += cells
            for cell in cells:
                print(told(cell), flush=True)
    kept = sum(cell["kept"] for cell in found)
    print(f"\n{kept} of {len(found)} promises hold.")
    if arguments.json:
        if arguments.json.exists():
            # Designs that were not run stay as they are.
            run = [design_of(cell) for cell in found]
            before = json.loads(arguments.json.read_text(encoding="utf-8"))["cells"]
            found += [cell for cell in before if design_of(cell) not in run]
            order = [design_of(design) for design in all_designs()]
            found.sort(key=lambda cell: order.index(design_of(cell)))
        record = {"seed": arguments.seed, "cells": found}
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def all_designs() -> Iterator[Cell]:
    """Every design; ``what`` says which statistic it looks at."""
    for draws in (2, 3, 10):
        for rows in (200, 1000):
            yield {"what": "curves", "draws": draws, "rows": rows}
    for law in (*LAWS, "no power law"):
        for draws in (3, 10) if law in ("a floor", "no power law") else (10,):
            yield {"what": "law", "field": law, "draws": draws, "rows": 300}
    for field in ("all alike", "level up to 32 rows"):
        for draws in (3, 10):
            yield {"what": "pays", "field": field, "draws": draws, "rows": 300}
    for field in ("as on real texts", "two alike at the top", "all alike"):
        yield {"what": "race", "field": field, "draws": 10, "rows": 300}
    yield {"what": "race", "field": "as on real texts", "draws": 10, "rows": 1000}
    for gain in (0.0, 0.1):
        yield {"what": "rows", "gain": gain, "rows": 1000}
    for draws in (3, 10):
        yield {"what": "groups", "draws": draws, "rows": 400}


def design_of(cell: Cell) -> tuple[Any, ...]:
    """What tells the design of a cell from others."""
    return tuple(cell.get(key) for key in ("what", "field", "draws", "rows", "gain"))


def study(studies: int, seed: int, numbered: tuple[int, Cell]) -> list[Cell]:
    """One design: a cell for each promise that it looks at."""
    number, design = numbered
    generator = np.random.default_rng([seed, number])
    kinds = {
        "curves": of_curves,
        "law": of_law,
        "pays": of_pays,
        "race": of_race,
        "rows": of_rows,
        "groups": of_groups,
    }
    return [
        {**design, "studies": studies, "promise": name, **found}
        for name, found in kinds[design["what"]](design, studies, generator)
    ]


def answers_of(table: Any) -> BudgetAnswers:
    """The answers of a simulated study, all trainings done."""
    count, sizes, draws, _ = table.shape
    return BudgetAnswers(
        NAMES[:count],
        tuple(map(float, SIZES[:sizes])),
        (draws,) * sizes,
        {
            BudgetCell(NAMES[one], size, draw): table[one, size, draw]
            for one in range(count)
            for size in range(sizes)
            for draw in range(draws)
        },
    )


def of_curves(design: Cell, studies: int, generator: Any) -> Iterator[tuple[str, Cell]]:
    """Intervals of accuracies at all sizes, of differences, and of the crossing."""
    truth = np.array(CROSSING)
    gains = truth[1] - truth[0]
    last = int(np.flatnonzero(gains <= 0)[-1])
    share = -gains[last] / (gains[last + 1] - gains[last])
    meeting = SIZES[last] * (SIZES[last + 1] / SIZES[last]) ** share
    model = Budget(CROSSING, SPREADS)
    if design["draws"] < LEAST_DRAWS:
        yield "no interval", refused(model, design, studies, generator)
        return
    accuracies, differences = np.zeros(len(SIZES)), np.zeros(len(SIZES))
    crossings, closed = 0, 0
    for _ in range(studies):
        answers = answers_of(model.study(design["draws"], design["rows"], generator))
        for size, point in enumerate(curve(answers, NAMES[0])):
            accuracies[size] += covers(point.accuracy, truth[0, size])
        for size in range(len(SIZES)):
            differences[size] += covers(difference(answers, *NAMES[1::-1], size), gains[size])
        found = crossing(answers, *NAMES[:2])
        crossings += (found.low is None or found.low <= meeting) and (
            found.high is None or meeting <= found.high
        )
        closed += found.low is not None and found.high is not None
    for size, rows in enumerate(SIZES):
        yield f"accuracy at {rows}", within(accuracies[size] / studies)
        yield f"difference at {rows}", within(differences[size] / studies)
    yield "crossing", {**within(crossings / studies), "closed": round(closed / studies, 4)}


def refused(model: Budget, design: Cell, studies: int, generator: Any) -> Cell:
    """How often nothing is told that so few draws cannot tell."""
    silent = 0
    for _ in range(studies):
        answers = answers_of(model.study(design["draws"], design["rows"], generator))
        estimates = [
            *(point.accuracy for point in curve(answers, NAMES[0])),
            *(difference(answers, *NAMES[1::-1], size) for size in range(len(SIZES))),
            crossing(answers, *NAMES[:2]),
        ]
        silent += all(one.low is None and one.high is None and one.reason for one in estimates)
    return {"holds": round(silent / studies, 5), "kept": silent == studies}


def of_groups(design: Cell, studies: int, generator: Any) -> Iterator[tuple[str, Cell]]:
    """The intervals of curves where 40 groups of rows belong together, and as if they did not."""
    truth = np.array(CROSSING)
    model = Budget(CROSSING, SPREADS, groups=GROUPS)
    clusters = clusters_of(model.group_of(design["rows"]).tolist())
    sums = np.zeros((4, len(SIZES)))
    for _ in range(studies):
        alone = answers_of(model.study(design["draws"], design["rows"], generator))
        grouped = replace(alone, clusters=clusters)
        for row, answers in enumerate((grouped, alone)):
            for size, point in enumerate(curve(answers, NAMES[0])):
                sums[row, size] += covers(point.accuracy, truth[0, size])
                found = difference(answers, *NAMES[1::-1], size)
                sums[2 + row, size] += covers(found, truth[1, size] - truth[0, size])
    shares = sums / studies
    for size, rows in enumerate(SIZES):
        for first, name in ((0, "accuracy"), (2, "difference")):
            independent = {"as_if_independent": round(float(shares[first + 1, size]), 5)}
            yield f"{name} at {rows}", {**within(shares[first, size]), **independent}


def of_law(design: Cell, studies: int, generator: Any) -> Iterator[tuple[str, Cell]]:
    """The gain of twice as many labels, where it is shown."""
    accuracies = NO_LAW
    if design["field"] in LAWS:
        floor, scale, exponent = LAWS[design["field"]]
        accuracies = tuple(1 - floor - scale * size**-exponent for size in (*SIZES, 512))
    truth = accuracies[-1] - accuracies[-2]
    model = Budget((accuracies[:-1],), SPREADS)
    shown, held, widths = 0, 0, 0.0
    for one in range(studies):
        answers = answers_of(model.study(design["draws"], design["rows"], generator))
        gain = extrapolated(answers, NAMES[0], seed=one).gain
        if gain.low is not None and gain.high is not None:
            shown += 1
            held += covers(gain, truth)
            widths += gain.high - gain.low
    rest = {"shown": round(shown / studies, 5), "mean_width": round(widths / max(1, shown), 4)}
    if design["field"] in LAWS:
        yield "extrapolation", {**within(held / max(1, shown)), **rest}
    else:
        # What follows no law must not be extrapolated.
        wrong = (shown - held) / studies
        yield "extrapolation", {"holds": round(1 - wrong, 5), **rest, "kept": wrong < 0.05}


def of_pays(design: Cell, studies: int, generator: Any) -> Iterator[tuple[str, Cell]]:
    """From which size on fine-tuning pays."""
    truth = np.array(FIELDS[design["field"]])
    model = Budget(FIELDS[design["field"]], SPREADS)
    wrong, decided = 0, 0
    for _ in range(studies):
        answers = answers_of(model.study(design["draws"], design["rows"], generator))
        found = pays_from(answers, TUNED, OTHERS)
        wrong += is_wrong(found, truth)
        decided += found.verdict != "undecided"
    yield (
        "pays from",
        {**most(wrong / studies), "decided": round(decided / studies, 4)},
    )


def of_race(design: Cell, studies: int, generator: Any) -> Iterator[tuple[str, Cell]]:
    """A race to its end, with a look after each of its rounds; wrong at any of them is wrong."""
    truth = np.array(FIELDS[design["field"]])
    best = {
        name
        for name, last in zip(NAMES, truth[:, -1], strict=True)
        if last > np.delete(truth[:, -1], NAMES.index(name)).max()
    }
    model = Budget(FIELDS[design["field"]], SPREADS)
    sums = dict.fromkeys(("wrong", "wrong_pays", "named", "named_by_all", "same_pays"), 0)
    trainings, rows_trained = [], []
    for _ in range(studies):
        full = answers_of(model.study(design["draws"], design["rows"], generator))
        done: dict[BudgetCell, Any] = {}
        wrong = wrong_pays = False
        while True:
            now = BudgetAnswers(full.classifiers, full.sizes, full.draws, done)
            found = race(now, tuned=TUNED, others=OTHERS)
            wrong |= found.best is not None and found.best not in best
            wrong_pays |= found.pays is not None and is_wrong(found.pays, truth)
            if found.over:
                break
            done |= {cell: full.right[cell] for cell in found.next}
        whole = race(full, tuned=TUNED, others=OTHERS)
        sums["wrong"] += wrong
        sums["wrong_pays"] += wrong_pays
        sums["named"] += found.best is not None
        sums["named_by_all"] += whole.best is not None
        same = found.pays is not None and whole.pays is not None
        sums["same_pays"] += same and (found.pays.verdict, found.pays.size) == (
            whole.pays.verdict,
            whole.pays.size,
        )
        trainings.append(1 - len(done) / len(full.right))
        rows_trained.append(1 - rows_of(done) / rows_of(full.right))
    shares = {name: round(value / studies, 5) for name, value in sums.items()}
    saved = {
        "saved": round(float(np.mean(trainings)), 4),
        "saved_rows": round(float(np.mean(rows_trained)), 4),
    }
    yield "best", {**most(shares["wrong"]), **shares, **saved}
    yield "pays from, racing", most(shares["wrong_pays"])
    yield "work saved", {"holds": saved["saved"], "kept": saved["saved"] >= 0.5}


def of_rows(design: Cell, studies: int, generator: Any) -> Iterator[tuple[str, Cell]]:
    """Two classifiers, row after row: an error at any row counts."""
    wrong, asked = 0, []
    both = 0.2
    shares = [(both + design["gain"]) / 2, (both - design["gain"]) / 2, 1 - both]
    for _ in range(studies):
        values = generator.choice([1.0, -1.0, 0.0], p=shares, size=design["rows"])
        found = confidence_sequence(values, bounds=(-1.0, 1.0))
        wrong += bool(found.low[-1] > design["gain"] or found.high[-1] < design["gain"])
        decided = np.flatnonzero((found.low > 0) | (found.high < 0))
        asked.append(int(decided[0]) + 1 if len(decided) else design["rows"])
    middle = float(np.median(asked))
    yield "confidence sequence", {**most(wrong / studies), "median_rows": middle}


def covers(estimate: Any, truth: float) -> bool:
    """Whether an interval holds the truth; without one nothing was promised that could fail."""
    if estimate.low is None or estimate.high is None:
        return True
    return bool(estimate.low - 1e-12 <= truth <= estimate.high + 1e-12)


def is_wrong(found: Any, truth: Any) -> bool:
    """Whether a verdict on fine-tuning says what is not so."""
    gains = truth[len(OTHERS) :].max(axis=0) - truth[: len(OTHERS)].max(axis=0)
    if found.verdict == "yes":
        return bool((gains[SIZES.index(int(found.size)) :] <= 1e-9).any())
    return bool(found.verdict == "no" and gains[-1] >= -1e-9)


def rows_of(cells: Any) -> int:
    """Rows trained in all, in rows a label."""
    return sum(SIZES[cell.size] for cell in cells)


def within(share: float) -> Cell:
    return {"holds": round(float(share), 5), "kept": bool(0.93 <= share <= 0.97)}


def most(share: float) -> Cell:
    """An error of less than 5 %; chance alone adds three standard errors at most."""
    return {"holds": round(1 - share, 5), "kept": share < 0.05}


def told(cell: Cell) -> str:
    rest = {
        key: value
        for key, value in cell.items()
        if key not in ("what", "studies", "promise", "rows", "draws", "field", "holds", "kept")
    }
    mark = "" if cell["kept"] else "  outside"
    holds = cell["holds"] if not math.isnan(cell["holds"]) else 0.0
    return (
        f"{cell['promise']:20} {cell.get('field', ''):24} draws {cell.get('draws', 0):3} "
        f"rows {cell['rows']:5} {100 * holds:5.1f} % {rest}{mark}"
    )


if __name__ == "__main__":
    main()
