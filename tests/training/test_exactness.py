"""Packed rows, a shared prefix and fused layers change no number: losses and gradients."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import LABELS, build_model, build_tokenizer
from tunelab import registry
from tunelab.config import Training
from tunelab.errors import UsageError
from tunelab.inference.packed_attention import packed_attention
from tunelab.methods import dora, lora, prefix_tuning, prompt_tuning
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import EncodedExample, Encoder
from tunelab.prompts.shared_prefix import common_prefix
from tunelab.training.batching import PackedCollator, PaddedCollator
from tunelab.training.fused.layers import fused_layers
from tunelab.training.loss import answer_logits, answer_loss
from tunelab.training.train import count_parameters, train

FAMILIES = ["llama", "mistral", "phi3", "gemma3"]
METHODS = {name: registry.resolve("method", name, registry.METHODS) for name in registry.METHODS}
# Float32 rounds each number by 6e-8; sums in another order differ by some dozen times that.
TOLERANCE = 1e-5
MIXED = ["a", "the rain came down all day and we sat at the window", "nothing said", "we " * 30]
EQUAL = ["rain", "said", "down", "came"]
ALIKE = ["the rain came", "the rain came down", "the window", "the rain came", "we said nothing"]


def _rows(texts: list[str] = MIXED, copies: int = 1) -> list[EncodedExample]:
    tokenizer = build_tokenizer()
    format = make_format(
        tokenizer, system="One of {labels}.", labels=LABELS, style="chat", max_length=150
    )
    encoder = Encoder(tokenizer, format)
    return [
        encoder.example(text, LABELS[position % len(LABELS)])
        for position, text in enumerate(texts * copies)
    ]


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


def _packed_loss(model: Any, rows: list[EncodedExample], prefix: int) -> Any:
    return answer_loss(answer_logits(model, PackedCollator(prefix)(rows)))


def _gradients(model: Any, loss: Any) -> dict[str, Any]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def _differences(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, float]:
    assert set(found) == set(expected)
    return {
        name: float((found[name] - gradient).norm() / gradient.norm().clamp_min(1e-6))
        for name, gradient in expected.items()
    }


def _prefix(rows: list[EncodedExample]) -> int:
    return common_prefix([row.ids for row in rows], [row.prompt_length for row in rows])


def _adapted(family: str, method: Any, **settings: Any) -> Any:
    torch.manual_seed(3)
    if "r" in method.Settings.model_fields:
        settings = {"r": 4} | settings
    if "virtual_tokens" in method.Settings.model_fields:
        settings = {"virtual_tokens": 7} | settings
    model = method.adapt(build_model(family, 600), method.Settings(**settings), [5, 6, 7, 8])
    _begin_elsewhere(model)
    return model.train()


def _begin_elsewhere(model: Any) -> None:
    """Away from where adapters begin: B at zero, where A has no gradient, and vectors at one."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
            elif "ia3_l" in name or "magnitude" in name:
                parameter.mul_(1 + 0.2 * torch.randn_like(parameter))


