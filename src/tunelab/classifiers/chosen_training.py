"""A learning rate and a number of epochs chosen by trainings on a part of the training rows.

``choose`` tries three values of each; a list of numbers tries those. The validation and the test
rows take no part.
"""

import logging
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tunelab.classifiers.chosen_by_folds import MOST_FOLDS, count_right
from tunelab.classifiers.contract import Estimator, Task
from tunelab.config import Candidate, fingerprint
from tunelab.data.examples import groups_of
from tunelab.errors import DivergedError, UsageError
from tunelab.runs.results import read_json, write_json

_log = logging.getLogger(__name__)

# Held-out rows after which no further fold is trained: each costs a training for each candidate.
ENOUGH_ROWS = 250
# What ``choose`` tries, as multiples of the default; the default comes first and wins a tie.
RATES = (1.0, 0.5, 2.0)
EPOCHS = (1.0, 0.5, 1.5)
_FOLDER = "choosing"

# Makes the classifier with a learning rate and a number of epochs.
Make = Callable[[float, float], Estimator]


@dataclass(frozen=True)
class Candidates:
    """Learning rates and numbers of epochs to choose from, those that are preferred first.

    ``epochs_chosen``: the number of epochs is one of several, so that the last weights of a
    training are those that were compared, and no validation row picks others.
    """

    rates: tuple[float, ...]
    epochs: tuple[float, ...]

    @property
    def number(self) -> int:
        """How many are trained: each rate with the first epochs, then the other epochs."""
        return len(self.rates) + len(self.epochs) - 1

    @property
    def epochs_chosen(self) -> bool:
        """Whether there is more than one number of epochs."""
        return len(self.epochs) > 1


@runtime_checkable
class ChoosesTraining(Protocol):
    """An estimator that may choose its learning rate and epochs before its own training."""

    @property
    def candidate_count(self) -> int:
        """How many are compared; 1 where nothing is chosen."""


def values_of(
    given: Candidate | None, default: float, multiples: Sequence[float]
) -> tuple[float, ...]:
    """The values to compare: one number, those of a list, or multiples of the default."""
    if given == "choose":
        return tuple(float(f"{default * multiple:.6g}") for multiple in multiples)
    if isinstance(given, list):
        return tuple(given)
    return (default if given is None else float(given),)


def count_of(rates: Candidate | None, epochs: Candidate | None = None) -> int:
    """How many candidates the two settings come to, without knowing the defaults."""
    return Candidates(values_of(rates, 1, RATES), values_of(epochs, 1, EPOCHS)).number


def fit_chosen(
    candidates: Candidates,
    make: Make,
    task: Task,
    *,
    name: str,
    folder: Path,
    target: Path,
    title: str,
    callbacks: Sequence[Any] = (),
) -> Mapping[str, Any]:
    """Choose among the candidates, and fit with the one that was right most often.

    Each learning rate is trained with the first number of epochs, then each further number of
    epochs with the best rate: on four fifths of the training rows, asked the rest, fold by fold
    until 250 rows were asked. No validation row is looked at. Where the number of epochs was
    chosen, the last training keeps its last weights too. A candidate whose loss is no number any
    more has no right answer. What was asked is kept in ``folder`` until the end, and a choice that
    was interrupted goes on from there.

    Raises:
        UsageError, RunError: as the classifier's own ``fit``; or several processes train.
    """
    from tunelab.training.processes import process_count

    if process_count() > 1:
        raise UsageError(
            f"{name}: learning_rate and epochs cannot be chosen in several processes; name a "
            "number for each."
        )
    trials = _Trials(make, task, name, folder / _FOLDER, title)
    first = candidates.epochs[0]
    tried = [(rate, first) for rate in candidates.rates]
    rate, _ = best = trials.best(tried)
    if candidates.epochs_chosen:
        more = [(rate, epochs) for epochs in candidates.epochs]
        best = trials.best(more)
        tried += more[1:]
    rate, epochs = best
    _log.info("%s: learning rate %g and %g epochs are chosen", name, rate, epochs)
    own = replace(task, validation=()) if candidates.epochs_chosen else task
    values = make(rate, epochs).fit(
        own, folder=folder, target=target, title=title, callbacks=callbacks
    )
    record = trials.record(tried)
    trials.remove()
    return {
        **values,
        "chosen": {**values.get("chosen", {}), "learning_rate": rate, "epochs": epochs},
        "choosing": record,
        # What choosing took is part of what it costs to train.
        "seconds": values["seconds"] + record["seconds"],
        "seconds_by_part": {
            "choose": record["seconds"],
            **values.get("seconds_by_part", {"train": values["seconds"]}),
        },
    }


