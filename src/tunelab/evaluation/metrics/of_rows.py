"""Metrics of the answers to the test rows, as claims name them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.config import Claim, make_study
from tunelab.evaluation.claims import compare_rows
from tunelab.evaluation.metrics.claimed import ClaimMetric, Own
from tunelab.evaluation.metrics.contract import Answered, Metric, Resampling
from tunelab.evaluation.origins import Origin
from tunelab.evaluation.sides import format_missed, missed_in_words, sides_of
from tunelab.evaluation.statistics.estimates import Difference, undefined
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder, once

_FILE = "predictions.parquet"


@once
def resampling_of(run: RunFolder) -> Resampling:
    """How the study of a run resamples."""
    study = make_study(run.study)
    return Resampling(study.seed, study.evaluation.resamples)


@dataclass(frozen=True, kw_only=True)
class OfRows(ClaimMetric):
    """A metric of answers: a value for each classifier of the run, from its predictions."""

    metric: Metric
    noun: str = "row"

    def value(self, run: RunFolder, claim: Claim, name: str) -> Own:
        """The mean over the seeds of a side."""
        side = sides_of(run).get(name)
        if side is None:
            return None, None
        own = [self.metric.value(answered) for answered in side.answered]
        known = [entry.value for entry in own if entry.value is not None]
        if not known or len(known) != len(own):
            return None, None
        return sum(known) / len(known), next((one.bound for one in own if one.bound), None)

    def compare(self, run: RunFolder, claim: Claim, margin: float) -> Difference:
        """Left minus right on the same rows."""
        sides = sides_of(run)
        for name in (claim.left, claim.right):
            if isinstance(name, str) and name not in sides:
                return undefined(f"{name} is not part of this run", margin)
        right = sides[claim.right].answered if isinstance(claim.right, str) else claim.right
        how = resampling_of(run)
        return compare_rows(
            self.metric.id, sides[claim.left].answered, right, margin, how.seed, how.resamples
        )

    def origin(self, run: RunFolder, name: str) -> Origin | None:
        """The model that answered."""
        side = sides_of(run).get(name)
        return None if side is None else side.origin

    def notes(self, run: RunFolder, claim: Claim, names: Sequence[str]) -> Iterator[str]:
        """Models that miss the answer format, and answers that end by different rules."""
        compared = [side for name in names if (side := sides_of(run).get(name)) is not None]
        # Such metrics read labels from answers in words.
        if self.metric.reads in ("labels", "answers"):
            for side in compared:
                for result in side.asked:
                    if result.values["mode"] == "generate" and format_missed(result.values):
                        yield missed_in_words(result.name, result.values)
        if self.metric.reads == "text" and self.metric.unit == "mean_count":
            ends = {answer.name: answer.ends for side in compared for answer in side.answered}
            if len(set(ends.values()) - {None}) > 1:
                rules = ", ".join(f"of {name} {end}" for name, end in ends.items())
                yield f"an answer ends {rules}"

    def rows(
        self, run: RunFolder, claim: Claim, most: int
    ) -> tuple[Sequence[Mapping[str, Any]], int]:
        """Rows whose values differ, the largest differences first; with seeds, of the first."""
        sides = sides_of(run)
        left, right = sides.get(claim.left), sides.get(str(claim.right))
        if left is None or right is None:
            return (), 0
        first, second = left.answered[0], right.answered[0]
        left_spans, right_spans = self.metric.rows(first), self.metric.rows(second)
        if left_spans is None or right_spans is None or first.truth != second.truth:
            return (), 0
        lefts, rights = [span.low for span in left_spans], [span.low for span in right_spans]
        positions = [
            position
            for position, pair in enumerate(zip(lefts, rights, strict=True))
            if pair[0] != pair[1]
        ]
        positions.sort(key=lambda position: (-abs(lefts[position] - rights[position]), position))
        spread = positions[:: max(1, len(positions) // most)][:most]
        return tuple(
            {
                "row": position,
                "text": first.predictions.texts[position],
                "truth": first.truth[position],
                "left": _said(first, position),
                "right": _said(second, position),
                "left_value": lefts[position],
                "right_value": rights[position],
                "left_cut": not left_spans[position].known,
                "right_cut": not right_spans[position].known,
            }
            for position in spread
        ), len(positions)

    def files(
        self, run: RunFolder, claim: Claim, names: Sequence[str]
    ) -> Iterator[tuple[Result, str]]:
        """The predictions of both sides."""
        sides = sides_of(run)
        for name in names:
            for result in sides[name].asked if name in sides else ():
                yield result, _FILE


def _said(answered: Answered, position: int) -> str:
    generated = answered.predictions.generated
    label = answered.predicted[position]
    if generated is None:
        return str(label)
    return f"{generated.answers[position]}" if label is None else str(label)
