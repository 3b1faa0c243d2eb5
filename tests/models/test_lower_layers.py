"""Scores from kept states are the bits of the whole model, and kept only where they serve again."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import build_model
from tunelab import registry
from tunelab.inference.layer_list import find_layers, lowest_adapted
from tunelab.inference.scoring import LabelLikelihoods, score_labels
from tunelab.models import lower_layers
from tunelab.models.lower_layers import (
    KeptBatches,
    decode_states,
    encode_states,
    keeping_batches,
    kept_batches,
    lower_identity,
)
from tunelab.models.state_cache import state_file

PROMPTS = [[1, 7, 8, 9, *range(20 + number, 26 + 2 * number)] for number in range(9)]
LABELS = [[30, 31], [30, 32, 33], [40]]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TUNELAB_STATES", raising=False)


def _adapted(method: str = "lora", seed: int = 1, family: str = "llama", **chosen: Any) -> Any:
    found = registry.resolve("method", method, registry.METHODS)
    small = {"r": 4} if "r" in found.Settings.model_fields else {}
    base = build_model(family)
    torch.manual_seed(seed)
    model = found.adapt(base, found.Settings(**small, **chosen))
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_B" in name:
                value.normal_(std=0.1)
    return model.requires_grad_(False).eval()


def _kept(model: Any) -> KeptBatches | None:
    with keeping_batches():
        return kept_batches(model)


def _scored(model: Any, below: KeptBatches | None) -> LabelLikelihoods:
    return score_labels(model, PROMPTS, LABELS, batch_tokens=60, progress=False, below=below)


@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_the_same_bits_without_running_the_layers_below(family: str) -> None:
    model = _adapted(family=family, layers="top-1")
    below = _kept(model)
    assert below is not None
    assert below.border == 2
    tokens: list[int] = []
    lowest = model.get_base_model().model.layers[0].mlp
    lowest.register_forward_hook(lambda _, inputs, __: tokens.append(inputs[0].shape[1]))

    def run() -> tuple[LabelLikelihoods, int]:
        tokens.clear()
        return _scored(model, below), sum(tokens)

    whole = _scored(model, None)
    (first, before), (later, after) = run(), run()
    assert whole == first == later
    # What is run again is the prefix and the trials.
    assert after < before - sum(len(row) - 4 for row in PROMPTS) / 2
    # Another adapter above the same layers.
    other = _adapted(seed=2, family=family, layers="top-1")
    again = _kept(other)
    assert again is not None
    assert again.identity == below.identity
    assert _scored(other, again) == _scored(other, None) != whole


def test_another_batch_or_size_finds_nothing() -> None:
    model = _adapted(layers="top-1")
    below = _kept(model)
    assert below is not None
    below.keep("a batch", torch.ones(1, 6, 32))
    assert below.read("a batch", 6).shape == (1, 6, 32)
    assert below.read("a batch", 5) is None
    assert below.read("another", 6) is None


def test_a_damaged_batch_is_run() -> None:
    model = _adapted(layers="top-1")
    whole = _scored(model, None)
    assert _scored(model, _kept(model)) == whole
    with closing(sqlite3.connect(state_file())) as database, database:
        database.execute("UPDATE contents SET content = substr(content, 1, length(content) - 4)")
    assert _scored(model, _kept(model)) == whole


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_states_keep_their_type(dtype: Any) -> None:
    states = torch.arange(12).view(3, 4).to(dtype)
    content = encode_states(states)
    found = decode_states(content, 3)
    assert found.dtype == dtype
    assert torch.equal(found, states)
    # Four tokens of three numbers would fit too, and are another hidden size.
    assert decode_states(content, 4) is None
    assert decode_states(content[:-1], 3) is None
    for other in (b"", b"no states", b"load 4\n" + content, b"float32 x\n1234"):
        assert decode_states(other, 3) is None


def test_another_processor_or_version_has_other_states(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _adapted(layers="top-1")
    found = find_layers(model)
    assert found is not None
    before = lower_identity(model, found, 2, "a form")
    model_name, amx = lower_layers._cpu()
    assert isinstance(amx, bool)
    for other in ((f"{model_name} II", amx), (model_name, not amx)):
        with monkeypatch.context() as patch:
            patch.setattr(lower_layers, "_cpu", lambda other=other: other)
            assert lower_identity(model, found, 2, "a form") != before
    monkeypatch.setattr(lower_layers, "__version__", "0.0.0")
    assert lower_identity(model, found, 2, "a form") != before


def test_a_model_that_answers_otherwise_runs_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _adapted(layers="top-1")
    below = _kept(model)
    layers = model.get_base_model().model.layers
    # As a layer that sees what the layers below did would answer.
    monkeypatch.setattr(
        layers[2].mlp.act_fn, "forward", lambda x: x * (1 + float(len(vars(layers[0]))))
    )
    assert _scored(model, below) == _scored(model, None)
    assert not state_file().exists()


def test_where_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    top = _adapted(layers="top-1")
    assert kept_batches(top) is None
    assert _kept(_adapted()) is None
    assert _kept(build_model()) is None
    assert _kept(_adapted("prompt_tuning", init="random")) is None
    assert _kept(top) is not None
    monkeypatch.setenv("TUNELAB_STATES", "0")
    assert _kept(top) is None


def test_the_lowest_layer_with_an_adapter() -> None:
    for layers, lowest in (("top-1", 2), ("top-2", 1), ("all", 0)):
        model = _adapted("ia3", layers=layers)
        found = find_layers(model)
        assert found is not None
        assert lowest_adapted(model, found.layers) == lowest
