"""The proof of an export: what the exported classifier answers, beside what tunelab answers.

The labels, the probabilities, the accuracy with a paired test and a verdict on its margin, and what
both cost.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Protocol, runtime_checkable

from tunelab.classifiers.contract import Fitted
from tunelab.errors import RunError, UsageError
from tunelab.evaluation.claims import decide, signed_margin
from tunelab.evaluation.statistics.comparison import compare_shares
from tunelab.models.embedding_cache import without_cache
from tunelab.numbers import counted, number, share
from tunelab.prompts.encoding import EncodedPrompt
from tunelab.serving.own_runtime import SINGLES, OwnAnswers
from tunelab.serving.proof_rows import ProofRows

# Differing rows that a message names.
_NAMED = 10


@runtime_checkable
class HasPrompts(Protocol):
    """A classifier that asks a language model for each text."""

    def prompts(self, texts: Sequence[str]) -> Sequence[EncodedPrompt]:
        """The prompt of each text."""


@dataclass(frozen=True)
class Reference:
    """What tunelab answers: labels, probabilities (texts, labels) or why there are none.

    ``seconds`` for all texts, ``alone`` for each of a few by itself. ``ids``: the token ids of each
    prompt, None where it has none.
    """

    labels: tuple[str | None, ...]
    probabilities: list[list[float]] | None
    reason: str | None
    seconds: float
    alone: tuple[float, ...]
    ids: list[list[int]] | None = None


@dataclass(frozen=True)
class OtherRow:
    """A row with another label: its position from 1, and the three labels."""

    row: int
    truth: str | None
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Accuracy:
    """The accuracy before and after, and what the rows say of the difference, after minus before.

    ``p_value`` is McNemar's, of no difference. ``verdict`` is on the claim that the two are about
    equal, within the margin; ``p_margin`` is of a difference as large as the margin, and
    ``rows_needed`` rows like these would decide it.
    """

    before: float
    after: float
    difference: float
    low: float | None
    high: float | None
    p_value: float | None
    p_margin: float | None
    only_before: int
    only_after: int
    rows_needed: int | None
    verdict: str
    why: str


@dataclass(frozen=True)
class Cost:
    """What answering costs. ``memory`` above an empty process; ``bytes``: of the files on disk."""

    rows_per_second: float | None
    ms_for_one: float | None
    memory: int | None
    bytes: int


@dataclass(frozen=True)
class Proof:
    """An exported classifier against the one that it was made from, on the same rows.

    ``other_prompts``: positions from 1 of the rows whose prompts become other tokens, None where
    there are no prompts. ``largest_difference``: of a probability, over all rows and labels, None
    for the ``reason``. ``allowed``: the largest difference that the format's arithmetic explains,
    None where weights are rounded. ``accuracy`` is None where the true labels are not known.
    ``failed``: why the export is refused, None where it holds.
    """

    rows: int
    origin: str
    other_labels: tuple[OtherRow, ...]
    other_prompts: tuple[int, ...] | None
    largest_difference: float | None
    reason: str | None
    allowed: float | None
    margin: float
    accuracy: Accuracy | None
    before: Cost
    after: Cost
    failed: str | None

    def to_dict(self) -> dict[str, Any]:
        """The proof as JSON values."""
        return asdict(self)


def read_proof(values: Mapping[str, Any]) -> Proof:
    """What :meth:`Proof.to_dict` gave."""
    accuracy, prompts = values["accuracy"], values["other_prompts"]
    return Proof(
        **{
            **values,
            "other_labels": tuple(OtherRow(**one) for one in values["other_labels"]),
            "other_prompts": None if prompts is None else tuple(prompts),
            "accuracy": None if accuracy is None else Accuracy(**accuracy),
            "before": Cost(**values["before"]),
            "after": Cost(**values["after"]),
        }
    )


def ask_reference(fitted: Fitted, texts: Sequence[str]) -> Reference:
    """What a classifier of tunelab answers to texts, and how long it takes, without a cache."""
    with without_cache():
        fitted.label(texts[:1])
        started = time.perf_counter()
        labels = [answer.label for answer in fitted.label(texts)]
        seconds = time.perf_counter() - started
        alone = []
        for text in texts[:SINGLES]:
            started = time.perf_counter()
            fitted.label([text])
            alone.append(time.perf_counter() - started)
        try:
            shares, reason = fitted.probabilities(texts).tolist(), None
        except UsageError:
            shares, reason = None, "the classifier gives labels only"
    ids = None
    if isinstance(fitted, HasPrompts):
        ids = [list(prompt.ids) for prompt in fitted.prompts(texts)]
    return Reference(tuple(labels), shares, reason, seconds, tuple(alone), ids)


def compare_answers(
    reference: Reference,
    found: OwnAnswers,
    rows: ProofRows,
    *,
    margin: float,
    allowed: float | None,
    no_probabilities: str | None,
    memory_before: int | None,
    bytes_before: int,
    bytes_after: int,
) -> Proof:
    """The proof from both sides' answers to the rows.

    Raises:
        RunError: the exported classifier answered other rows, or with numbers that are not finite.
    """
    if len(found.labels) != len(rows.texts):
        raise RunError("the exported classifier did not answer each of the rows.")
    truth = rows.truth or (None,) * len(rows.texts)
    others = tuple(
        OtherRow(position, true, before, after)
        for position, (true, before, after) in enumerate(
            zip(truth, reference.labels, found.labels, strict=True), 1
        )
        if before != after
    )
    largest = _largest(reference.probabilities, found.probabilities)
    reason = None if largest is not None else reference.reason or no_probabilities
    accuracy = None
    if rows.truth is not None:
        accuracy = _accuracy(rows.truth, reference.labels, found.labels, margin)
    return Proof(
        rows=len(rows.texts),
        origin=rows.origin,
        other_labels=others,
        other_prompts=_other_prompts(reference.ids, found.ids),
        largest_difference=largest,
        reason=reason,
        allowed=allowed,
        margin=margin,
        accuracy=accuracy,
        before=_cost(reference.seconds, reference.alone, len(truth), memory_before, bytes_before),
        after=_cost(found.seconds, found.alone, len(truth), found.memory, bytes_after),
        failed=_failure(others, largest, allowed, accuracy, margin, len(rows.texts)),
    )


def _cost(seconds: float, alone: Sequence[float], rows: int, memory: int | None, size: int) -> Cost:
    return Cost(
        rows_per_second=rows / seconds if seconds > 0 else None,
        ms_for_one=1000 * median(alone) if alone else None,
        memory=memory,
        bytes=size,
    )


def _other_prompts(
    before: Sequence[Sequence[int]] | None, after: Sequence[Sequence[int]] | None
) -> tuple[int, ...] | None:
    if before is None or after is None:
        return None
    pairs = enumerate(zip(before, after, strict=True), 1)
    return tuple(position for position, (one, other) in pairs if list(one) != list(other))


def _largest(
    before: Sequence[Sequence[float]] | None, after: Sequence[Sequence[float]] | None
) -> float | None:
    if before is None or after is None:
        return None
    if any(not math.isfinite(value) for row in after for value in row):
        raise RunError(
            "the exported classifier gives probabilities that are not finite, so it was not kept; "
            "choose another type of weights."
        )
    return max(
        (
            abs(left - right)
            for one, other in zip(before, after, strict=True)
            for left, right in zip(one, other, strict=True)
        ),
        default=0.0,
    )


def _accuracy(
    truth: Sequence[str],
    before: Sequence[str | None],
    after: Sequence[str | None],
    margin: float,
) -> Accuracy:
    was = [true == label for true, label in zip(truth, before, strict=True)]
    now = [true == label for true, label in zip(truth, after, strict=True)]
    paired = compare_shares(now, was)
    value = paired.value or 0.0
    about = compare_shares(now, was, margin=signed_margin(value, "about", margin))
    verdict, why = decide(about, "about", margin, about.p_value)
    return Accuracy(
        before=sum(was) / len(was),
        after=sum(now) / len(now),
        difference=value,
        low=paired.low,
        high=paired.high,
        p_value=paired.p_value,
        p_margin=about.p_value if margin else None,
        only_before=int(paired.details["only_right"]),
        only_after=int(paired.details["only_left"]),
        rows_needed=about.rows_needed,
        verdict=verdict,
        # One test needs no correction.
        why=why.replace(", corrected", ""),
    )


def _failure(
    others: Sequence[OtherRow],
    largest: float | None,
    allowed: float | None,
    accuracy: Accuracy | None,
    margin: float,
    rows: int,
) -> str | None:
    """Why an export does not hold, in words; None where it does."""
    if allowed is not None and largest is not None and largest > allowed:
        return (
            f"a probability differs by {number(largest)}, and the arithmetic of this type explains "
            f"{number(allowed)}{name_rows(others)}"
        )
    if accuracy is not None and abs(accuracy.difference) > margin + 1e-12:
        return (
            f"the accuracy is {share(accuracy.after)} where it was {share(accuracy.before)}, and "
            f"the margin is {share(margin)}{name_rows(others)}"
        )
    if accuracy is None and len(others) / rows > margin + 1e-12:
        return (
            f"{counted(len(others), 'row')} of {rows:,} {'has' if len(others) == 1 else 'have'} "
            f"another label, and the margin is {share(margin)}{name_rows(others)}"
        )
    return None


def name_rows(others: Sequence[OtherRow]) -> str:
    """The rows with another label, in words that follow a clause; empty where there are none."""
    if not others:
        return ""
    named = ", ".join(f"{one.row} ({one.before} → {one.after})" for one in others[:_NAMED])
    more = len(others) - _NAMED
    rest = f" and {more:,} more" if more > 0 else ""
    return f"; rows with another label: {named}{rest}"
