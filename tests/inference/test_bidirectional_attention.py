"""Packed texts of encoders: logits and gradients are those of padded and of single texts."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from tiny_encoder import FAMILIES, write_encoder
from tunelab import registry
from tunelab.inference.bidirectional_attention import texts_pack
from tunelab.inference.encoder_with_head import EncoderWithHead
from tunelab.inference.text_packing import Spans, first_position, pack_texts, pad_texts
from tunelab.inference.virtual_tokens import virtual_keys
from tunelab.models.encoders import load_encoder
from tunelab.training.fused.layers import fused_layers

PACKING = ["bert", "distilbert", "roberta", "xlm-roberta", "modernbert"]
METHODS = {name: registry.resolve("method", name, registry.METHODS) for name in registry.METHODS}
# Float32 rounds each number by 6e-8; sums in another order differ by some dozen times that.
TOLERANCE = 2e-5
ROWS = [[2, 9, 3], [2, *range(5, 40), 3], [2, 7, 7, 8, 3], [2, 30, 31, 32, 33, 34, 3]]
TARGETS = torch.tensor([0, 1, 2, 1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoders")


def _encoder(folder: Path, family: str) -> Any:
    path = folder / family
    if not path.exists():
        write_encoder(path, family)
    model = load_encoder(str(path)).model
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


def _adapted(folder: Path, family: str, method: str) -> EncoderWithHead:
    """In evaluation, where nothing is dropped; away from where adapters begin."""
    torch.manual_seed(3)
    way = METHODS[method]
    settings: dict[str, Any] = {}
    if "virtual_tokens" in way.Settings.model_fields:
        settings["virtual_tokens"] = 3
    model = way.adapt(_encoder(folder, family), way.Settings(**settings), [5, 6, 7, 8])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
            elif "ia3_l" in name or "magnitude" in name:
                parameter.mul_(1 + 0.2 * torch.randn_like(parameter))
    return EncoderWithHead(model, 3, dropout=0.0).eval()


def _loss(logits: Any) -> Any:
    return torch.nn.functional.cross_entropy(logits, TARGETS)


def _gradients(model: Any, loss: Any) -> dict[str, Any]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def _assert_same(model: Any, found: Any, expected: Any) -> None:
    assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4)
    wanted = _gradients(model, _loss(expected))
    own = _gradients(model, _loss(found))
    assert set(own) == set(wanted)
    assert "head.weight" in own
    for name, gradient in wanted.items():
        apart = float((own[name] - gradient).norm() / gradient.norm().clamp_min(1e-4))
        assert apart < TOLERANCE, (name, apart)


def _packed(model: EncoderWithHead, rows: Any = ROWS, mode: str = "mean") -> Any:
    batch = pack_texts(
        rows, mode=mode, first_position=first_position(model.base), virtual=model.virtual
    )
    return model(**batch.arguments())


def _padded(model: EncoderWithHead, mode: str = "mean") -> Any:
    return model(**pad_texts(ROWS, mode=mode, pad_token=0, virtual=model.virtual).arguments())


def _plain(model: EncoderWithHead, mode: str) -> Any:
    """Padded rows by transformers alone, pooled by hand."""
    ids, mask = torch.zeros(4, 37, dtype=torch.long), torch.zeros(4, 37, dtype=torch.long)
    for number, row in enumerate(ROWS):
        ids[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = 1
    hidden = model.base(input_ids=ids, attention_mask=mask).last_hidden_state
    vectors = hidden[:, 0]
    if mode == "mean":
        vectors = torch.stack(
            [own[: len(row)].mean(0) for own, row in zip(hidden, ROWS, strict=True)]
        )
    return model.head(vectors)


@pytest.mark.parametrize("mode", ["mean", "cls"])
@pytest.mark.parametrize("family", PACKING)
def test_packed_is_plain(folder: Path, family: str, mode: str) -> None:
    model = _adapted(folder, family, "full")
    assert model.packs(ROWS)
    _assert_same(model, _packed(model, mode=mode), _plain(model, mode))
    _assert_same(model, _padded(model, mode), _plain(model, mode))


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - set(PACKING)))
def test_what_cannot_be_packed_is_padded(folder: Path, family: str) -> None:
    model = _adapted(folder, family, "full")
    assert not model.packs(ROWS)
    _assert_same(model, _padded(model), _plain(model, "mean"))


@pytest.mark.parametrize("kind", ["short", "long"])
@pytest.mark.parametrize("family", ["bert", "modernbert"])
def test_either_form_of_attention(
    folder: Path, family: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The tiny ModernBERT sees four tokens to either side in every second layer.
    monkeypatch.setattr(
        "tunelab.inference.bidirectional_attention.is_short", lambda *_: kind == "short"
    )
    model = _adapted(folder, family, "full")
    _assert_same(model, _packed(model), _plain(model, "mean"))


def test_a_window_is_seen_by_the_trial(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _encoder(folder, "modernbert")
    assert texts_pack(model, ROWS)
    mask = Spans.mask
    monkeypatch.setattr(Spans, "mask", lambda self, before, window: mask(self, before, None))
    assert not texts_pack(model, ROWS)


@pytest.mark.parametrize(
    ("method", "fused"),
    [(name, False) for name in METHODS if name != "prefix_tuning"]
    + [("lora", True), ("dora", True)],
)
@pytest.mark.parametrize("family", ["bert", "modernbert"])
def test_every_method_packed(folder: Path, family: str, method: str, fused: bool) -> None:
    model = _adapted(folder, family, method)
    expected = _padded(model)
    if not model.virtual:
        plain = _plain(model, "mean")
        assert torch.allclose(expected, plain, atol=1e-4)
        expected = plain
    wanted = _gradients(model, _loss(expected))
    with fused_layers(model) if fused else nullcontext():
        found = _packed(model)
        own = _gradients(model, _loss(found))
    assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4)
    assert set(own) == set(wanted)
    for name, gradient in wanted.items():
        apart = float((own[name] - gradient).norm() / gradient.norm().clamp_min(1e-4))
        assert apart < TOLERANCE, (name, apart)


@pytest.mark.parametrize("method", ["prompt_tuning", "p_tuning"])
def test_virtual_tokens_stand_before_every_text(folder: Path, method: str) -> None:
    model = _adapted(folder, "bert", method)
    single = torch.cat([_packed(model, [row]) for row in ROWS])
    _assert_same(model, _packed(model), single)
    prompt = model.encoder.get_prompt(1)
    embeddings = model.get_input_embeddings()
    vectors = []
    for row in ROWS:
        own = torch.cat([prompt, embeddings(torch.tensor([row]))], 1)
        hidden = model.base(inputs_embeds=own).last_hidden_state[0]
        vectors.append(hidden[3:].mean(0))
    _assert_same(model, _packed(model), model.head(torch.stack(vectors)))


@pytest.mark.parametrize("settings", [{}, {"hidden": 12, "init": "random"}])
@pytest.mark.parametrize("family", PACKING)
def test_a_prefix_stands_in_every_layer(folder: Path, family: str, settings: Any) -> None:
    torch.manual_seed(1)
    way = METHODS["prefix_tuning"]
    settings = way.Settings(**{"virtual_tokens": 3} | settings)
    model = EncoderWithHead(way.adapt(_encoder(folder, family), settings, [5, 6, 7]), 3, 0.0).eval()
    pairs = virtual_keys(model.encoder)
    numbers: list[int] = []

    def naive(module: Any, query: Any, key: Any, value: Any, mask: Any, **more: Any) -> Any:
        ahead = pairs[len(numbers) % len(pairs)]
        numbers.append(1)
        key, value = (torch.cat(both, 2) for both in zip(ahead, (key, value), strict=True))
        scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
        window = more.get("sliding_window")
        if window is not None:
            columns = torch.arange(query.shape[2])
            far = (columns[:, None] - columns).abs() >= window
            scores[..., 3:] = scores[..., 3:].masked_fill(far, float("-inf"))
        return (scores.softmax(-1) @ value).transpose(1, 2), None

    ALL_ATTENTION_FUNCTIONS.register("naive_prefix", naive)
    before = model.config._attn_implementation
    model.config._attn_implementation = "naive_prefix"
    vectors = [model.base(torch.tensor([row])).last_hidden_state[0].mean(0) for row in ROWS]
    model.config._attn_implementation = before
    _assert_same(model, _packed(model), model.head(torch.stack(vectors)))


def test_attention_in_16_bits(folder: Path) -> None:
    model = _adapted(folder, "bert", "full").to(torch.bfloat16)
    with torch.no_grad():
        apart = (_packed(model) - _plain(model, "mean").float()).abs().max()
    assert apart < 0.1


def test_spans() -> None:
    spans = Spans((2, 3))
    assert spans.positions.tolist() == [0, 1, 0, 2, 3, 4]
    assert spans.cells.tolist() == [0, 1, 3, 4, 5]
    seen = spans.mask(1, None) == 0
    assert seen.tolist() == [[[True, True, True, False]], [[True, True, True, True]]]
    near = spans.mask(0, 2)[1] == 0
    assert near.tolist() == [[True, True, False], [True, True, True], [False, True, True]]
