"""The facts of a run's classifiers beside their scores: size, speed, memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunelab.evaluation.facts import doubts_of
from tunelab.runs.run_folder import RunFolder, once


@dataclass(frozen=True)
class FactRow:
    """One classifier: accuracy with its 95 % interval, macro-F1, and its facts by their names.

    ``doubts`` say why a time is not that of the classifier alone.
    """

    name: str
    accuracy: float | None
    low: float | None
    high: float | None
    f1_macro: float | None
    facts: Mapping[str, Any]
    doubts: tuple[str, ...]

    def why(self, fact: str) -> str:
        """The reason why a fact is not known, or nothing."""
        return str(self.facts.get("unknown", {}).get(fact, ""))


@once
def facts_of(run: RunFolder) -> list[FactRow]:
    """A row for each classifier that was measured, in the order of the study."""
    scores = {result.name: result.values["scores"] for result in run.evaluated}
    return [
        FactRow(
            name=result.name,
            accuracy=scores[result.name]["accuracy"],
            low=scores[result.name]["accuracy_low"],
            high=scores[result.name]["accuracy_high"],
            f1_macro=scores[result.name]["f1_macro"],
            facts=result.values,
            doubts=tuple(doubts_of(result.values)),
        )
        for result in run.measured
        if result.name in scores
    ]
