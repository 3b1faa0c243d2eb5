"""The mistakes that a model makes most often: which label it takes for which."""

from collections.abc import Mapping
from dataclasses import dataclass

from tunelab.report.figures.confusion import WHOLE, collect
from tunelab.runs.run_folder import RunFolder

# Mistakes of each model, and models, on a page.
_EACH = 5
_MODELS = 20
# The file of a run folder that has every mistake.
FILE = "figures/confusion.csv"


@dataclass(frozen=True)
class ConfusedPair:
    """``count`` rows of the label ``truth``, which are the share ``share`` of its rows."""

    truth: str
    predicted: str
    count: int
    share: float


def confused_pairs(run: RunFolder) -> Mapping[str, list[ConfusedPair]]:
    """Each model's most frequent mistakes; empty where the matrices show all labels anyway."""
    if len(run.prepared.values["labels"]) <= WHOLE:
        return {}
    table = collect(run)
    wrong = table[(table["truth"] != table["predicted"]) & (table["count"] > 0)]
    ranked = wrong.sort_values(["count", "share"], ascending=False, kind="stable")
    found = {
        str(name): [
            ConfusedPair(row["truth"], row["predicted"], int(row["count"]), float(row["share"]))
            for row in group.head(_EACH).to_dict("records")
        ]
        for name, group in ranked.groupby("model", sort=False)
    }
    order = [result.name for result in run.evaluated if result.name in found]
    return {name: found[name] for name in order[:_MODELS]}
