"""When to ask a person: found once for each classifier of a run, and kept in the run folder.

The rule of each saved classifier is written beside its files, where `tunelab predict` reads it.
"""

from typing import Any

from tunelab.config import Study, fingerprint, make_study
from tunelab.evaluation.measuring import choices_of
from tunelab.evaluation.predictions import Predictions, read_predictions
from tunelab.evaluation.review.record import Asked, Review, Reviews, make_review, read_reviews
from tunelab.runs.results import ADAPTER_RECORD, FITTED, Result
from tunelab.runs.run_folder import RunFolder, once, predictions, validation_table
from tunelab.runs.verdicts import REVIEW
from tunelab.serving.review_rule import REVIEW_RULE, ReviewRule, write_review_rule
from tunelab.study.judging.kept import Kept

# Part of the key: raised when a review comes out in another way than before.
_FORMAT = 1


def review(run: RunFolder) -> Reviews:
    """The reviews of a run, whatever was kept of it: each classifier with probabilities, by them.

    The probabilities are those of its ``probabilities``, on the test rows too, as `tunelab predict`
    has no others.

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
            found.append(_review(result, asked[result.name], study))
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
    return ReviewRule(
        temperature=found.temperature.value or 1.0,
        threshold=found.threshold.value,
        wanted_accuracy=found.threshold.accuracy,
        rows=found.rows,
        reason=found.threshold.reason,
        thresholds=found.thresholds,
    )


def _review(result: Result, reviewed: Result, study: Study) -> Review:
    assert study.review is not None
    answered = read_predictions(predictions(result), str(result.folder))
    table = validation_table(reviewed)
    labels = [str(label) for label in reviewed.values["labels"]]
    column = {label: position for position, label in enumerate(labels)}
    known = [list(map(float, row)) for row in table["probabilities"]]
    return make_review(
        result.name,
        (known, [column[str(label)] for label in table["truth"]]),
        _of_test_rows(answered, labels),
        labels,
        group=str(result.values.get("group") or result.name),
        validated=bool(reviewed.values["validated"]),
        accuracy=study.review.accuracy,
        coverage=study.review.coverage,
        seed=study.seed,
    )


def _of_test_rows(answered: Predictions, labels: list[str]) -> Asked:
    """The probabilities of the test rows with their columns in the order of ``labels``."""
    import numpy as np

    choices = choices_of(answered, normalize="sum", calibrate=False)
    assert choices is not None
    order = [answered.labels.index(label) for label in labels]
    table: Any = np.array(choices.probabilities, dtype=float)[:, order]
    return table, [labels.index(label) for label in answered.truth]


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
