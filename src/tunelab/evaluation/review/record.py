"""What the reviews of a run found, as one record: written by the judge, read by who shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tunelab.evaluation.calibration import expected_calibration_error
from tunelab.evaluation.probabilities import as_table
from tunelab.evaluation.review.conformal import METHODS, LabelSets, label_sets
from tunelab.evaluation.review.risk_coverage import (
    Caught,
    RiskCoverage,
    caught_by_review,
    risk_coverage,
)
from tunelab.evaluation.review.rows import (
    AskedRows,
    confidence_of,
    is_likeliest,
    one_of_each,
)
from tunelab.evaluation.review.temperature import Temperature, fit_temperature, with_temperature
from tunelab.evaluation.review.threshold import Kept, Threshold, choose_threshold, kept_at
from tunelab.evaluation.statistics.clusters import clusters_of
from tunelab.evaluation.statistics.estimates import Estimate

# Accuracies of which the threshold is kept beside the one that a study wants.
ACCURACIES = (
    *(step / 100 for step in range(50, 95, 5)),
    *(0.92, 0.94, 0.95, 0.96, 0.97, 0.975, 0.98, 0.985, 0.99, 0.995, 0.999),
)


@dataclass(frozen=True)
class Review:
    """Which answers of one fitted classifier a person should look at.

    Temperature, threshold and label sets are fitted to the validation ``rows``; everything else is
    of the ``test_rows``, which nothing was fitted to. ``group`` is the name that its training seeds
    share. ``groups`` is the number of groups of the validation rows, None where all are
    independent; threshold and label sets are then fitted to one row of each. ``other`` test rows
    have an answer that is not the likeliest label, and always go to a person. ``validated``:
    whether its training looked at the validation rows. ``kept`` is None where there is no
    threshold. ``thresholds`` holds those of :data:`ACCURACIES`. ``error_before`` and
    ``error_after`` are the calibration errors without and with the temperature.
    """

    name: str
    group: str
    rows: int
    groups: int | None
    test_rows: int
    other: int
    validated: bool
    temperature: Temperature
    threshold: Threshold
    kept: Kept | None
    thresholds: tuple[tuple[float, float | None], ...]
    error_before: float | None
    error_after: float | None
    curve: RiskCoverage
    caught: tuple[Caught, ...]
    sets: tuple[LabelSets, ...]


@dataclass(frozen=True)
class Reviews:
    """The reviews of a run, for a wanted ``accuracy`` of what is kept and ``coverage`` of sets.

    ``left_out`` are classifiers that could not be reviewed, with the reason.
    """

    accuracy: float
    coverage: float
    reviews: tuple[Review, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str | None) -> tuple[Review, ...]:
        """Those of a classifier, one for each training seed."""
        return tuple(one for one in self.reviews if name in (one.name, one.group))

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values; :func:`read_reviews` makes the same of it again."""
        return asdict(self)


def make_review(
    name: str,
    validation: AskedRows,
    test: AskedRows,
    labels: Sequence[str],
    *,
    group: str,
    validated: bool,
    accuracy: float,
    coverage: float,
    seed: int,
) -> Review:
    """Review a classifier by what it gave to validation and test rows.

    An answer that is not the likeliest label is never kept, as `tunelab predict` keeps none, so
    that the threshold is chosen among the others. Of rows that belong together one of each group
    is drawn for that and for the label sets, and what is promised holds for one row of a new group;
    the intervals of the test rows are over groups. ``seed`` draws these rows, and what the label
    sets of APS need.

    Raises:
        ValueError: the probabilities are no such tables.
    """
    known, truth = as_table(validation.probabilities, validation.truth)
    asked, asked_truth = as_table(test.probabilities, test.truth)
    temperature = fit_temperature(known, truth)
    scale = temperature.value or 1.0
    calibrated = with_temperature(asked, scale)
    sure, right = _sure_and_right(validation, scale)
    clusters = clusters_of(validation.groups)
    drawn = one_of_each(validation.groups, len(truth), seed=seed)
    # Those that could be kept: see is_likeliest.
    drawn = drawn[sure[drawn] >= 0]
    sure, right = sure[drawn], right[drawn]
    test_sure, test_right = _sure_and_right(test, scale)
    threshold = choose_threshold(sure, right, accuracy=accuracy)
    return Review(
        name=name,
        group=group,
        rows=len(truth),
        groups=None if clusters is None else clusters.count,
        test_rows=len(asked_truth),
        other=int((test_sure < 0).sum()),
        validated=validated,
        temperature=temperature,
        threshold=threshold,
        kept=None
        if threshold.value is None
        else kept_at(test_sure, test_right, threshold.value, test.groups),
        thresholds=tuple(
            (one, choose_threshold(sure, right, accuracy=one).value)
            for one in sorted({*ACCURACIES, accuracy})
        ),
        error_before=_calibration_error(asked, asked_truth),
        error_after=_calibration_error(calibrated, asked_truth),
        curve=risk_coverage(test_sure, test_right),
        caught=tuple(caught_by_review(test_sure, test_right)),
        sets=tuple(
            label_sets(
                method,
                replace(validation, probabilities=with_temperature(known, scale)),
                replace(test, probabilities=calibrated),
                labels,
                coverage=coverage,
                seed=seed,
            )
            for method in METHODS
        ),
    )


def read_reviews(record: Mapping[str, Any]) -> Reviews:
    """What :meth:`Reviews.to_dict` gave."""
    return Reviews(
        accuracy=record["accuracy"],
        coverage=record["coverage"],
        reviews=tuple(_read(one) for one in record["reviews"]),
        left_out=record["left_out"],
    )


def _read(record: Mapping[str, Any]) -> Review:
    curve, kept = record["curve"], record["kept"]
    return Review(
        **{
            **record,
            "temperature": Temperature(**record["temperature"]),
            "threshold": Threshold(**record["threshold"]),
            "kept": None if kept is None else Kept(**kept | _estimates(kept)),
            "thresholds": tuple((one, value) for one, value in record["thresholds"]),
            "curve": RiskCoverage(
                **curve | {key: tuple(curve[key]) for key in ("coverage", "risk")}
            ),
            "caught": tuple(Caught(**one) for one in record["caught"]),
            "sets": tuple(
                LabelSets(
                    **one
                    | {
                        "coverage": Estimate(**one["coverage"]),
                        "labels": {
                            label: Estimate(**found) for label, found in one["labels"].items()
                        },
                    }
                )
                for one in record["sets"]
            ),
        }
    )


def _estimates(kept: Mapping[str, Any]) -> dict[str, Estimate]:
    return {key: Estimate(**kept[key]) for key in ("coverage", "accuracy")}


def _sure_and_right(rows: AskedRows, temperature: float) -> tuple[Any, Any]:
    """The confidence of each answer, and whether it is right: two arrays (rows,)."""
    import numpy as np

    table, truth = as_table(rows.probabilities, rows.truth)
    likeliest = is_likeliest(table, rows.answers)
    sure = confidence_of(with_temperature(table, temperature), likeliest)
    if not len(truth):
        return sure, np.zeros(0, dtype=bool)
    answers = table.argmax(axis=1) if rows.answers is None else np.asarray(rows.answers)
    return sure, answers == truth


def _calibration_error(table: Any, truth: Any) -> float | None:
    return expected_calibration_error(table, truth).value
