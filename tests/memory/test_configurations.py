"""Configurations by name: known ones offline, folders, and names that mean nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig

from conftest import build_model
from tunelab.errors import UsageError
from tunelab.memory.configurations import configuration, shape_by_name
from tunelab.models.decoders import decoder_shape
from tunelab.models.known import KNOWN
from tunelab.models.shape import shape_of

SIZES = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
PARAMETERS = {
    "smollm2-135m-instruct": 134_515_008,
    "gemma-3-270m": 268_098_176,
    "llama-3.2-1b": 1_235_814_400,
    "meta-llama/Llama-3.2-1B-Instruct": 1_235_814_400,
    "llama-3.2-3b": 3_212_749_824,
    "mistral-7b-v0.1": 7_241_732_096,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_known_models_have_their_published_parameters(name: str) -> None:
    assert shape_of(configuration(name)).parameters == PARAMETERS[name]


def test_phi_4_mini_has_about_its_parameters() -> None:
    assert shape_of(configuration("phi-4-mini")).parameters == pytest.approx(3.8e9, rel=0.02)


def test_a_folder_needs_its_configuration_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no config\.json"):
        configuration(str(tmp_path))
    model = build_model("qwen3")
    model.config.save_pretrained(tmp_path)
    found = shape_of(configuration(str(tmp_path)))
    assert found.parameters == sum(one.numel() for one in model.parameters())


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_model_is_described_as_transformers_builds_it(name: str) -> None:
    assert shape_by_name(name) == shape_of(configuration(name))


@pytest.mark.parametrize(
    ("family", "more"),
    [
        ("llama", {}),
        ("llama", {"tie_word_embeddings": True, "head_dim": 24}),
        ("llama", {"num_hidden_layers": 1}),
        ("llama", {"attention_bias": True, "mlp_bias": True}),
        ("mistral", {"sliding_window": 32}),
        ("mistral", {"sliding_window": None}),
        ("qwen2", {"use_sliding_window": True, "sliding_window": 16}),
        ("qwen2", {"sliding_window": 16}),
        ("qwen3", {"head_dim": 16}),
        ("qwen3", {"head_dim": 64, "num_attention_heads": 1, "num_key_value_heads": 1}),
        ("gemma3_text", {"head_dim": 32, "sliding_window": 16}),
        ("phi3", {"pad_token_id": 0}),
        ("phi3", {"pad_token_id": 0, "tie_word_embeddings": True}),
        ("gpt2", {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("omit", [False, True], ids=["whole", "as saved"])
def test_a_folder_is_described_as_transformers_builds_it(
    family: str, more: dict[str, Any], omit: bool, tmp_path: Path
) -> None:
    values = {**SIZES, **more}
    config = AutoConfig.for_model(family, **values)
    config.save_pretrained(tmp_path)
    if not omit:
        # As published: sizes of the model, and none that transformers adds.
        published = json.dumps({"model_type": family, **values})
        (tmp_path / "config.json").write_text(published, encoding="utf-8")
    assert shape_by_name(str(tmp_path)) == shape_of(configuration(str(tmp_path)))


@pytest.mark.parametrize(
    "change",
    [
        {"num_hidden_layers": "2"},
        {"num_hidden_layers": 0},
        {"hidden_size": True},
        {"num_attention_heads": 3},
        {"pad_token_id": 300},
        {"layer_types": ["linear_attention"]},
        {"head_dim": -1},
        {"quantization_config": {"bits": 4}},
        {"vocab_size": None},
    ],
    ids=str,
)
def test_values_that_are_not_plain_are_left_to_transformers(change: dict[str, Any]) -> None:
    plain = {"model_type": "llama", **SIZES}
    assert decoder_shape(plain) is not None
    assert decoder_shape({**plain, **change}) is None


def test_an_unknown_name_has_its_near_matches() -> None:
    with pytest.raises(UsageError, match=r"did you mean .*llama-3\.2-1b"):
        configuration("llama-3.2-1bb")
