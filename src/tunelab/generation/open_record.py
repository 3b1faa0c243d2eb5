"""What a run records of open prompts and of conversations."""

from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.evaluation.origins import Origin
from tunelab.evaluation.statistics.comparison import compare_means, compare_shares, share_against
from tunelab.evaluation.statistics.estimates import Bound, Difference, undefined
from tunelab.evaluation.statistics.limits import Span, bound_of, compare_limited, exactly, mean_span
from tunelab.generation.comparison import (
    COUNTS,
    MEASURES,
    OpenAnswer,
    cut_reason,
    spans_by_prompt,
    values_by_prompt,
)
from tunelab.generation.open_prompts import OpenPrompt
from tunelab.models.lineage import known_lineage
from tunelab.runs.results import read_json, stage_file
from tunelab.runs.run_folder import RunFolder, once

OPEN = "open.json"
CONVERSATIONS = "conversations.json"

# Measures that are yes or no for one answer.
_YES_OR_NO = ("open_stopped", "open_right")

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
    are left out. With one answer to a prompt, shares are compared as shares of rows are; all else
    by the paired t test.
    """
    if record is None:
        return undefined("the study has no open prompts", margin)
    names = [left, *([right] if isinstance(right, str) else [])]
    missing = next((name for name in names if not _answers(record, name)), None)
    if missing is not None:
        return undefined(f"{missing} answered no open prompts", margin)
    if metric == "open_tokens" and _tokenizers_differ(record, names):
        return undefined(
            "the two count tokens of different tokenizers, which are different units; compare "
            "open_words",
            margin,
        )
    first = _spans(record, metric, left)
    second = (
        _spans(record, metric, right)
        if isinstance(right, str)
        else [exactly(float(right))] * len(first)
    )
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    if not pairs:
        return undefined(f"{metric} is not defined for these answers", margin)
    if not all(a.known and b.known for a, b in pairs):
        asked = [_answers(record, name) for name in names]
        cut = [answers for answers in asked if any(answer.cut for answer in answers)]
        kept = "the length" if metric in COUNTS else "the rest"
        reason = f"{' and '.join(map(cut_reason, cut))}, so that {kept} is not known"
        limited = [a for a, _ in pairs], [b for _, b in pairs]
        return compare_limited(*limited, margin=margin, reason=reason)
    lefts, rights = [a.low for a, _ in pairs], [b.low for _, b in pairs]
    if metric in _YES_OR_NO and _samples(record) == 1:
        if not isinstance(right, str):
            return share_against(lefts, float(right), margin)
        return compare_shares(list(map(bool, lefts)), list(map(bool, rights)), margin=margin)
    return compare_means(lefts, rights, margin=margin)


def own_value(record: Record | None, metric: str, model: str) -> tuple[float | None, Bound | None]:
    """The mean of a measure over prompts, for one model at the study's first temperature.

    A length of answers that were cut is a lower bound; a measure of cut texts is that of what was
    kept.
    """
    if record is None or not _answers(record, model):
        return None, None
    spans = [span for span in _spans(record, metric, model) if span is not None]
    if not spans:
        return None, None
    if metric in COUNTS:
        return bound_of(mean_span(spans))
    known = [value for value in _values(record, metric, model) or () if value is not None]
    return sum(known) / len(known), None


def origin(record: Record | None, model: str) -> Origin | None:
    """The model that a name stands for here; None where it did not answer."""
    if record is None or model not in record["models"]:
        return None
    name = str(record["models"][model])
    return Origin(model, name, record.get("lineages", {}).get(model) or known_lineage(name))


def differing_prompts(
    record: Record | None, metric: str, left: str, right: str
) -> list[dict[str, Any]]:
    """The prompts on which two models differ in a measure, the largest differences first.

    The keys are those of a row behind a claim; the answers shown are each model's first sample at
    the study's first temperature.
    """
    first = _values(record, metric, left) if record is not None else None
    second = _values(record, metric, right) if record is not None else None
    if record is None or first is None or second is None:
        return []
    said = {
        (entry["model"], entry["prompt"]): entry["text"]
        for entry in record["answers"]
        if entry["temperature"] == record["temperatures"][0] and entry["sample"] == 0
    }
    spans = _spans(record, metric, left), _spans(record, metric, right)
    found = [
        {
            "row": prompt.id,
            "text": prompt.text,
            "truth": _expected(prompt),
            "left": said[left, prompt.id].strip(),
            "right": said[right, prompt.id].strip(),
            "left_value": a,
            "right_value": b,
            "left_cut": not (first_span is None or first_span.known),
            "right_cut": not (second_span is None or second_span.known),
        }
        for prompt, a, b, first_span, second_span in zip(
            _prompts(record), first, second, *spans, strict=True
        )
        if a is not None and b is not None and a != b
    ]
    return sorted(found, key=lambda row: -abs(row["left_value"] - row["right_value"]))


def measures_table(record: Record) -> list[dict[str, Any]]:
    """Every measure with its estimate for each model and temperature; rightness by kind as well.

    The order of ``estimates`` is that of the record's comparison. A kind of prompts has no
    interval, as it holds few of them.
    """
    compared = record["comparison"]
    rows = [
        {"name": title, "share": name not in COUNTS, "estimates": [row[name] for row in compared]}
        for name, (title, _) in MEASURES.items()
    ]
    kinds = [kind for kind in compared[0]["by_kind"] if compared[0]["by_kind"][kind] is not None]
    position = list(MEASURES).index("open_right") + 1
    rows[position:position] = [
        {
            "name": f"of prompts of the kind “{kind}”",
            "share": True,
            "estimates": [
                {"value": row["by_kind"][kind], "low": None, "high": None} for row in compared
            ],
        }
        for kind in kinds
        if len(kinds) > 1
    ]
    return rows


def answers_to_read(record: Record) -> list[dict[str, Any]]:
    """Each prompt, what was expected, and every answer to it with whether it was right."""
    return [
        {
            "prompt": prompt,
            "expected": _expected(prompt),
            "answers": [
                {**entry, "right": prompt.right(entry["text"])}
                for entry in record["answers"]
                if entry["prompt"] == prompt.id
            ],
        }
        for prompt in _prompts(record)
    ]


def rules_kept(played: Mapping[str, Any], rules: Sequence[str]) -> list[tuple[int, int] | None]:
    """For each rule, the lines that keep it among those that it applies to; None without any."""
    scores = [line["score"] for line in played["lines"] if line["score"]]
    found: list[tuple[int, int] | None] = []
    for rule in rules:
        applied = [bool(score[rule]) for score in scores if score[rule] is not None]
        found.append((sum(applied), len(applied)) if applied else None)
    return found


def _expected(prompt: OpenPrompt) -> str:
    """The rules of a prompt in words."""
    parts = []
    if prompt.contains:
        parts.append(f"holds {' or '.join(prompt.contains)}")
    if prompt.matches is not None:
        parts.append(f"is {prompt.matches}")
    if prompt.avoids is not None:
        parts.append(f"holds no {prompt.avoids}")
    return "; ".join(parts)


def _prompts(record: Record) -> list[OpenPrompt]:
    return [
        OpenPrompt(**{**entry, "contains": tuple(entry["contains"])}) for entry in record["prompts"]
    ]


def _samples(record: Record) -> int:
    """How many answers each prompt has at the study's first temperature."""
    first = record["temperatures"][0]
    return 1 + max(int(e["sample"]) for e in record["answers"] if e["temperature"] == first)


def _answers(record: Record, model: str) -> list[OpenAnswer]:
    """A model's answers at the study's first temperature."""
    first = record["temperatures"][0]
    return [
        OpenAnswer(**entry)
        for entry in record["answers"]
        if entry["model"] == model and entry["temperature"] == first
    ]


def _values(record: Record, metric: str, model: str) -> list[float | None] | None:
    answers = _answers(record, model)
    return values_by_prompt(metric, _prompts(record), answers) if answers else None


def _spans(record: Record, metric: str, model: str) -> list[Span | None]:
    return spans_by_prompt(metric, _prompts(record), _answers(record, model))


def _tokenizers_differ(record: Record, names: Sequence[str]) -> bool:
    """Whether the models are known to have different tokenizers."""
    known = {(record.get("lineages", {}).get(name) or {}).get("tokenizer") for name in names}
    return len(known - {None}) > 1


def _read(run: RunFolder, name: str) -> Record | None:
    for result in run.generated:
        if (result.folder / name).is_file():
            return dict(read_json(stage_file(result, name)))
    return None
