"""Whether a merged model says what the model with its adapter says, and what rounding may change.

A merge in 32 bits changes no more than the order of sums. Fewer bits round every weight, and what
that does to a model is measured on the base model, which no merge has touched: where the merged
model changes no more than that, it is the rounding, and not the merge.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from tunelab.classifiers.asking import label_tokens
from tunelab.data.readers import read_rows
from tunelab.errors import RunError
from tunelab.inference.scoring import score_labels
from tunelab.prompts.encoding import Encoder

# Of the largest logit: what the same sums in another order may differ by.
EXACT = 1e-4
# Times the base model's own relative difference, and the share of rows beyond its own that may get
# another label: a merged model that is above both is not explained by rounding.
ROUNDING, LABELS = 3.0, 0.05
TEXTS = (
    "What a day! I'd not expected <this>.",
    "i feel a little better now that it is over",
    "امروز کتاب‌هایم را پیدا کردم و خوشحالم.",
    "",
)
_STARTER_ROWS = 17


@dataclass(frozen=True)
class Answers:
    """What a model says: the next-token logits of each prompt of ``TEXTS``, tokens × vocabulary,
    and the likeliest label of each row."""

    logits: Sequence[Any]
    labels: Sequence[str]


@dataclass(frozen=True)
class Agreement:
    """How what two models say differs.

    ``largest_difference`` and ``largest_logit`` are absolute, over the next-token logits at every
    position of ``prompts`` prompts with ``tokens`` tokens together; ``same_next`` counts the
    positions at which both find the same token likeliest, ``same_label`` the ``rows`` with the
    same likeliest label. ``untouched`` is the same of the base model, rounded and not rounded;
    None where nothing was rounded.
    """

    largest_difference: float
    largest_logit: float
    prompts: int
    tokens: int
    same_next: int
    rows: int = 0
    same_label: int = 0
    untouched: "Agreement | None" = None

    def to_dict(self) -> dict[str, Any]:
        """The agreement as JSON values."""
        return asdict(self)

    @property
    def relative(self) -> float:
        """The largest difference, of the largest logit or of 1 where all are smaller."""
        return self.largest_difference / max(self.largest_logit, 1.0)

    @property
    def other_labels(self) -> int:
        """The rows with another label."""
        return self.rows - self.same_label


def ask(model: Any, encoder: Encoder, texts: Sequence[str]) -> Answers:
    """What a model says to ``TEXTS``, and its label of each of ``texts``."""
    prompts = [list(encoder.prompt(text).ids) for text in texts]
    scored = score_labels(model, prompts, label_tokens(encoder), progress=False).logprobs
    labels = encoder.format.labels
    return Answers(
        next_token_logits(model, [list(encoder.prompt(text).ids) for text in TEXTS]),
        [labels[max(range(len(row)), key=row.__getitem__)] for row in scored],
    )


def next_token_logits(model: Any, prompts: Sequence[Sequence[int]]) -> list[Any]:
    """The logits of every position of each prompt: tokens × vocabulary, in float32 on the CPU."""
    import torch

    with torch.inference_mode():
        return [
            model(input_ids=torch.tensor([list(ids)], device=model.device)).logits[0].float().cpu()
            for ids in prompts
        ]


def compare(expected: Answers, found: Answers) -> Agreement:
    """How ``found`` differs from ``expected``; a logit that is not finite makes it infinite.

    Labels are compared as far as both have some.
    """
    pairs = list(zip(expected.logits, found.logits, strict=True))
    difference = max(float((left - right).abs().max()) for left, right in pairs)
    return Agreement(
        largest_difference=difference if math.isfinite(difference) else math.inf,
        largest_logit=max(float(left.abs().max()) for left, _ in pairs),
        prompts=len(pairs),
        tokens=sum(len(left) for left, _ in pairs),
        same_next=sum(int((left.argmax(-1) == right.argmax(-1)).sum()) for left, right in pairs),
        rows=min(len(expected.labels), len(found.labels)),
        same_label=sum(map(str.__eq__, expected.labels, found.labels)),
    )


def check_merge(agreement: Agreement) -> None:
    """Refuse a model that was merged in 32 bits and does not say the same.

    Raises:
        RunError: the message says by how much.
    """
    if agreement.relative > EXACT:
        raise RunError(
            f"the merged model's logits differ by {agreement.largest_difference:.2g} in 32 bits, "
            "where they should be the same, so it was not kept; use the adapter as it is."
        )


def check_rounding(agreement: Agreement, dtype: str) -> None:
    """Refuse a rounded model that says something else than rounding explains.

    Raises:
        RunError: the message says what changed, and what the rounding of the base model changes.
    """
    base = agreement.untouched
    if not math.isfinite(agreement.largest_difference):
        raise RunError(
            f"the merged model has numbers that {dtype} cannot hold, so it was not kept; use "
            "--dtype bfloat16 or float32."
        )
    if base is None:
        return
    logits = agreement.relative <= ROUNDING * base.relative
    labels = agreement.other_labels <= base.other_labels + LABELS * agreement.rows
    if not (logits or labels):
        raise RunError(
            f"in {dtype} the merged model gives another label in {agreement.other_labels} of "
            f"{agreement.rows} rows and its logits differ by {agreement.largest_difference:.2g}; "
            f"the base model without the adapter in {base.other_labels} rows and by "
            f"{base.largest_difference:.2g}. That is more than rounding, so it was not kept; use "
            "--dtype float32."
        )


def sample_texts() -> list[str]:
    """Texts to compare labels on: those of the logits that are not blank, and starter rows."""
    path = Path(str(files("tunelab.data") / "starter" / "test.jsonl"))
    rows = itertools.islice(read_rows(path), _STARTER_ROWS)
    return [*(text for text in TEXTS if text), *(str(row["text"]) for _, row in rows)]
