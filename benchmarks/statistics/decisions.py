"""What a decision promises, in simulated studies whose best classifier is known.

    python benchmarks/statistics/decisions.py --studies 2000 --seed 0 --json FILE

The set of classifiers that can be the best must hold the truly best one in at least 95 % of the
studies (the standard error over 2,000 of them is 0.5 points). The interval of what the best of one
group gains over the best of another is simultaneous, so that it too covers at least 95 %. The power
that is told before a run is compared with how often the test that we use decides.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from designs import Several
from simulation import Cell, simulate

from tunelab.evaluation.statistics.best import can_be_best, gain_of_group
from tunelab.evaluation.statistics.comparison import compare
from tunelab.evaluation.statistics.power import DISCORDANT, paired_power

ROWS = (30, 240, 1000)
# What three standard errors leave of 95 %, so that chance alone names no design.
PROMISE = 0.95
TOLERANCE = 0.0146
DRAWS = 399
# The accuracies of the classifiers, the first one the best; all alike is the hardest for the set.
FIELDS = {
    "two alike": (0.8, 0.8),
    "two": (0.85, 0.8),
    "five alike": (0.8,) * 5,
    "one ahead of four": (0.85, 0.8, 0.8, 0.8, 0.8),
    "ten alike": (0.7,) * 10,
    "a staircase of ten": tuple(0.9 - 0.05 * step for step in range(10)),
    "near the ceiling": (0.98, 0.98, 0.97, 0.97, 0.6),
}
# Rows of an author, and how much classifiers differ from author to author.
AUTHOR, BY_AUTHOR = 10, 0.8


def main() -> None:
    simulate(__doc__, all_designs(), study, show=line, conclude=_conclude)


def _conclude(found: list[Cell]) -> tuple[int, str]:
    promised = [cell["kept"] for cell in found if "kept" in cell]
    return sum(promised), f"{sum(promised)} of {len(promised)} promises hold."


def all_designs() -> Iterator[Cell]:
    """Every design; ``what`` says which promise it looks at."""
    for field in FIELDS:
        for rows in ROWS:
            yield {"what": "set", "field": field, "rows": rows}
    for field in ("five alike", "one ahead of four"):
        yield {"what": "set", "field": field, "rows": 240, "seeds": 3}
        for grouped in (True, False):
            yield {"what": "set", "field": field, "rows": 400, "grouped": grouped}
    for field in ("two alike", "five alike", "near the ceiling"):
        for rows in ROWS:
            yield {"what": "gain", "field": field, "rows": rows}
    for rows in (100, 240, 1000):
        for difference in (0.02, 0.05, 0.1):
            yield {"what": "power", "rows": rows, "difference": difference}


def study(studies: int, seed: int, numbered: tuple[int, Cell]) -> list[Cell]:
    """One design."""
    number, design = numbered
    generator = np.random.default_rng([seed, number])
    work = of_power if design["what"] == "power" else of_promise
    return [work(design, studies, generator)]


def of_promise(design: Cell, studies: int, generator: Any) -> Cell:
    """How often the set holds the best, or the interval of the gain the true one."""
    accuracies = FIELDS[design["field"]]
    clustered = "grouped" in design
    model = Several(accuracies, author=AUTHOR if clustered else 1, by_author=BY_AUTHOR)
    groups = [row // AUTHOR for row in range(design["rows"])] if design.get("grouped") else None
    held, sizes = 0, 0
    for one in range(studies):
        values = model.study(design["rows"], design.get("seeds", 1), generator)
        if design["what"] == "set":
            found = can_be_best(values, seed=one, groups=groups, draws=DRAWS)
            held += found.inside[0]
            sizes += sum(found.inside)
        else:
            # Two halves: the best is in the first one, in each of these fields.
            first, second = values[::2], values[1::2]
            truth = max(accuracies[::2]) - max(accuracies[1::2])
            gain = gain_of_group(first, second, seed=one, draws=DRAWS)
            low, high = gain.low, gain.high
            # Without an interval nothing was promised that could fail.
            held += low is None or high is None or low - 1e-12 <= truth <= high + 1e-12
            sizes += 0.0 if low is None or high is None else high - low
    share = held / studies
    cell = {**design, "holds": round(share, 5), "mean_size": round(sizes / studies, 4)}
    # Without the groups the promise is not kept, which is what the design shows.
    return cell if design.get("grouped") is False else cell | {"kept": share >= PROMISE - TOLERANCE}


def of_power(design: Cell, studies: int, generator: Any) -> Cell:
    """How often McNemar's exact test decides, beside what was told before."""
    rows, difference = design["rows"], design["difference"]
    better = (DISCORDANT + difference) / 2
    decided = 0
    for one, other, _ in generator.multinomial(
        rows, [better, DISCORDANT - better, 1 - DISCORDANT], size=studies
    ):
        left = [True] * one + [False] * (rows - one)
        right = [False] * one + [True] * other + [False] * (rows - one - other)
        p_value = compare(left, right).p_value
        decided += p_value is not None and p_value < 0.05
    told_before = paired_power(rows, difference)
    share = decided / studies
    error = 3 * max(1e-3, (told_before * (1 - told_before) / studies) ** 0.5)
    return {
        **design,
        "holds": round(share, 5),
        "told": round(told_before, 5),
        "kept": abs(share - told_before) <= error,
    }


def line(cell: Cell) -> str:
    about = ", ".join(
        f"{key} {value}" for key, value in cell.items() if key in ("seeds", "grouped", "difference")
    )
    mark = "  promises nothing" if "kept" not in cell else "" if cell["kept"] else "  outside"
    more = (
        f"told {100 * cell['told']:.1f} %"
        if "told" in cell
        else f"{'size' if cell['what'] == 'set' else 'width'} {cell['mean_size']:.3g}"
    )
    return (
        f"{cell['what']:6} {cell.get('field', ''):20} rows {cell['rows']:5} {about:20} "
        f"{100 * cell['holds']:5.1f} %  {more}{mark}"
    )


if __name__ == "__main__":
    main()
