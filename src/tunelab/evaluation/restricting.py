"""A classifier's answers to some of the rows that it was asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunelab.evaluation.metrics import Answered

# What has an entry for each row in each way of answering; the rest is of the labels.
_OF_ROWS: Mapping[str, Sequence[str]] = {
    "generated": ("answers", "labels", "reasons", "stopped", "tokens"),
    "likelihoods": ("logprobs", "forced"),
    "given": ("labels", "probabilities"),
}


def restricted(answered: Answered, rows: Sequence[int]) -> Answered:
    """The answers to some of the rows, in the order of ``rows``."""

    def some(holder: Any, names: Iterable[str]) -> dict[str, Any]:
        columns = {name: getattr(holder, name) for name in names}
        return {
            name: tuple(column[row] for row in rows)
            for name, column in columns.items()
            # What was not recorded of any row stays so.
            if column is not None
        }

    whole = answered.predictions
    parts = {
        name: replace(part, **some(part, _OF_ROWS[name]))
        for name, part in vars(whole).items()
        if name in _OF_ROWS and part is not None
    }
    predictions = replace(whole, **some(whole, ("texts", "truth", "groups")), **parts)
    return replace(answered, predictions=predictions, **some(answered, ("predicted", "scored")))
