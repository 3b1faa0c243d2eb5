"""What the reviews of a run found, as one record: written by the judge, read by who shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
from tunelab.evaluation.review.temperature import Temperature, fit_temperature, with_temperature
from tunelab.evaluation.review.threshold import Kept, Threshold, choose_threshold, kept_at
from tunelab.evaluation.statistics.estimates import Estimate

# Accuracies of which the threshold is kept beside the one that a study wants.
ACCURACIES = (
    *(step / 100 for step in range(50, 95, 5)),
    *(0.92, 0.94, 0.95, 0.96, 0.97, 0.975, 0.98, 0.985, 0.99, 0.995, 0.999),
)

# Probabilities (rows, labels) and the columns of the true labels (rows,).
Asked = tuple[Any, Any]


@dataclass(frozen=True)
class Review:
    """Which answers of one fitted classifier a person should look at.

    Temperature, threshold and label sets are fitted to the validation ``rows``; everything else is
    of the ``test_rows``, which nothing was fitted to. ``group`` is the name that its training seeds
    share. ``validated``: whether its training looked at the validation rows. ``kept`` is None where
    there is no threshold. ``thresholds`` holds those of :data:`ACCURACIES`. ``error_before`` and
    ``error_after`` are the calibration errors without and with the temperature.
    """

    name: str
    group: str
    rows: int
    test_rows: int
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
    validation: Asked,
    test: Asked,
    labels: Sequence[str],
    *,
    group: str,
    validated: bool,
    accuracy: float,
    coverage: float,
    seed: int,
) -> Review:
    """Review a classifier by its probabilities on validation and test rows.

    ``validation`` and ``test``: probabilities (rows, labels) and the columns of the true labels.
    ``seed`` draws what the label sets of APS need.

    Raises:
        ValueError: the probabilities are no such tables.
    """
    known, truth = as_table(*validation)
    asked, asked_truth = as_table(*test)
    temperature = fit_temperature(known, truth)
    scale = temperature.value or 1.0
    known, calibrated = with_temperature(known, scale), with_temperature(asked, scale)
    sure, right = _confidence(known, truth)
    test_sure, test_right = _confidence(calibrated, asked_truth)
    threshold = choose_threshold(sure, right, accuracy=accuracy)
    return Review(
        name=name,
        group=group,
        rows=len(truth),
        test_rows=len(asked_truth),
        validated=validated,
        temperature=temperature,
        threshold=threshold,
        kept=None if threshold.value is None else kept_at(test_sure, test_right, threshold.value),
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
                (known, truth),
                (calibrated, asked_truth),
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


def _confidence(table: Any, truth: Any) -> tuple[list[float], list[bool]]:
    if not len(truth):
        return [], []
    return table.max(axis=1).tolist(), (table.argmax(axis=1) == truth).tolist()


def _calibration_error(table: Any, truth: Any) -> float | None:
    return expected_calibration_error(table, truth).value
