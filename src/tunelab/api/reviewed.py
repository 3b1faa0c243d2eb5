"""When to ask a person, as a plain object and a data frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from tunelab.api.tables import as_html, as_text, frame

if TYPE_CHECKING:
    import pandas as pd

    from tunelab.evaluation.review.record import Reviews

_SHOWN = ("name", "threshold", "kept", "accuracy", "accuracy_low", "accuracy_high")


@dataclass(frozen=True)
class RunReview:
    """Which answers a person should look at, of each classifier with probabilities.

    ``wanted`` is the accuracy that the answers without a person should have, ``coverage`` the share
    of label sets that should hold the true label. ``sentences`` says it in words for each
    classifier. ``left_out`` are classifiers without a review, with the reason. ``record`` holds
    everything, such as the curve of risk by coverage.
    """

    wanted: float
    coverage: float
    sentences: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]
    record: Mapping[str, Any]

    @cached_property
    def table(self) -> "pd.DataFrame":
        """A row for each classifier; an undefined value is <NA>.

        Columns: name, rows (validation), validated (whether training looked at them), temperature,
        threshold; then of the test rows kept (share of rows that no person looks at), accuracy of
        these with accuracy_low and accuracy_high, calibration_error without and
        calibration_error_after with the temperature, area and excess below the curve of risk by
        coverage; set_size and set_coverage of the smallest label sets.
        """
        rows = []
        for one in self.record["reviews"]:
            kept = one["kept"] or {}
            right = kept.get("accuracy") or {}
            sets = one["sets"][0]
            rows.append(
                {
                    "name": one["name"],
                    "rows": one["rows"],
                    "validated": one["validated"],
                    "temperature": one["temperature"]["value"],
                    "threshold": one["threshold"]["value"],
                    "kept": (kept.get("coverage") or {}).get("value"),
                    "accuracy": right.get("value"),
                    "accuracy_low": right.get("low"),
                    "accuracy_high": right.get("high"),
                    "calibration_error": one["error_before"],
                    "calibration_error_after": one["error_after"],
                    "area": one["curve"]["area"],
                    "excess": one["curve"]["excess"],
                    "set_size": sets["mean_size"],
                    "set_coverage": sets["coverage"]["value"],
                }
            )
        return frame(rows, ("name",))

    def __repr__(self) -> str:
        """The advice for each classifier, and a table of text."""
        told = [f"{name}: {one[0]}" for name, one in self.sentences.items()]
        return "\n".join([*told, "", as_text(self._short())])

    def _repr_html_(self) -> str:
        told = "".join(
            f"<p>{escape(name)}: {escape(one[0])}</p>" for name, one in self.sentences.items()
        )
        return told + as_html(self._short())

    def _short(self) -> "pd.DataFrame":
        return self.table[[column for column in _SHOWN if column in self.table]]


def plain_reviews(reviews: "Reviews") -> RunReview:
    """The reviews without the parts that only tunelab needs."""
    from tunelab.evaluation.review.words import sentences

    return RunReview(
        wanted=reviews.accuracy,
        coverage=reviews.coverage,
        sentences={one.name: tuple(sentences(one)) for one in reviews.reviews},
        left_out=dict(reviews.left_out),
        record=reviews.to_dict(),
    )
