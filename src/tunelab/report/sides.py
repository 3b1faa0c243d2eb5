"""The models of a run by the names that claims use, with their answers and their numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tunelab.evaluation.predictions import read_predictions
from tunelab.evaluation.row_metrics import Answered
from tunelab.report.run_folder import RunFolder, once, predictions
from tunelab.results import Result


@dataclass(frozen=True)
class Side:
    """A model as it is asked, or a method with a result for each training seed."""

    name: str
    kind: str
    asked: tuple[Result, ...]
    trained: tuple[Result, ...] = ()

    @cached_property
    def answered(self) -> list[Answered]:
        """The answers of each seed."""
        return [read_answered(result) for result in self.asked]

    @cached_property
    def correct(self) -> list[list[bool]]:
        """Whether each row is right, for each seed."""
        return [
            [true == guess for true, guess in zip(entry.truth, entry.predicted, strict=True)]
            for entry in self.answered
        ]


@once
def sides_of(run: RunFolder) -> dict[str, Side]:
    """Every name that a claim may use, in the order of the run.

    A method trained with several seeds stands under its own name and under that of each seed.
    """
    trained = {result.name: result for result in run.trained}
    groups: dict[str, list[Result]] = {}
    for result in run.evaluated:
        groups.setdefault(str(result.values.get("group") or result.name), []).append(result)
    sides = {}
    for name, results in groups.items():
        sides[name] = _side(name, results, trained)
        for result in results:
            sides.setdefault(result.name, _side(result.name, [result], trained))
    return sides


def read_answered(result: Result) -> Answered:
    """The answers that a result keeps, with the labels that they came to."""
    table = predictions(result)

    def column(name: str) -> tuple[str | None, ...]:
        return tuple(None if value != value else value for value in table[name])

    scored = column("scored") if result.values["scored"] is not None else None
    return Answered(read_predictions(table, str(result.folder)), column("predicted"), scored)


def _side(name: str, results: Sequence[Result], trained: Mapping[str, Result]) -> Side:
    return Side(
        name=name,
        kind=str(results[0].values["kind"]),
        asked=tuple(results),
        trained=tuple(trained[result.name] for result in results if result.name in trained),
    )
