"""The scores of parts of the test rows for each classifier of a run; a third family of tests."""

from tunelab.config import Study
from tunelab.evaluation.metrics import find_metric
from tunelab.evaluation.metrics.of_rows import resampling_of
from tunelab.evaluation.sides import grouped_sides
from tunelab.evaluation.slices import SliceScore, score_slices
from tunelab.runs.run_folder import RunFolder, slices_of


def judge_slices(run: RunFolder, study: Study) -> list[SliceScore]:
    """The scores in the metric of the decision; none where the study names no slices.

    A classifier that reads no text takes no part, as no part of the texts is harder for it.

    Raises:
        RunError: a file that it reads is damaged.
    """
    slices = slices_of(run)
    if not slices:
        return []
    rows = {len(parts) for parts in slices.values()}
    answers = {
        side.name: side.answered
        for side in grouped_sides(run)
        if not any(result.values.get("constant") for result in side.asked)
        and {len(one.truth) for one in side.answered} == rows
    }
    return score_slices(slices, answers, find_metric(study.decision.metric), resampling_of(run))
