"""Methods that were trained with several seeds: what varies with the seed, what with the rows."""

from typing import Any

from tunelab.evaluation.sides import sides_of
from tunelab.evaluation.statistics.seeds import across_seeds, standard_deviation, summarize
from tunelab.runs.run_folder import RunFolder


def over_seeds(run: RunFolder) -> list[dict[str, Any]]:
    """For each method with two seeds or more: accuracy, macro-F1, and both variations."""
    found = []
    for side in sides_of(run).values():
        if len(side.asked) < 2:
            continue
        f1 = [result.values["scores"]["f1_macro"] for result in side.asked]
        found.append(
            {
                "name": side.name,
                "summary": across_seeds(side.correct, side.clusters),
                "f1": summarize(f1, bounds=(0.0, 1.0)),
                "f1_sd": standard_deviation(f1),
            }
        )
    return found
