"""How often `tunelab monitor` speaks up without a change, and how often it finds one.

    python benchmarks/statistics/monitoring.py [--studies 2000] [--designs NAME …] [--json FILE]

Each simulated monitoring has a classifier's training texts and test rows, and five windows. Texts
are drawn from topics, which are distributions over words; a classifier that errs labels them. An
alarm is any window of which a corrected test says that it differs.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from tunelab.evaluation.monitoring.monitored import compare_windows
from tunelab.evaluation.monitoring.window import Window

LABELS = ("a", "b", "c")
WINDOWS = 5
OLD, TESTED, NEW = 200, 300, 100
WORDS, LENGTH = 300, 8
SHARES = np.array([0.5, 0.3, 0.2])
# How the classifier answers texts of each label, (answer, label); the last line is no answer.
ANSWERS = np.array([[0.80, 0.15, 0.10], [0.12, 0.75, 0.10], [0.06, 0.08, 0.78], [0.02, 0.02, 0.02]])
# The windows of each design from the third on: the labels' shares, and the part of the texts whose
# words come from a topic that the training does not have.
DESIGNS: Mapping[str, tuple[Sequence[float], float]] = {
    "no change": (SHARES, 0.0),
    "shares of labels": ((0.25, 0.3, 0.45), 0.0),
    "a new topic in half of the texts": (SHARES, 0.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--designs", nargs="+", choices=list(DESIGNS), default=list(DESIGNS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = [simulate(name, studies=options.studies, seed=options.seed) for name in options.designs]
    for one in found:
        print(
            f"{one['design']}: alarm in {one['alarm']:.3f} ({one['low']:.3f} to {one['high']:.3f}) "
            f"of {one['studies']} monitorings, in a window that changed in {one['right']:.3f}, in "
            f"one that did not in {one['wrong']:.3f}"
        )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def simulate(design: str, *, studies: int, seed: int) -> dict[str, Any]:
    """The shares of monitorings with an alarm, with one in a changed window, and in another."""
    generator = np.random.default_rng([seed, list(DESIGNS).index(design)])
    topics = generator.dirichlet(np.full(WORDS, 0.05), size=len(LABELS) + 1)
    alarms = right = wrong = 0
    shares, strange = DESIGNS[design]
    changes = design != "no change"
    for study in range(studies):
        old, _ = _drawn(generator, topics, SHARES, 0.0, OLD)
        _, truth = _drawn(generator, topics, SHARES, 0.0, TESTED)
        confusion = np.zeros((len(LABELS) + 1, len(LABELS)), dtype=int)
        for label in range(len(LABELS)):
            confusion[:, label] = generator.multinomial((truth == label).sum(), ANSWERS[:, label])
        windows = []
        for number in range(WINDOWS):
            late = number >= 2
            texts, labels = _drawn(
                generator, topics, shares if late else SHARES, strange if late else 0.0, NEW
            )
            counts = sum(
                generator.multinomial((labels == label).sum(), ANSWERS[:, label])
                for label in range(len(LABELS))
            )
            answers = dict(zip((*LABELS, None), np.asarray(counts).tolist(), strict=True))
            windows.append(Window(str(number), answers, texts))
        found = compare_windows(
            windows, old=old, labels=LABELS, confusion=confusion.tolist(), seed=study
        )
        changed = {int(one.window.name) for one in found.changed}
        alarms += bool(changed)
        right += changes and any(number >= 2 for number in changed)
        wrong += any(number < 2 or not changes for number in changed)
    ends = binomtest(alarms, studies).proportion_ci(method="wilson")
    return {
        "design": design,
        "studies": studies,
        "windows": WINDOWS,
        "texts": NEW,
        "alarm": alarms / studies,
        "low": float(ends.low),
        "high": float(ends.high),
        "right": right / studies,
        "wrong": wrong / studies,
    }


def _drawn(
    generator: np.random.Generator,
    topics: np.ndarray,
    shares: Sequence[float],
    strange: float,
    size: int,
) -> tuple[tuple[tuple[int, ...], ...], np.ndarray]:
    """Texts as sets of words, and their labels."""
    labels = generator.choice(len(LABELS), size=size, p=shares)
    of_topic = np.where(generator.random(size) < strange, len(LABELS), labels)
    texts = tuple(
        tuple(sorted(set(generator.choice(WORDS, size=LENGTH, p=topics[one]).tolist())))
        for one in of_topic
    )
    return texts, labels


if __name__ == "__main__":
    main()
