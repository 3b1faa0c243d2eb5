"""Every metric of every model, for the folded table of a report."""

from dataclasses import dataclass

from tunelab.evaluation.measuring import recorded
from tunelab.evaluation.metrics import Metric, all_metrics
from tunelab.numbers import interval, with_unit
from tunelab.runs.run_folder import RunFolder


@dataclass(frozen=True)
class Score:
    """A model's value in one metric, and its interval or the reason why it has none."""

    value: str
    interval: str | None
    reason: str | None


@dataclass(frozen=True)
class AllScores:
    """A column for each metric that some model has, and a row for each model."""

    metrics: tuple[Metric, ...]
    rows: tuple[tuple[str, tuple[Score | None, ...]], ...]


def all_scores(run: RunFolder) -> AllScores:
    """The metrics of the run's models; None where a model was not asked for what one reads."""
    found = {result.name: recorded(result.values) for result in run.evaluated}
    metrics = [
        metric
        for name, metric in all_metrics().items()
        if any(name in values for values in found.values())
    ]
    rows = []
    for model, values in found.items():
        scores = [
            Score(
                value=" ".join(
                    filter(None, (one.get("bound"), with_unit(one["value"], about.unit)))
                ),
                interval=None
                if one["low"] is None
                else interval(one["low"], one["high"], about.unit),
                reason=one.get("reason"),
            )
            if (one := values.get(about.id)) is not None
            else None
            for about in metrics
        ]
        rows.append((model, tuple(scores)))
    return AllScores(tuple(metrics), tuple(rows))
