"""The same as test_exactness.py, for a real model: SmolLM2-135M-Instruct."""

from contextlib import ExitStack
from typing import Any

import pytest
import torch

from tunelab import registry
from tunelab.inference.packed_attention import packed_attention, packing_works
from tunelab.models.loading import LoadedModel, load
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import EncodedExample, Encoder
from tunelab.prompts.shared_prefix import common_prefix
from tunelab.training.batching import PackedCollator, PaddedCollator
from tunelab.training.fused.layers import fused_layers
from tunelab.training.loss import answer_logits, answer_loss

pytestmark = pytest.mark.smollm2
LABELS = ("sadness", "joy", "surprise")
TEXTS = [
    "i feel so alone in this house",
    "what a day, we laughed until it hurt and then we laughed again",
    "i never thought that she would come back " * 6,
]


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load("smollm2-135m-instruct")


@pytest.fixture(scope="module")
def rows(loaded: LoadedModel) -> list[EncodedExample]:
    format = make_format(
        loaded.tokenizer,
        system="Classify the emotion of the text. Answer with one word: {labels}.",
        labels=LABELS,
        style="chat",
        max_length=256,
    )
    encoder = Encoder(loaded.tokenizer, format)
    return [encoder.example(text, label) for text, label in zip(TEXTS, LABELS, strict=True)]


def _outcome(model: Any, batch: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    model.zero_grad()
    loss = answer_loss(answer_logits(model, batch))
    loss.backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return float(loss.detach()), gradients


@pytest.mark.parametrize("name", ["lora-merged", *registry.METHODS])
def test_loss_and_gradients(loaded: LoadedModel, rows: list[EncodedExample], name: str) -> None:
    torch.manual_seed(3)
    method = registry.resolve("method", name.removesuffix("-merged"), registry.METHODS)
    model = method.adapt(loaded.model, method.Settings(), rows[0].ids[3:20])
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_B" in key:
                parameter.normal_(std=0.01)
            elif "ia3_l" in key or "magnitude" in key:
                parameter.mul_(1 + 0.05 * torch.randn_like(parameter))
    prefix = common_prefix([row.ids for row in rows], [row.prompt_length for row in rows])
    assert prefix > 20
    assert packing_works(model, [row.ids for row in rows])
    model.train()
    expected = _outcome(model, PaddedCollator(loaded.tokenizer.pad_token_id)(rows))
    with ExitStack() as stack:
        stack.enter_context(packed_attention(model))
        stack.enter_context(fused_layers(model, merge=name == "lora-merged"))
        found = _outcome(model, PackedCollator(prefix)(rows))
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert _distance(found[1], expected[1]) < 1e-5
    far = [key for key in expected[1] if _alone(found, expected, key) >= 1e-5]
    if far:
        # Some gradients of thirty layers are sums that all but cancel: there the plain way is
        # itself further than 1e-5 from what it gives in float64, and no more can be asked of
        # another way.
        exact = _outcome(model.double(), PaddedCollator(loaded.tokenizer.pad_token_id)(rows))
        model.float()
        for key in far:
            allowed = max(1e-5, 3 * _alone(expected, exact, key))
            assert _alone(found, exact, key) < allowed, key
    if hasattr(model, "unload"):
        model.unload()


def _alone(found: Any, expected: Any, key: str) -> float:
    return _distance({key: found[1][key]}, {key: expected[1][key]})


def _distance(found: dict[str, Any], expected: dict[str, Any]) -> float:
    """Relative distance of all gradients together, in the Euclidean norm."""
    assert set(found) == set(expected)
    apart = sum(float((found[n].double() - g.double()).norm()) ** 2 for n, g in expected.items())
    return float((apart / sum(float(g.double().norm()) ** 2 for g in expected.values())) ** 0.5)
