"""What "when to ask a person" promises, in simulated studies whose truth is known.

    python benchmarks/statistics/reviews.py --studies 2000 --seed 0 --json FILE

Each study draws validation and test rows, with replacement, from a population of texts of which the
probability of each label is known, and a classifier's probabilities that are too sure and partly
wrong. Temperature, threshold and label sets are fitted to the validation rows, all on the same.

- The accuracy of what a threshold keeps, in the population, is below the wanted one in at most 5 %
  of the studies.
- The 95 % intervals of the share that is kept, and of the accuracy of these rows, hold the
  population's values in 93 to 97 % of the studies that have a threshold.
- Label sets hold the true label as often as wanted within a point, in the mean over studies.
- Where rows come in groups of five that are much alike, both hold with one row of each group;
  `plain` is what comes of taking all rows as independent.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from simulation import Cell, simulate

from tunelab.evaluation.review.conformal import METHODS, label_sets
from tunelab.evaluation.review.rows import AskedRows, one_of_each
from tunelab.evaluation.review.temperature import fit_temperature, with_temperature
from tunelab.evaluation.review.threshold import choose_threshold, kept_at

POPULATION = 10_000
ERROR = 0.05
# The share of the rows of a group that are the same as its first.
ALIKE = 0.7
# How the texts and the classifier are: labels, how clear texts are, how much surer than right the
# classifier is, how much noise its logits have, and decimals that its probabilities are cut to.
KINDS: dict[str, dict[str, float]] = {
    "clear": {"labels": 6, "clear": 6.0, "sure": 2.0, "noise": 0.5},
    "hard": {"labels": 6, "clear": 3.0, "sure": 2.0, "noise": 1.0},
    "two labels": {"labels": 2, "clear": 4.0, "sure": 1.5, "noise": 0.5},
    "many labels": {"labels": 40, "clear": 6.0, "sure": 0.7, "noise": 0.5},
    "rounded": {"labels": 6, "clear": 6.0, "sure": 1.0, "noise": 0.5, "decimals": 1},
}


def main() -> None:
    simulate(__doc__, all_designs(), study, show=line, conclude=_conclude)


def _conclude(found: list[Cell]) -> tuple[int, str]:
    kept = sum(all(cell["kept"].values()) for cell in found)
    return kept, f"{kept} of {len(found)} designs keep all of their promises."


def all_designs() -> Iterator[Cell]:
    """Every design; ``what`` says which promises it looks at."""
    for kind, rows, accuracy in (
        ("clear", 100, 0.95),
        ("clear", 300, 0.95),
        ("clear", 1000, 0.95),
        ("hard", 300, 0.8),
        ("hard", 1000, 0.9),
        ("two labels", 300, 0.9),
        ("many labels", 300, 0.8),
        ("rounded", 300, 0.95),
    ):
        yield {"what": "threshold", "kind": kind, "rows": rows, "accuracy": accuracy}
    for kind, rows, coverage in (
        ("clear", 50, 0.9),
        ("hard", 50, 0.9),
        ("hard", 300, 0.9),
        ("hard", 300, 0.95),
        ("two labels", 300, 0.9),
        ("many labels", 300, 0.9),
    ):
        yield {"what": "sets", "kind": kind, "rows": rows, "coverage": coverage}
    for kind, rows, accuracy in (("clear", 600, 0.9), ("hard", 1000, 0.8)):
        yield {"what": "grouped", "kind": kind, "rows": rows, "accuracy": accuracy, "group": 5}


class Population:
    """Texts: the true probability of each label, and the classifier's."""

    def __init__(self, kind: dict[str, float], generator: Any) -> None:
        labels = int(kind["labels"])
        logits = kind["clear"] * generator.normal(size=(POPULATION, labels))
        noise = kind["noise"] * generator.normal(size=logits.shape)
        self.truth = softmax(logits)
        given = softmax(kind["sure"] * logits + kind["sure"] * kind["noise"] * noise)
        if "decimals" in kind:
            given = np.round(given, int(kind["decimals"]))
            given /= given.sum(axis=1, keepdims=True)
        self.given = given
        self.cumulated = self.truth.cumsum(axis=1)
        self.right = self.truth[np.arange(POPULATION), given.argmax(axis=1)]

    def draw(self, rows: int, generator: Any) -> tuple[Any, Any]:
        """The classifier's probabilities of some rows, and the columns of their true labels."""
        chosen = generator.integers(0, POPULATION, rows)
        above = generator.random(rows)[:, None] > self.cumulated[chosen]
        return self.given[chosen], np.minimum(above.sum(axis=1), self.truth.shape[1] - 1)

    def draw_groups(self, rows: int, size: int, generator: Any) -> tuple[Any, Any, list[str]]:
        """The same of groups, whose rows are mostly the same as the first; and the groups."""
        known, truth = self.draw(rows, generator)
        groups = np.arange(rows) // size
        copies = np.where(generator.random(rows) < ALIKE, groups * size, np.arange(rows))
        return known[copies], truth[copies], [str(group) for group in groups]


