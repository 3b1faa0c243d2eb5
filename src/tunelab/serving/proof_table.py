"""The proof of an export as rows of a table, for the card and the terminal."""

from tunelab.numbers import (
    UNDEFINED,
    counted,
    data_size,
    number,
    p_value,
    share,
    signed,
    signed_interval,
)
from tunelab.serving.proof import Accuracy, Cost, Proof


def proof_rows(proof: Proof) -> list[dict[str, str]]:
    """What is compared, before, after, and what that says; the cells are text."""
    return [
        *([] if proof.accuracy is None else [_accuracy(proof.accuracy)]),
        {
            "what": "rows with another label",
            "before": "",
            "after": f"{len(proof.other_labels):,} of {proof.rows:,}",
            "note": proof.origin,
        },
        {
            "what": "largest difference of a probability",
            "before": "",
            "after": number(proof.largest_difference),
            "note": _allowed(proof),
        },
        *_prompts(proof),
        *_costs(proof.before, proof.after),
    ]


def verdict_in_words(proof: Proof) -> str:
    """What the rows say of the accuracy, in one sentence."""
    found = proof.accuracy
    if found is None:
        return (
            "The true labels of these rows are not known, so the accuracies are not compared; "
            "--rows FILE with a column of labels compares them."
        )
    needed = ""
    if found.verdict == "undecided" and found.rows_needed is not None:
        needed = f"; {found.rows_needed:,} rows like these would"
    return (
        f"That the accuracies are equal within {share(proof.margin)} is {found.verdict}: "
        f"{found.why}{needed}."
    )


def _prompts(proof: Proof) -> list[dict[str, str]]:
    if proof.other_prompts is None:
        return []
    named = ", ".join(map(str, proof.other_prompts[:10]))
    return [
        {
            "what": "prompts that become other tokens",
            "before": "",
            "after": f"{len(proof.other_prompts):,} of {proof.rows:,}",
            "note": f"rows {named}" if named else "the chat template renders to the same ids",
        }
    ]


def _accuracy(found: Accuracy) -> dict[str, str]:
    alone = f"{found.only_before:,} right before alone, {found.only_after:,} after alone"
    return {
        "what": "accuracy",
        "before": share(found.before),
        "after": share(found.after),
        "note": (
            f"{signed(found.difference, 'share')} "
            f"({signed_interval(found.low, found.high, 'share')}); {alone}; McNemar p "
            f"{p_value(found.p_value)}"
        ),
    }


def _allowed(proof: Proof) -> str:
    if proof.largest_difference is None:
        return proof.reason or ""
    if proof.allowed is None:
        return "the weights are rounded"
    return f"{number(proof.allowed)} is explained by the order of sums"


def _costs(before: Cost, after: Cost) -> list[dict[str, str]]:
    return [
        {
            "what": "rows a second",
            "before": number(before.rows_per_second),
            "after": number(after.rows_per_second),
            "note": "in batches, on this machine",
        },
        {
            "what": "one text",
            "before": _milliseconds(before.ms_for_one),
            "after": _milliseconds(after.ms_for_one),
            "note": "median",
        },
        {
            "what": "memory",
            "before": data_size(before.memory),
            "after": data_size(after.memory),
            "note": "highest, libraries included",
        },
        {
            "what": "files",
            "before": data_size(before.bytes),
            "after": data_size(after.bytes),
            "note": "those of a base model included",
        },
    ]


def _milliseconds(value: float | None) -> str:
    return UNDEFINED if value is None else f"{number(value)} ms"


def told(proof: Proof) -> str:
    """The proof in one sentence, for the end of a command."""
    labels = (
        f"the label is the same in {proof.rows - len(proof.other_labels):,} of "
        f"{counted(proof.rows, 'row')}"
    )
    if proof.largest_difference is None:
        return f"{labels} ({proof.reason})"
    return f"{labels}, and a probability differs by {number(proof.largest_difference)} at most"
