"""The label budget of a run as a plain object and data frames."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from tunelab.api.tables import as_html, as_text, frame

if TYPE_CHECKING:
    import pandas as pd

    from tunelab.evaluation.label_budget.found import LabelBudget

_SHOWN = ("name", "rows_a_label", "draws", "accuracy", "accuracy_low", "accuracy_high")


@dataclass(frozen=True)
class RunBudget:
    """From how many labelled rows fine-tuning pays, and how accuracy grows with them.

    ``sentences`` say it, ``notes`` what to know beside them. ``fine_tuning_pays`` is yes, no,
    undecided, or None where there is nothing to compare; ``pays_from`` is the number of rows a
    label from which on it pays, None unless it is yes. ``done`` of the ``planned`` trainings were
    done; ``left_out`` names the others. ``rows`` are the test rows. ``record`` holds everything
    as JSON values.
    """

    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    fine_tuning_pays: str | None
    pays_from: float | None
    rows: int
    done: int
    planned: int
    left_out: tuple[str, ...]
    record: Mapping[str, Any]

    @cached_property
    def curves(self) -> "pd.DataFrame":
        """A row for each classifier and size; an undefined value is <NA>.

        Columns: name, rows_a_label (the mean), draws that were done, accuracy with accuracy_low
        and accuracy_high, and sd, the standard deviation over the draws.
        """
        return frame(
            [
                {
                    "name": point["classifier"],
                    "rows_a_label": point["size"],
                    "draws": point["draws"],
                    "accuracy": point["accuracy"]["value"],
                    "accuracy_low": point["accuracy"]["low"],
                    "accuracy_high": point["accuracy"]["high"],
                    "sd": point["sd"],
                }
                for point in self.record["curves"]
            ],
            ("name", "rows_a_label"),
        )

    @cached_property
    def asked(self) -> "pd.DataFrame":
        """A row for each classifier that is asked as it is, which no label changes.

        Columns: name, with the way of answering where there are several, and accuracy with
        accuracy_low and accuracy_high, over test rows.
        """
        return frame(
            [
                {
                    "name": one["name"],
                    "accuracy": one["accuracy"]["value"],
                    "accuracy_low": one["accuracy"]["low"],
                    "accuracy_high": one["accuracy"]["high"],
                }
                for one in self.record["asked"]
            ],
            ("name", "accuracy"),
        )

    @cached_property
    def checks(self) -> "pd.DataFrame":
        """What power laws of the smaller sizes predicted for larger ones that were measured.

        Columns: name, fitted_to and asked_for (rows a label), predicted (the gain of accuracy
        between the two) with predicted_low and predicted_high, and measured.
        """
        return frame(
            [
                {
                    "name": one["classifier"],
                    "fitted_to": check["start"],
                    "asked_for": check["end"],
                    "predicted": check["predicted"]["value"],
                    "predicted_low": check["predicted"]["low"],
                    "predicted_high": check["predicted"]["high"],
                    "measured": check["seen"],
                }
                for one in self.record["extrapolations"]
                for check in one["checks"]
            ],
            ("name", "fitted_to", "asked_for"),
        )

    @cached_property
    def crossings(self) -> "pd.DataFrame":
        """A row for each two classifiers: from how many rows a label ``right`` beats ``left``.

        Columns: left, right, course (crosses, ahead, behind or undefined), rows_a_label with
        rows_low and rows_high, and the reason where there is none.
        """
        rows = [
            {
                "left": one["first"],
                "right": one["second"],
                "rows_a_label": one["size"],
                "rows_low": one["low"],
                "rows_high": one["high"],
                "reason": one["reason"],
            }
            for one in self.record["crossings"]
        ]
        table = frame(rows, ("left", "right"))
        table.insert(2, "course", [one["course"] for one in self.record["crossings"]])
        return table

    @cached_property
    def more_labels(self) -> "pd.DataFrame":
        """A row for each classifier: what twice as many labels would bring.

        Columns: name, gain (in accuracy) with gain_low and gain_high, and the reason where it
        cannot be said.
        """
        return frame(
            [
                {
                    "name": one["classifier"],
                    "gain": one["gain"]["value"],
                    "gain_low": one["gain"]["low"],
                    "gain_high": one["gain"]["high"],
                    "reason": one["gain"]["reason"],
                }
                for one in self.record["extrapolations"]
            ],
            ("name", "gain"),
        )

    def __repr__(self) -> str:
        """The sentences, and the curves as a table of text."""
        return "\n".join([*self.sentences, *self.notes, "", as_text(self.curves[[*_SHOWN]])])

    def _repr_html_(self) -> str:
        told = "".join(f"<p>{escape(sentence)}</p>" for sentence in (*self.sentences, *self.notes))
        return told + as_html(self.curves[[*_SHOWN]])


def plain_budget(found: "LabelBudget") -> RunBudget:
    """The label budget without the parts that only tunelab needs."""
    return RunBudget(
        sentences=found.sentences,
        notes=found.notes,
        fine_tuning_pays=None if found.pays is None else found.pays.verdict,
        pays_from=None if found.pays is None else found.pays.size,
        rows=found.rows,
        done=found.done,
        planned=found.planned,
        left_out=tuple(
            f"{one.classifier}, {one.per_class} rows a label: {one.trainings}, {one.reason}"
            for one in found.left_out
        ),
        record=found.to_dict(),
    )