def describe_cost(
    name: str, candidates: int, labels: Mapping[str, int], *, seeds: int
) -> str | None:
    """What choosing costs, as a sentence; None where nothing is chosen.

    ``labels`` counts the training rows of each label; ``seeds`` those that it is trained with.
    """
    if candidates < 2:
        return None
    often = [count for count in labels.values() if count > 1]
    if len(often) < 2:
        return f"{name}: too few rows of each label to choose a learning rate or epochs by."
    rows, number = sum(often), min(MOST_FOLDS, *often)
    folds = min(number, math.ceil(ENOUGH_ROWS / (rows / number)))
    trainings = seeds * candidates * folds
    each = f" for each of {seeds} seeds" if seeds > 1 else ""
    return (
        f"{name}: before its own training, {trainings} trainings on {rows - rows // number:,} of "
        f"the {rows:,} training rows choose among {candidates} settings{each}."
    )


class _Trials:
    """The candidates' trainings, each asked once for each fold; answers are kept on the disk."""

    def __init__(self, make: Make, task: Task, name: str, folder: Path, title: str) -> None:
        self.make, self.task, self.name, self.folder, self.title = make, task, name, folder, title
        self.right: dict[tuple[float, float], int] = {}
        self.asked = self.trainings = 0
        self.seconds = 0.0
        self._read: set[str] = set()

    def best(self, tried: Sequence[tuple[float, float]]) -> tuple[float, float]:
        """The candidate with most right answers, the first of equal ones."""
        if len(tried) == 1:
            return tried[0]
        rows = self.task.train
        groups = groups_of(rows)

        def answers(fitted: Any, asked: Any) -> Iterator[list[str]]:
            for candidate in tried:
                yield self._answers(candidate, fitted.tolist(), asked.tolist())

        counts, self.asked = count_right(
            tried,
            [row.label for row in rows],
            answers,
            seed=self.task.seed,
            groups=groups,
            enough=ENOUGH_ROWS,
        )
        self.right.update(zip(tried, counts, strict=True))
        if not self.asked:
            _log.warning(
                "%s: too few rows of each label to choose by; learning rate %g and %g epochs are "
                "taken.",
                self.name,
                *tried[0],
            )
        return tried[counts.index(max(counts))]

    def record(self, tried: Sequence[tuple[float, float]]) -> dict[str, Any]:
        """What was compared, as JSON values."""
        return {
            "candidates": [
                {"learning_rate": rate, "epochs": epochs, "right": self.right.get((rate, epochs))}
                for rate, epochs in dict.fromkeys(tried)
            ],
            "asked": self.asked,
            "trainings": self.trainings,
            "seconds": self.seconds,
        }

    def remove(self) -> None:
        """Remove what was kept for an interrupted choice."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(
        self, candidate: tuple[float, float], fitted: list[int], asked: list[int]
    ) -> list[str]:
        """The labels that a candidate gives the held-out rows; blank where it gives none."""
        rate, epochs = candidate
        key = fingerprint([rate, epochs, fitted, asked], length=12)
        folder, kept = self.folder / key, self.folder / f"{key}.json"
        if not kept.is_file():
            rows = self.task.train
            task = replace(self.task, train=[rows[index] for index in fitted], validation=())
            texts = [rows[index].text for index in asked]
            title = self.title and f"{self.title}, tries {rate:g} for {epochs:g} epochs"
            started = time.perf_counter()
            made, diverged = self.make(rate, epochs), False
            labels: list[str] = []
            try:
                made.fit(task, folder=folder / "stage", target=folder / "fitted", title=title)
                opened = made.open(folder / "fitted", task)
                labels = [answer.label or "" for answer in opened.label(texts)]
            except DivergedError as error:
                _log.info("%s", error)
                diverged, labels = True, [""] * len(texts)
            seconds = time.perf_counter() - started
            folder.mkdir(parents=True, exist_ok=True)
            write_json(kept, {"labels": labels, "seconds": seconds, "diverged": diverged})
        shutil.rmtree(folder, ignore_errors=True)
        found = read_json(kept)
        if key not in self._read:
            self._read.add(key)
            self.trainings += 1
            self.seconds += found["seconds"]
        return list(found["labels"])
