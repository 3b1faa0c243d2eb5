"""What `tunelab predict --probabilities` wrote beside the texts of a file."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.labelling.queue import Said
from tunelab.serving.prediction_files import ALL_LABELS, read_probability

_REVIEWED = {True: True, False: False, "true": True, "false": False}


def said_in(rows: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> list[Said] | None:
    """What a classifier with these labels said of each row.

    ``rows`` are those of a file: JSON lines and Parquet hold the probabilities in one column, CSV
    in one for each label. None where a row lacks the probability of a label, or has none that could
    be one: then the file is of another kind, and the classifier is to be asked.
    """
    found = []
    for row in rows:
        given = row.get(ALL_LABELS)
        values = given if isinstance(given, Mapping) else _of_columns(row, labels)
        table = {label: read_probability(values.get(label)) for label in labels}
        known = {label: value for label, value in table.items() if value is not None}
        if not known and not row.get("label") and len(values) == len(labels):
            # A blank text: it was not asked.
            found.append(Said(None, None, None))
            continue
        if len(values) != len(labels) or len(known) != len(labels):
            return None
        if abs(math.fsum(known.values()) - 1) > 0.01:
            return None
        label = row.get("label")
        review = row.get("needs_review")
        found.append(
            Said(
                label if label in labels else None,
                known,
                _REVIEWED.get(review) if isinstance(review, bool | str) else None,
            )
        )
    return found if any(one.probabilities for one in found) else None


def _of_columns(row: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    names = {label: f"{ALL_LABELS}.{label}" for label in labels}
    return {label: row[name] for label, name in names.items() if name in row}
