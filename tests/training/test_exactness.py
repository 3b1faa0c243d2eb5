"""The shared prefix and the sparse output layer change no number: losses and gradients."""

from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import LABELS, build_model, build_tokenizer
from tunelab.config import Training
from tunelab.methods import full, lora
from tunelab.models.prefix import run_prefix
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import EncodedExample, Encoder
from tunelab.prompts.shared_prefix import common_prefix
from tunelab.training.batching import Collator
from tunelab.training.loss import answer_logits, answer_loss
from tunelab.training.train import count_parameters, train

TEXTS = ["a", "the rain came down all day and we sat at the window", "nothing said", "we " * 30]


def _rows() -> list[EncodedExample]:
    tokenizer = build_tokenizer()
    format = make_format(
        tokenizer, system="One of {labels}.", labels=LABELS, style="chat", max_length=150
    )
    encoder = Encoder(tokenizer, format)
    return [encoder.example(text, LABELS[place]) for place, text in enumerate(TEXTS)]


def _plain_loss(model: Any, rows: list[EncodedExample]) -> Any:
    """Each row alone, in full, with all logits: the textbook way."""
    total = torch.zeros(())
    for row in rows:
        logits = model(input_ids=torch.tensor([row.ids])).logits[0, :-1].float()
        targets = torch.tensor(row.labels[1:])
        total = total + torch.nn.functional.cross_entropy(
            logits, targets, ignore_index=-100, reduction="sum"
        )
    return total


def _gradients(model: Any, loss: Any) -> dict[str, Any]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("family", ["llama", "mistral", "phi3", "gemma3"])
@pytest.mark.parametrize("method", [lora, full])
@pytest.mark.parametrize("prefix", [True, False])
def test_loss_and_gradients(family: str, method: Any, prefix: bool) -> None:
    rows = _rows()
    torch.manual_seed(3)
    settings = method.Settings(r=4) if method is lora else method.Settings()
    model = method.adapt(build_model(family, 600), settings)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    model.train()
    length = common_prefix([r.ids for r in rows], [r.prompt_length for r in rows]) if prefix else 0
    assert (length > 5) == prefix
    expected = _gradients(model, plain := _plain_loss(model, rows))
    cache = run_prefix(model, rows[0].ids[:length], device="cpu") if length else None
    loss = answer_loss(answer_logits(model, Collator(0, length)(rows), cache))
    assert float(loss.detach()) == pytest.approx(float(plain.detach()), rel=1e-5)
    found = _gradients(model, loss)
    assert set(found) == set(expected)
    for name, gradient in expected.items():
        scale = gradient.norm().clamp_min(1e-6)
        assert float((found[name] - gradient).norm() / scale) < 1e-4, name


def test_accumulation_weighs_tokens_not_batches(tmp_path: Path) -> None:
    # Rows of like length and answers of one and of several tokens, in batches of unlike size.
    rows = _rows() * 4
    weights = []
    for batch, accumulation in ((16, 1), (4, 4)):
        torch.manual_seed(5)
        model = lora.adapt(build_model(), lora.Settings(r=4))
        train(
            model,
            train_rows=rows,
            validation_rows=[],
            pad_token=0,
            options=Training(
                epochs=3,
                batch_size=batch,
                gradient_accumulation=accumulation,
                tracking=[],
                warmup=0,
                scheduler="constant",
            ),
            learning_rate=1e-2,
            precision="float32",
            device="cpu",
            seed=1,
            folder=tmp_path / str(batch),
        )
        weights.append({n: p.detach() for n, p in model.named_parameters() if p.requires_grad})
    for name, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][name], atol=1e-4), name


def test_parameters_are_counted_once() -> None:
    model = build_model()
    trainable, total = count_parameters(lora.adapt(model, lora.Settings(r=4)))
    # r · (in + out) for q, k, v, o, gate, up, down of each of three layers.
    a_layer = 4 * ((32 + 32) + 2 * (32 + 16) + (32 + 32) + 2 * (32 + 64) + (64 + 32))
    assert trainable == 3 * a_layer
    assert total - trainable == sum(p.numel() for p in build_model().parameters())