def _assert_same(
    model: Any, rows: list[EncodedExample], prefix: int, *, fused: bool, merge: bool = False
) -> None:
    expected = _gradients(model, plain := _plain_loss(model, rows))
    with ExitStack() as stack:
        stack.enter_context(packed_attention(model))
        if fused:
            stack.enter_context(fused_layers(model, merge))
        loss = _packed_loss(model, rows, prefix)
        found = _gradients(model, loss)
    assert float(loss.detach()) == pytest.approx(float(plain.detach()), rel=TOLERANCE)
    worst = max(_differences(found, expected).items(), key=lambda item: item[1])
    assert worst[1] < TOLERANCE, worst


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("texts", [MIXED, EQUAL, ALIKE], ids=["mixed", "equal", "alike"])
@pytest.mark.parametrize(
    ("shared", "fused"),
    [(True, True), (True, False), (False, True)],
    ids=["prefix-fused", "prefix-as-is", "none-fused"],
)
def test_loss_and_gradients(
    family: str, method: str, texts: list[str], shared: bool, fused: bool
) -> None:
    rows = _rows(texts)
    prefix = _prefix(rows) if shared else 0
    assert (prefix > 5) == shared
    _assert_same(_adapted(family, METHODS[method]), rows, prefix, fused=fused)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prefix_made_by_a_network(family: str) -> None:
    rows = _rows()
    _assert_same(
        _adapted(family, prefix_tuning, hidden=12, init="random"), rows, _prefix(rows), fused=True
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", [lora, dora])
def test_merged_adapters(family: str, method: Any) -> None:
    rows = _rows()
    _assert_same(_adapted(family, method), rows, _prefix(rows), fused=True, merge=True)


@pytest.fixture(params=["short", "long"])
def attention(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either form of attention, whatever the size of the heads."""
    monkeypatch.setattr(
        "tunelab.inference.packed_attention.is_short", lambda *_: request.param == "short"
    )


@pytest.mark.usefixtures("attention")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", METHODS)
def test_gradient_checkpointing(family: str, method: str) -> None:
    rows = _rows()
    model = _adapted(family, METHODS[method])
    if method == "prefix_tuning":
        _with_checkpointing(model, rows)
        return
    model.enable_input_require_grads()
    model.activation_checkpointing_enable({"use_reentrant": False})
    _assert_same(model, rows, _prefix(rows), fused=True)


def _with_checkpointing(model: Any, rows: list[EncodedExample]) -> None:
    """The plain way cannot train a prefix with checkpointing, so it is compared without."""
    expected = _gradients(model, plain := _plain_loss(model, rows))
    model.enable_input_require_grads()
    model.activation_checkpointing_enable({"use_reentrant": False})
    with pytest.raises(UsageError, match="gradient checkpointing"):
        _plain_loss(model, rows)
    with packed_attention(model), fused_layers(model):
        found = _gradients(model, loss := _packed_loss(model, rows, _prefix(rows)))
    assert float(loss.detach()) == pytest.approx(float(plain.detach()), rel=TOLERANCE)
    assert max(_differences(found, expected).values()) < TOLERANCE


@pytest.mark.parametrize("family", ["mistral", "gemma3"])
@pytest.mark.parametrize("method", [lora, prompt_tuning, prefix_tuning])
def test_a_window_shorter_than_the_rows(family: str, method: Any) -> None:
    rows = _rows()
    model = _adapted(family, method)
    model.config.sliding_window = 12
    for module in model.modules():
        if getattr(module, "is_sliding", False) or family == "mistral":
            module.sliding_window = 12
    assert max(len(row.ids) for row in rows) > 3 * 12
    _assert_same(model, rows, _prefix(rows), fused=True)


@pytest.mark.parametrize("method", METHODS)
def test_padded_rows(method: str) -> None:
    rows = _rows()
    model = _adapted("llama", METHODS[method])
    expected = _gradients(model, plain := _plain_loss(model, rows))
    loss = answer_loss(answer_logits(model, PaddedCollator(0)(rows)))
    assert float(loss.detach()) == pytest.approx(float(plain.detach()), rel=TOLERANCE)
    assert max(_differences(_gradients(model, loss), expected).values()) < TOLERANCE


@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("method", [lora, dora])
def test_fused_layers_leave_no_trace(method: Any, dropout: float) -> None:
    torch.manual_seed(0)
    model = method.adapt(build_model(), method.Settings(r=4, dropout=dropout))
    before = [module.forward for module in model.modules()]
    with fused_layers(model) as counts:
        # Dropout is drawn anew for each pass, so its layers stay as they are.
        assert counts == {
            "adapters": 0 if dropout else 21,
            "norms": 7,
            "gated_mlps": 3,
            "rotary": 1,
        }
    assert [module.forward for module in model.modules()] == before
    assert all("forward" not in vars(module) for module in model.modules())


@pytest.mark.parametrize("kind", ["fused", "foreach"])
@pytest.mark.parametrize("method", [lora, dora])
def test_merged_weights_follow_the_optimizer(method: Any, kind: str) -> None:
    rows = _rows()
    losses = []
    for merge in (True, False):
        model = _adapted("llama", method)
        trained = [p for p in model.parameters() if p.requires_grad]
        options: dict[str, Any] = {kind: True}
        optimizer = torch.optim.AdamW(trained, lr=1e-2, **options)
        with packed_attention(model), fused_layers(model, merge):
            for _ in range(4):
                loss = _packed_loss(model, rows, _prefix(rows))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(float(loss.detach()))
    assert losses[:4] == pytest.approx(losses[4:], rel=1e-4)
    assert losses[3] < 0.9 * losses[0]


def _train(folder: Path, model: Any, rows: list[EncodedExample], **options: Any) -> Any:
    defaults: dict[str, Any] = {"tracking": [], "warmup": 0, "scheduler": "constant", "epochs": 3}
    return train(
        model,
        train_rows=rows,
        validation_rows=[],
        pad_token=0,
        options=Training(**(defaults | options)),
        learning_rate=1e-2,
        precision="float32",
        device="cpu",
        seed=1,
        folder=folder,
    )


def test_accumulation_weighs_tokens_not_batches(tmp_path: Path) -> None:
    # Rows of like length and answers of one and of several tokens, in batches of unlike size.
    rows = _rows(copies=4)
    weights = []
    for batch, accumulation in ((16, 1), (4, 4)):
        torch.manual_seed(5)
        model = lora.adapt(build_model(), lora.Settings(r=4))
        options = {"batch_size": batch, "gradient_accumulation": accumulation}
        _train(tmp_path / str(batch), model, rows, **options)
        weights.append({n: p.detach() for n, p in model.named_parameters() if p.requires_grad})
    for name, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][name], atol=1e-4), name


@pytest.mark.parametrize("accumulation", [1, 3])
def test_a_real_training_has_the_losses_of_the_plain_way(tmp_path: Path, accumulation: int) -> None:
    # 22 rows in batches of 4: the last batch of an epoch is left over.
    rows = _rows(copies=6)[:22]
    losses = []
    for name, options in (
        ("plain", {"packing": False, "fused": False}),
        ("fast", {"packing": True, "fused": True}),
    ):
        outcome = _train(
            tmp_path / name,
            _adapted("llama", lora),
            rows,
            batch_size=4,
            gradient_accumulation=accumulation,
            **options,
        )
        assert outcome.packed == (name == "fast")
        assert (outcome.prefix > 5) == (name == "fast")
        losses.append([entry["loss"] for entry in outcome.history])
    assert len(losses[0]) == 3 * (6 if accumulation == 1 else 2)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_parameters_are_counted_once() -> None:
    model = build_model()
    trainable, total = count_parameters(lora.adapt(model, lora.Settings(r=4)))
    # r · (in + out) for q, k, v, o, gate, up, down of each of three layers.
    a_layer = 4 * ((32 + 32) + 2 * (32 + 16) + (32 + 32) + 2 * (32 + 64) + (64 + 32))
    assert trainable == 3 * a_layer
    assert total - trainable == sum(p.numel() for p in build_model().parameters())
