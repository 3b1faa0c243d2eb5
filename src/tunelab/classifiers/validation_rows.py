"""Validation rows, drawn out of the training rows."""

from collections.abc import Sequence

from tunelab.data.examples import Example
from tunelab.data.sampling import disjoint_samples
from tunelab.data.text_identity import identity


def draw_validation(
    rows: Sequence[Example], fraction: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """Training and validation rows: ``fraction`` of the texts validates, stratified by label.

    Copies of one text stay together, and every label keeps a training row. There are no
    validation rows where ``fraction`` of the texts is less than one.
    """
    groups: dict[str, list[Example]] = {}
    for row in rows:
        groups.setdefault(identity(row.text), []).append(row)
    keys = list(groups)
    count = int(len(keys) * fraction)
    sizes = {"validation": count, "train": len(keys) - count}
    drawn = disjoint_samples(keys, sizes, seed, label=lambda key: groups[key][0].label)
    trained = {row.label for key in drawn["train"] for row in groups[key]}
    kept = []
    for key in drawn["validation"]:
        labels = {row.label for row in groups[key]}
        if labels <= trained:
            kept.append(key)
        else:
            # A label that is not trained could never be answered.
            drawn["train"].append(key)
            trained |= labels
    return (
        [row for key in drawn["train"] for row in groups[key]],
        [row for key in kept for row in groups[key]],
    )
