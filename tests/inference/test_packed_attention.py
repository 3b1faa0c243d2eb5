"""Packed sequences: attention in both forms, and which models can take them."""

import math
from typing import Any

import pytest
import torch

from conftest import build_model
from tunelab.inference.packed_attention import _with_kernels, packed_attention, packing_works
from tunelab.inference.packing import Layout, pack_rows
from tunelab.inference.short_attention import ShortAttention, is_short

LAYOUTS = {
    "mixed": Layout(3, ((3, 4, 5), (6, 7, 8, 9, 10, 11, 12), (13,), (14, 15))),
    "equal": Layout(3, ((3, 4), (5, 6), (7, 8))),
    "no-prefix": Layout(0, ((0, 1, 2), (3,), (4, 5, 6, 7))),
    "one-row": Layout(2, ((2, 3, 4),)),
    "tree": Layout(2, ((2, 3, 4, 5), (2, 3, 6), (7, 8), (2, 3, 4, 9, 10), (7, 8))),
}


def _textbook(query: Any, key: Any, value: Any, layout: Layout, window: int | None) -> Any:
    """Every row alone, with its prefix, by loops and a softmax: (1, T, heads, size)."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    out = [None] * query.shape[2]
    for row in layout.rows:
        indices = [*range(layout.prefix), *row]
        for position, index in enumerate(indices):
            first = 0 if window is None else max(0, position - window + 1)
            seen = indices[first : position + 1]
            scores = torch.einsum("hd,hkd->hk", query[0, :, index], key[0][:, seen])
            attention_probabilities = (scores / math.sqrt(query.shape[-1])).softmax(-1)
            out[index] = torch.einsum("hk,hkd->hd", attention_probabilities, value[0][:, seen])
    return torch.stack(out)[None]  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("window", [None, 3], ids=["all", "window"])
@pytest.mark.parametrize("heads", [(4, 4), (6, 2), (3, 1)], ids=str)
@pytest.mark.parametrize("form", ["short", "kernels"])
def test_attention_and_its_gradients(
    layout: Layout, window: int | None, heads: tuple[int, int], form: str
) -> None:
    torch.manual_seed(0)
    tokens = 1 + max(index for row in layout.rows for index in row)
    # As models lay them out: heads behind tokens in memory.
    query, key, value = (
        torch.randn(1, tokens, count, 16).transpose(1, 2).requires_grad_()
        for count in (heads[0], heads[1], heads[1])
    )
    weight = torch.randn(1, tokens, heads[0], 16)

    def outcome(out: Any) -> list[Any]:
        gradients = torch.autograd.grad((out * weight).sum(), (query, key, value))
        return [out.detach(), *gradients]

    if form == "short":
        found = ShortAttention.apply(query, key, value, layout, window, 0.25)
    else:
        found = _with_kernels(query, key, value, layout, window, 0.25, 0.0)
    expected = outcome(_textbook(query, key, value, layout, window))
    for one, other in zip(outcome(found), expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def test_the_short_form_is_for_short_rows_in_float32() -> None:
    query = torch.zeros(1, 2, 8, 64)
    assert is_short(query, 128)
    assert not is_short(query, 129)
    assert not is_short(query.bfloat16(), 8)


def test_layout() -> None:
    ids, positions, layout = pack_rows([[1, 2, 3, 4], [1, 2, 5], [1, 2, 3, 7, 8]], prefix=2)
    # The third row begins as the first does.
    assert ids.tolist() == [[1, 2, 3, 4, 5, 7, 8]]
    assert positions.tolist() == [[0, 1, 2, 3, 2, 3, 4]]
    assert layout == Layout(2, ((2, 3), (4,), (2, 5, 6)))
    assert layout.positions.tolist() == [2, 3, 0, 4, 0, 0, 2, 5, 6]
    assert layout.reached.tolist() == [0, 1, 2, 3, 0, 0, 1, 4, 0, 0, 0, 1, 2, 5, 6]
    assert layout.cells.tolist() == [0, 1, 3, 7, 8]
    assert layout.reached_cells.tolist() == [2, 3, 7, 13, 14]
    assert layout.idle.tolist() == [2, 4, 5, 6]
    assert [part.tolist() for part in layout.repeats] == [[6], [0]]
    assert [part.tolist() for part in layout.reached_repeats] == [[12], [0]]
    assert layout.mask(None)[1].tolist() == [0, 0, 0, 0, -math.inf]
    assert layout.mask(2)[1].tolist() == [-math.inf, -math.inf, 0, 0, -math.inf]


def test_equal_rows_are_run_once() -> None:
    ids, _, layout = pack_rows([[1, 2, 3], [1, 2, 3], [1, 2, 3]], prefix=0)
    assert ids.tolist() == [[1, 2, 3]]
    assert layout.rows == ((0, 1, 2),) * 3


ROWS = [[3, 4, 5, 6, 7], [3, 4, 9, 10, 11, 12, 13, 14], [3, 4, 20, 21]]


@pytest.mark.parametrize("family", ["llama", "mistral", "phi3", "gemma3"])
def test_packing_works(family: str) -> None:
    model = build_model(family)
    assert packing_works(model, ROWS)
    assert not model.training
    assert packing_works(model.bfloat16(), ROWS)


def _other(name: str) -> Any:
    from transformers import AutoModelForCausalLM, BloomConfig, GPT2Config, MambaConfig

    shape = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "bos_token_id": 1}
    config = {
        "gpt2": lambda: GPT2Config(
            vocab_size=64, n_embd=32, n_layer=2, n_head=2, n_positions=64, bos_token_id=1,
            eos_token_id=2,
        ),
        "bloom": lambda: BloomConfig(vocab_size=64, hidden_size=32, n_layer=2, n_head=2),
        "mamba": lambda: MambaConfig(**shape),
    }[name]()  # fmt: skip
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()


@pytest.mark.parametrize(("name", "works"), [("gpt2", True), ("bloom", False), ("mamba", False)])
def test_whether_another_family_can_be_packed_is_tried(name: str, works: bool) -> None:
    model = _other(name)
    before = model.config._attn_implementation
    assert packing_works(model, ROWS) == works
    assert model.config._attn_implementation == before


def test_a_model_in_the_context_refuses_other_calls() -> None:
    model = build_model()
    with (
        packed_attention(model),
        pytest.raises(RuntimeError, match="packed sequences alone"),
    ):
        model(input_ids=torch.tensor([[3, 4, 5]]))
    assert model(input_ids=torch.tensor([[3, 4, 5]])).logits.shape == (1, 3, 600)
