"""What a run knows of open prompts and of conversations."""

from collections.abc import Mapping
from typing import Any

from tunelab.evaluation.claims import undefined
from tunelab.evaluation.comparison import compare_means
from tunelab.evaluation.estimates import Difference
from tunelab.generation.comparison import OpenAnswer, values_by_prompt
from tunelab.generation.open_prompts import OpenPrompt
from tunelab.report.run_folder import RunFolder, once
from tunelab.results import read_json

OPEN = "open.json"
CONVERSATIONS = "conversations.json"

Record = Mapping[str, Any]


@once
def read_open(run: RunFolder) -> Record | None:
    """Prompts, answers and their comparison (see `tunelab.study.open_answers`), or None."""
    return _read(run, OPEN)


def read_conversations(run: RunFolder) -> Record | None:
    """The conversations that were played (see `tunelab.study.conversations`), or None."""
    return _read(run, CONVERSATIONS)


def compare_open_answers(
    record: Record | None, metric: str, left: str, right: str | float, margin: float
) -> Difference:
    """Left minus right in a measure of open answers, at the study's first temperature.

    A row is a prompt, with the mean over its samples; prompts on which one of the two has no value
    are left out. The test is the paired t test.
    """
    if record is None:
        return undefined("the study has no open prompts", margin)
    first = _values(record, metric, left)
    second = _values(record, metric, right) if isinstance(right, str) else None
    if first is None or (isinstance(right, str) and second is None):
        missing = left if first is None else right
        return undefined(f"{missing} answered no open prompts", margin)
    others = second if second is not None else [float(right)] * len(first)
    pairs = [(a, b) for a, b in zip(first, others, strict=True) if a is not None and b is not None]
    if not pairs:
        return undefined(f"{metric} is not defined for these answers", margin)
    return compare_means([a for a, _ in pairs], [b for _, b in pairs], margin=margin)


def own_value(record: Record | None, metric: str, model: str) -> float | None:
    """The mean of a measure over prompts, for one model at the study's first temperature."""
    values = None if record is None else _values(record, metric, model)
    known = [value for value in values or () if value is not None]
    return sum(known) / len(known) if known else None


def _values(record: Record, metric: str, model: str) -> list[float | None] | None:
    first = record["temperatures"][0]
    answers = [
        OpenAnswer(**entry)
        for entry in record["answers"]
        if entry["model"] == model and entry["temperature"] == first
    ]
    if not answers:
        return None
    prompts = [
        OpenPrompt(**{**entry, "contains": tuple(entry["contains"])}) for entry in record["prompts"]
    ]
    return values_by_prompt(metric, prompts, answers)


def _read(run: RunFolder, name: str) -> Record | None:
    for result in run.generated:
        if (result.folder / name).is_file():
            return dict(read_json(result.folder / name))
    return None
