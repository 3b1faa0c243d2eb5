"""The rows of trials: a part of the training rows is held out, and the test rows stay away."""

from dataclasses import replace

from tunelab.config import fingerprint
from tunelab.data.groups import draw_parts, stays_together
from tunelab.data.sampling import disjoint_samples
from tunelab.errors import UsageError
from tunelab.study.prepare import PreparedData


def hold_out_rows(data: PreparedData, share: float, seed: int) -> PreparedData:
    """The rows that trials learn from and are asked: none of them is a test row.

    ``share`` of the training rows, stratified, stand in the place of the test rows. Early
    stopping and pruning watch the validation rows, as in the study.

    Raises:
        UsageError: there are too few training rows to hold any out.
    """
    rows = data.splits["train"]
    size = round(share * len(rows))
    classes = {row.label for row in rows}
    if size < len(classes) or len(rows) - size < len(classes):
        raise UsageError(
            f"hold_out={share:g} of {len(rows)} training rows leaves less than a row of each "
            f"label on one side; raise data.sample.train or hold_out."
        )
    if any(row.group is not None for row in rows):
        # No group may be both learnt from and asked.
        shares = {"test": share, "train": 1 - share}
        divided = draw_parts(stays_together(rows), shares, seed)
        drawn = {"held": divided["test"], "left": divided["train"]}
    else:
        drawn = disjoint_samples(rows, {"held": size, "left": len(rows) - size}, seed)
    held = {row.text for row in drawn["held"]}
    left = [row for row in drawn["left"] if row.text not in held]
    if len({row.label for row in left}) < 2:
        raise UsageError(f"hold_out={share:g} leaves one label to learn; lower it.")
    return replace(
        data,
        splits={"train": left, "validation": data.splits["validation"], "test": drawn["held"]},
        hash=fingerprint({"data": data.hash, "hold_out": share, "seed": seed}),
    )


def counts(data: PreparedData, trials: PreparedData) -> dict[str, int]:
    """How many rows each part of a sweep sees."""
    return {
        "trials learn from": len(trials.splits["train"]),
        "trials are compared on": len(trials.splits["test"]),
        "validation": len(data.splits["validation"]),
        "winner learns from": len(data.splits["train"]),
        "test": len(data.splits["test"]),
    }
