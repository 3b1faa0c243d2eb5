"""What fine-tuning forgets: what a model could do beside the task, before and after."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tunelab.evaluation.statistics.comparison import compare_means, compare_shares
from tunelab.evaluation.statistics.estimates import Estimate
from tunelab.numbers import counted, interval, number, share, signed, signed_interval


@dataclass(frozen=True)
class Forgetting:
    """``perplexity`` before and after is that of plain sentences, the geometric mean over them, and
    ``factor`` what it is multiplied by; ``answered`` before and after is the share of prompts that
    were answered rightly, and ``change`` the difference. Intervals are paired, over the sentences
    and over the prompts.
    """

    perplexity: tuple[float | None, float | None]
    factor: Estimate
    answered: tuple[float | None, float | None]
    change: Estimate
    sentences: int
    prompts: int

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return asdict(self)


def compare_skill(
    before: tuple[Sequence[float | None], Sequence[bool]],
    after: tuple[Sequence[float | None], Sequence[bool]],
) -> Forgetting:
    """Compare what a model could do before with what it can do after.

    ``before`` and ``after`` hold the mean nats of a token in each sentence, None where there is
    none to predict, and whether each prompt was answered rightly.
    """
    pairs = [
        (first, second)
        for first, second in zip(before[0], after[0], strict=True)
        if first is not None and second is not None
    ]
    old, new = [first for first, _ in pairs], [second for _, second in pairs]
    nats = compare_means(new, old)
    factor = Estimate(_power(nats.value), _power(nats.low), _power(nats.high), nats.reason)
    shares = compare_shares(after[1], before[1])
    return Forgetting(
        perplexity=(_perplexity(old), _perplexity(new)),
        factor=factor,
        answered=(_share(before[1]), _share(after[1])),
        change=Estimate(shares.value, shares.low, shares.high, shares.reason),
        sentences=len(pairs),
        prompts=len(before[1]),
    )


def read_forgetting(record: Mapping[str, Any]) -> Forgetting:
    """What :meth:`Forgetting.to_dict` gave, from a record that holds more."""
    return Forgetting(
        perplexity=(record["perplexity"][0], record["perplexity"][1]),
        factor=Estimate(**record["factor"]),
        answered=(record["answered"][0], record["answered"][1]),
        change=Estimate(**record["change"]),
        sentences=record["sentences"],
        prompts=record["prompts"],
    )


def in_words(name: str, found: Forgetting) -> str:
    """What a fine-tuned model forgot, as a sentence."""
    factor, change = found.factor, found.change
    ends = ""
    if factor.low is not None:
        ends = f", 95 % interval {interval(factor.low, factor.high)}"
    told = (
        f"{name}: the perplexity of plain English goes from {number(found.perplexity[0])} to "
        f"{number(found.perplexity[1])} (times {number(factor.value)}{ends})"
    )
    told += (
        f", and of {counted(found.prompts, 'simple prompt')} it answers {share(found.answered[1])} "
        f"correctly, and {share(found.answered[0])} before ({signed(change.value, 'share')}"
    )
    if change.low is not None:
        told += f", 95 % interval {signed_interval(change.low, change.high, 'share')}"
    told += ")"
    if factor.low is not None and factor.low > 1:
        return f"{told}. It has forgotten some of what it knew."
    if change.high is not None and change.high < 0:
        return f"{told}. It has forgotten how to answer some of them."
    return f"{told}. It is not shown that it has forgotten anything."


def _power(value: float | None) -> float | None:
    return None if value is None else math.exp(min(700.0, value))


def _perplexity(nats: Sequence[float]) -> float | None:
    return _power(math.fsum(nats) / len(nats)) if nats else None


def _share(right: Sequence[bool]) -> float | None:
    return sum(right) / len(right) if right else None
