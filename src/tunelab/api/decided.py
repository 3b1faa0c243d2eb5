"""The decision of a run as a plain object and a data frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from tunelab.api.tables import as_html, as_text, frame

if TYPE_CHECKING:
    import pandas as pd

    from tunelab.evaluation.decisions import Decision

_SHOWN = ("name", "score", "score_low", "score_high", "can_be_best", "milliseconds", "bytes")


@dataclass(frozen=True)
class RunDecision:
    """Which classifier to take, and how sure that is.

    ``answer`` says it in two sentences, ``notes`` what to know beside them, ``changes`` what could
    change it. ``recommended`` is the classifier to take, None where there is none, chosen from
    ``can_be_best``, which holds the truly best classifier in 95 of 100 studies; ``best`` has the
    best ``metric`` on the ``rows`` test rows. ``fine_tuning_pays`` is yes, no, undecided, or None
    where there is nothing to compare; ``fine_tuning_gain`` is the best fine-tuned classifier's
    score minus that of the best other one, with the 95 % interval ``fine_tuning_low`` to
    ``fine_tuning_high``. ``constraints`` are those of the study.
    """

    answer: tuple[str, ...]
    notes: tuple[str, ...]
    changes: tuple[str, ...]
    recommended: str | None
    best: str | None
    can_be_best: tuple[str, ...]
    metric: str
    rows: int
    fine_tuning_pays: str | None
    fine_tuning_gain: float | None
    fine_tuning_low: float | None
    fine_tuning_high: float | None
    constraints: Mapping[str, float]
    record: Mapping[str, Any]

    @cached_property
    def table(self) -> "pd.DataFrame":
        """A row for each classifier, the best first; an undefined value is <NA>.

        Columns: name, score with score_low and score_high, can_be_best, p_value (of "no other one
        is better"), rows_needed (test rows that would tell it from the best), seeds, then what it
        costs: milliseconds (for one text), train_seconds, bytes (on disk), memory (bytes) and
        trained_parameters; breaks, the constraints that it does not keep or that cannot be
        checked.
        """
        rows = [
            {
                "name": one["name"],
                "score": one["score"]["value"],
                "score_low": one["score"]["low"],
                "score_high": one["score"]["high"],
                "p_value": one["p_value"],
                "rows_needed": one["rows_needed"],
                "seeds": one["seeds"],
                **one["costs"],
            }
            for one in self.record["candidates"]
        ]
        table = frame(rows, ("name", "score"))
        of = self.record["candidates"]
        table.insert(4 if rows else 2, "can_be_best", [one["can_be_best"] for one in of])
        table["breaks"] = [", ".join([*one["breaks"], *one["unknown"]]) for one in of]
        return table

    def __repr__(self) -> str:
        """The answer, and the classifiers as a table of text."""
        return "\n".join([*self.answer, *self.notes, "", as_text(self._short())])

    def _repr_html_(self) -> str:
        told = "".join(f"<p>{escape(sentence)}</p>" for sentence in (*self.answer, *self.notes))
        return told + as_html(self._short())

    def _short(self) -> "pd.DataFrame":
        return self.table[[column for column in _SHOWN if column in self.table]]


def plain(decision: "Decision") -> RunDecision:
    """The decision without the parts that only tunelab needs."""
    tuning = decision.fine_tuning
    gain = None if tuning is None else tuning.gain
    return RunDecision(
        answer=decision.answer,
        notes=decision.notes,
        changes=decision.changes,
        recommended=decision.recommended,
        best=None if decision.best is None else decision.best.name,
        can_be_best=tuple(one.name for one in decision.can_be_best),
        metric=decision.metric,
        rows=decision.rows,
        fine_tuning_pays=None if tuning is None else tuning.pays,
        fine_tuning_gain=None if gain is None else gain.value,
        fine_tuning_low=None if gain is None else gain.low,
        fine_tuning_high=None if gain is None else gain.high,
        constraints=dict(decision.constraints),
        record=decision.to_dict(),
    )