def softmax(logits: Any) -> Any:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def study(studies: int, seed: int, numbered: tuple[int, Cell]) -> list[Cell]:
    """One design."""
    number, design = numbered
    generator = np.random.default_rng([seed, number])
    population = Population(KINDS[design["kind"]], generator)
    work = {"threshold": of_threshold, "sets": of_sets, "grouped": of_groups}[design["what"]]
    return [work(design, population, studies, generator)]


def of_threshold(design: Cell, population: Population, studies: int, generator: Any) -> Cell:
    chosen = broken = 0
    held: dict[str, list[bool]] = {"kept": [], "accuracy": []}
    shares = []
    for _ in range(studies):
        known, truth = population.draw(design["rows"], generator)
        scale = fit_temperature(known, truth).value or 1.0
        known = with_temperature(known, scale)
        found = choose_threshold(
            known.max(axis=1), known.argmax(axis=1) == truth, accuracy=design["accuracy"]
        )
        if found.value is None:
            shares.append(0.0)
            continue
        chosen += 1
        inside = with_temperature(population.given, scale).max(axis=1) >= found.value
        accuracy = float(population.right[inside].mean())
        broken += accuracy < design["accuracy"]
        shares.append(float(inside.mean()))
        asked, asked_truth = population.draw(1000, generator)
        asked = with_temperature(asked, scale)
        seen = kept_at(asked.max(axis=1), asked.argmax(axis=1) == asked_truth, found.value)
        for name, estimate, value in (
            ("kept", seen.coverage, float(inside.mean())),
            ("accuracy", seen.accuracy, accuracy),
        ):
            if estimate.low is not None and estimate.high is not None:
                held[name].append(estimate.low - 1e-9 <= value <= estimate.high + 1e-9)
    covers = {name: round(sum(one) / len(one), 5) if one else None for name, one in held.items()}
    slack = 3 * (ERROR * (1 - ERROR) / studies) ** 0.5
    return {
        **design,
        "chosen": round(chosen / studies, 5),
        "broken": round(broken / studies, 5),
        "mean_kept": round(float(np.mean(shares)), 4),
        "intervals": covers,
        "kept": {
            "promise": broken / studies <= ERROR + slack,
            # A share of few studies says nothing of the interval.
            **{
                name: one is None or len(held[name]) < studies / 10 or 0.93 <= one <= 0.97
                for name, one in covers.items()
            },
        },
    }


def of_sets(design: Cell, population: Population, studies: int, generator: Any) -> Cell:
    labels = [str(column) for column in range(population.truth.shape[1])]
    covered: dict[str, list[float]] = {method: [] for method in METHODS}
    sizes: dict[str, list[float]] = {method: [] for method in METHODS}
    for number in range(studies):
        known, truth = population.draw(design["rows"], generator)
        scale = fit_temperature(known, truth).value or 1.0
        asked, asked_truth = population.draw(500, generator)
        for method in METHODS:
            found = label_sets(
                method,
                AskedRows(with_temperature(known, scale), truth),
                AskedRows(with_temperature(asked, scale), asked_truth),
                labels,
                coverage=design["coverage"],
                seed=number,
            )
            if found.coverage.value is not None and found.mean_size is not None:
                covered[method].append(found.coverage.value)
                sizes[method].append(found.mean_size)
    means = {method: round(float(np.mean(one)), 5) for method, one in covered.items()}
    return {
        **design,
        "covered": means,
        "mean_size": {method: round(float(np.mean(one)), 3) for method, one in sizes.items()},
        "kept": {method: abs(mean - design["coverage"]) <= 0.01 for method, mean in means.items()},
    }


