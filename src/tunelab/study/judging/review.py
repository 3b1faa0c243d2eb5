"""When to ask a person: found once for each classifier of a run, and kept in the run folder.

The rule of each saved classifier is written beside its files, where `tunelab predict` reads it.
"""

from typing import Any

from tunelab.config import Study, fingerprint, make_study
from tunelab.evaluation.measuring import choices_of
from tunelab.evaluation.predictions import GROUP, Predictions, read_predictions
from tunelab.evaluation.review.record import Review, Reviews, make_review, read_reviews
from tunelab.evaluation.review.rows import NO_COLUMN, AskedRows
from tunelab.runs.results import ADAPTER_RECORD, FITTED, Result
from tunelab.runs.run_folder import RunFolder, once, predictions, validation_table
from tunelab.runs.verdicts import REVIEW
from tunelab.serving.review_rule import REVIEW_RULE, ReviewRule, write_review_rule
from tunelab.study.judging.kept import Kept

# Part of the key: raised when a review comes out in another way than before.
_FORMAT = 2
# The label sets that predict writes: the smallest, which need no chance.
_SETS = "lac"
# The column of the label that predict gives.
_ANSWER = "answer"


def review(run: RunFolder) -> Reviews:
    """The reviews of a run, whatever was kept of it: each classifier with probabilities, by them.

    Labels and probabilities are those that `tunelab predict` gives, on the test rows too: answers
    in words where the classifier writes, and the probabilities of its ``probabilities``.

    Raises:
        RunError: a file that it reads is damaged.
    """
    study = make_study(run.study)
    settings = study.review
    if settings is None:
        return Reviews(0.0, 0.0)
    asked = {result.name: result for result in run.reviewed}
    found, left_out = [], {}
    for result in run.evaluated:
        if result.values.get("scored") is None:
            left_out[result.name] = "it has no probabilities"
        elif result.name not in asked:
            left_out[result.name] = "no validation row was asked"
        else:
            answered = read_predictions(predictions(result), str(result.folder))
            table = validation_table(asked[result.name])
            if (reason := _unknown_answers(answered, table)) is not None:
                left_out[result.name] = reason
                continue
            found.append(_review(result, answered, asked[result.name], table, study))
    return Reviews(settings.accuracy, settings.coverage, tuple(found), left_out)


def review_run(run: RunFolder) -> Reviews:
    """A stage of a study: review, keep what was found, and write the rules of the classifiers.

    Raises:
        RunError: a file that it reads is damaged, or a folder cannot be written.
    """
    found = _KEPT.load_or_find(run, must_be_kept=True)
    reviewed = {one.name for one in found.reviews}
    for trained in run.trained:
        if trained.name not in reviewed:
            for name in FITTED:
                (run.folder / name / trained.name / REVIEW_RULE).unlink(missing_ok=True)
    for one in found.reviews:
        for name in FITTED:
            folder = run.folder / name / one.name
            if (folder / ADAPTER_RECORD).is_file():
                write_review_rule(folder, rule_of(one))
    return found


@once
def reviews_of(run: RunFolder) -> Reviews:
    """The reviews that a run keeps; found now where it keeps none, or those of other answers.

    Raises:
        RunError: a file that it reads is damaged.
    """
    return _KEPT.load_or_find(run, must_be_kept=False)


def rule_of(found: Review) -> ReviewRule:
    """The rule that a review comes to."""
    sets = next((one for one in found.sets if one.method == _SETS), None)
    return ReviewRule(
        temperature=found.temperature.value or 1.0,
        threshold=found.threshold.value,
        wanted_accuracy=found.threshold.accuracy,
        rows=found.rows,
        reason=found.threshold.reason,
        thresholds=found.thresholds,
        coverage=None if sets is None else sets.wanted,
        set_limit=None if sets is None else sets.limit,
    )


def _unknown_answers(answered: Predictions, table: Any) -> str | None:
    """Why it is not known what `tunelab predict` would answer, or None where it is."""
    if answered.likelihoods is None:
        return None
    if answered.generated is None:
        return "it was not asked in words, as predict asks it; add generate to evaluation.modes"
    if _ANSWER not in table:
        return "its validation rows were not asked in words; run the study again"
    return None


def _review(
    result: Result, answered: Predictions, reviewed: Result, table: Any, study: Study
) -> Review:
    assert study.review is not None
    labels = [str(label) for label in reviewed.values["labels"]]
    column = {label: position for position, label in enumerate(labels)}
    known = AskedRows(
        [list(map(float, row)) for row in table["probabilities"]],
        [column[str(label)] for label in table["truth"]],
        [column.get(label, NO_COLUMN) for label in table[_ANSWER]] if _ANSWER in table else None,
        [None if one is None or one != one else str(one) for one in table[GROUP]]
        if GROUP in table
        else None,
    )
    return make_review(
        result.name,
        known,
        _of_test_rows(answered, labels),
        labels,
        group=str(result.values.get("group") or result.name),
        validated=bool(reviewed.values["validated"]),
        accuracy=study.review.accuracy,
        coverage=study.review.coverage,
        seed=study.seed,
    )


def _of_test_rows(answered: Predictions, labels: list[str]) -> AskedRows:
    """What was answered to the test rows, with columns in the order of ``labels``."""
    import numpy as np

    choices = choices_of(answered, normalize="sum", calibrate=False)
    assert choices is not None
    order = [answered.labels.index(label) for label in labels]
    table: Any = np.array(choices.probabilities, dtype=float)[:, order]
    said = answered.generated or answered.given
    assert said is not None
    return AskedRows(
        table,
        [labels.index(label) for label in answered.truth],
        [NO_COLUMN if label is None else labels.index(label) for label in said.labels],
        answered.groups,
    )


def _key(run: RunFolder) -> str:
    """The hash of all that decides: the answers to test and validation rows, and what is wanted."""
    study = make_study(run.study)
    return fingerprint(
        {
            "format": _FORMAT,
            "review": None if study.review is None else study.review.model_dump(),
            "seed": study.seed,
            "stages": [
                [result.stage, result.name, result.hash, result.files]
                for result in [*run.evaluated, *run.reviewed]
            ],
        }
    )


_KEPT = Kept(REVIEW, _key, review, read_reviews)
