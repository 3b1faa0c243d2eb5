"""What the tests of new texts promise, in simulated samples whose truth is known.

    python benchmarks/statistics/drift.py --studies 2000 --seed 0 --json FILE

The two-sample test must call equal samples different in at most 5 %, and the test of the labels'
shares too; with a difference, the share is their power. The intervals of the labels' shares and of
the accuracy under label shift must hold the true values in 95 % (93 to 97 over 2,000 samples).
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from simulation import Cell, simulate

from tunelab.evaluation.drift.label_shift import label_shift
from tunelab.evaluation.drift.two_sample import tell_apart

LEVEL = 0.05
# What three standard errors add to 5 % over 2,000 samples.
MOST = 0.0646
# Words of a vocabulary in which the k-th word is 1 / k as frequent as the first, and of a text.
VOCABULARY, LENGTH = 2000, 15
SIZES = ((100, 30), (1000, 30), (1000, 100), (1000, 500))
# Of the new texts' words this share is drawn from the vocabulary in another order.
OTHER_WORDS = (0.0, 0.05, 0.1, 0.2)
# Recall of the classifier, the rest spread over the other labels; the shares before and now.
SHIFTS = {
    "none, 3 labels": (0.8, (0.5, 0.3, 0.2), (0.5, 0.3, 0.2)),
    "some, 3 labels": (0.8, (0.5, 0.3, 0.2), (0.3, 0.3, 0.4)),
    "strong, 3 labels": (0.8, (0.5, 0.3, 0.2), (0.1, 0.2, 0.7)),
    "strong, weak classifier": (0.6, (0.5, 0.3, 0.2), (0.1, 0.2, 0.7)),
    "strong, good classifier": (0.97, (0.5, 0.3, 0.2), (0.1, 0.2, 0.7)),
    "some, 6 labels": (0.75, (0.3, 0.3, 0.1, 0.1, 0.1, 0.1), (0.1, 0.1, 0.2, 0.2, 0.2, 0.2)),
}
ROWS = ((240, 100), (240, 1000), (1000, 1000))


def main() -> None:
    simulate(
        __doc__,
        all_designs(),
        study,
        show=json.dumps,
        conclude=_conclude,
        options={"power": (200, "samples of what promises nothing")},
    )


def _conclude(found: list[Cell]) -> tuple[int, str]:
    promised = [cell["kept"] for cell in found if "kept" in cell]
    return sum(promised), f"{sum(promised)} of {len(promised)} promises hold."


def all_designs() -> Iterator[Cell]:
    """Every design."""
    for old, new in SIZES:
        for other in OTHER_WORDS:
            yield {"what": "texts", "old": old, "new": new, "other_words": other}
    for shift in SHIFTS:
        for rows, texts in ROWS:
            yield {"what": "labels", "shift": shift, "rows": rows, "texts": texts}


def study(studies: int, power: int, seed: int, numbered: tuple[int, Cell]) -> list[Cell]:
    """One design."""
    number, design = numbered
    generator = np.random.default_rng([seed, number])
    if design["what"] == "labels":
        return [design | of_labels(design, studies, generator)]
    return [design | of_texts(design, power if design["other_words"] else studies, generator)]


def of_texts(design: Cell, studies: int, generator: Any) -> Cell:
    """How often the samples are called different."""
    rarity = 1 / np.arange(1, VOCABULARY + 1)
    words = rarity / rarity.sum()
    other = np.random.default_rng(0).permutation(words)
    mixed = (1 - design["other_words"]) * words + design["other_words"] * other

    def sample(count: int, shares: Any) -> list[list[int]]:
        lengths = np.maximum(1, generator.poisson(LENGTH, size=count))
        drawn = generator.choice(VOCABULARY, size=int(lengths.sum()), p=shares)
        return [sorted(set(text)) for text in np.split(drawn, np.cumsum(lengths)[:-1])]

    different = 0
    for one in range(studies):
        found = tell_apart(sample(design["old"], words), sample(design["new"], mixed), seed=one)
        different += found.p_value is not None and found.p_value < LEVEL
    share = different / studies
    cell: Cell = {"called_different": round(share, 4)}
    return cell if design["other_words"] else cell | {"kept": share <= MOST}


def of_labels(design: Cell, studies: int, generator: Any) -> Cell:
    """How often the shares are called different, and how often the intervals hold the truth."""
    recall, before, now = SHIFTS[design["shift"]]
    count = len(before)
    # One in twenty errors is an answer without a label.
    wrong = 1 - recall
    columns = np.full((count + 1, count), 0.95 * wrong / (count - 1))
    columns[np.arange(count), np.arange(count)] = recall
    columns[-1] = 0.05 * wrong
    labels = [f"label {number}" for number in range(count)]
    different = tested = held = accuracies = estimated = 0
    for one in range(studies):
        table = np.zeros((count + 1, count), dtype=int)
        for label, rows in enumerate(generator.multinomial(design["rows"], before)):
            table[:, label] = generator.multinomial(rows, columns[:, label])
        answers = generator.multinomial(design["texts"], columns @ np.asarray(now))
        found = label_shift(labels, table.tolist(), answers.tolist(), seed=one)
        if found.p_value is not None:
            tested += 1
            different += found.p_value < LEVEL
        if found.accuracy.low is not None and found.accuracy.high is not None:
            estimated += 1
            accuracies += found.accuracy.low <= recall <= found.accuracy.high
            held += sum(
                (one.now.low or 0) <= share <= (one.now.high or 0)
                for one, share in zip(found.shares, now, strict=True)
            )
    cell: Cell = {
        "called_different": round(different / tested, 4),
        "estimated": round(estimated / studies, 4),
        "shares_hold": round(held / max(1, estimated * count), 4),
        "accuracy_holds": round(accuracies / max(1, estimated), 4),
    }
    honest = cell["shares_hold"] >= 0.93
    level = before != now or cell["called_different"] <= MOST
    return cell | {"kept": bool(honest and level)}


if __name__ == "__main__":
    main()