def of_groups(design: Cell, population: Population, studies: int, generator: Any) -> Cell:
    """Thresholds of one row of each group, and those of all rows: how often they break."""
    broken = {"grouped": 0, "plain": 0}
    held: list[bool] = []
    covered: list[float] = []
    labels = [str(column) for column in range(population.truth.shape[1])]
    rows = design["rows"]
    for number in range(studies):
        known, truth, groups = population.draw_groups(rows, design["group"], generator)
        one = one_of_each(groups, rows, seed=number)
        for name, chosen in (("grouped", one), ("plain", np.arange(rows))):
            found = choose_threshold(
                known[chosen].max(axis=1),
                known[chosen].argmax(axis=1) == truth[chosen],
                accuracy=design["accuracy"],
            )
            if found.value is None:
                continue
            inside = population.given.max(axis=1) >= found.value
            accuracy = float(population.right[inside].mean())
            broken[name] += accuracy < design["accuracy"]
            if name == "grouped":
                asked, asked_truth, own = population.draw_groups(1000, design["group"], generator)
                right = asked.argmax(axis=1) == asked_truth
                seen = kept_at(asked.max(axis=1), right, found.value, own).accuracy
                if seen.low is not None and seen.high is not None:
                    held.append(seen.low <= accuracy <= seen.high)
        asked, asked_truth, own = population.draw_groups(500, design["group"], generator)
        sets = label_sets(
            "lac",
            AskedRows(known, truth, None, groups),
            AskedRows(asked, asked_truth, None, own),
            labels,
            coverage=0.9,
            seed=number,
        )
        if sets.coverage.value is not None:
            covered.append(sets.coverage.value)
    slack = 3 * (ERROR * (1 - ERROR) / studies) ** 0.5
    shares = {name: round(count / studies, 5) for name, count in broken.items()}
    interval = round(sum(held) / len(held), 5) if held else None
    coverage = round(float(np.mean(covered)), 5)
    return {
        **design,
        "broken": shares,
        "interval": interval,
        "covered": coverage,
        "kept": {
            "promise": shares["grouped"] <= ERROR + slack,
            "interval": interval is None or len(held) < studies / 10 or 0.93 <= interval <= 0.97,
            "sets": abs(coverage - 0.9) <= 0.01,
        },
    }


def line(cell: Cell) -> str:
    mark = "" if all(cell["kept"].values()) else "  outside"
    head = f"{cell['what']:9} {cell['kind']:12} rows {cell['rows']:5}"
    if cell["what"] == "threshold":
        covers = ", ".join(
            f"{name} {'-' if one is None else f'{100 * one:.1f} %'}"
            for name, one in cell["intervals"].items()
        )
        return (
            f"{head} wanted {cell['accuracy']}  broken {100 * cell['broken']:.1f} %, chosen "
            f"{100 * cell['chosen']:.0f} %, keeps {100 * cell['mean_kept']:.0f} %; {covers}{mark}"
        )
    if cell["what"] == "grouped":
        return (
            f"{head} wanted {cell['accuracy']}  broken {100 * cell['broken']['grouped']:.1f} %, "
            f"all rows as independent {100 * cell['broken']['plain']:.1f} %; interval "
            f"{cell['interval']}; sets {100 * cell['covered']:.1f} %{mark}"
        )
    covers = ", ".join(
        f"{method} {100 * one:.1f} % ({cell['mean_size'][method]} labels)"
        for method, one in cell["covered"].items()
    )
    return f"{head} wanted {cell['coverage']}  {covers}{mark}"


if __name__ == "__main__":
    main()
