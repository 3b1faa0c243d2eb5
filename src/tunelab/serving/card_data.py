"""The data of a study, for cards."""

from collections.abc import Sequence
from typing import Any

from tunelab.data.examples import SPLITS
from tunelab.numbers import count
from tunelab.runs.results import Result
from tunelab.serving.inert_markdown import Markdown, inert


def label_list(labels: Sequence[str]) -> Markdown:
    """Labels as code, between commas."""
    return Markdown(", ".join(inert(label) for label in labels))


def label_rows(prepared: Result) -> list[dict[str, Any]]:
    """The rows of each label in each split."""
    sample = prepared.values["counts"]["sample"]
    return [
        {"label": label, **{split: count(sample[split].get(label, 0)) for split in SPLITS}}
        for label in prepared.values["labels"]
    ]


def data_checks(prepared: Result) -> str:
    """What was found and left out of the data, in a sentence."""
    checks, dropped = prepared.values["checks"], prepared.values["dropped"]
    shared = sum(checks["shared"].values())
    left_out = sum(sum(counts.values()) for counts in dropped.values())
    return (
        f"Before anything was left out, the data had {sum(checks['repeated'].values())} repeated "
        f"texts, {checks['conflicting']} texts with two labels and {shared} that a later split "
        f"shares with training; {left_out} faulty rows were left out."
    )
