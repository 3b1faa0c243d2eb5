"""Parameters of every method on models of the sizes that are used, on the meta device."""

from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Phi3Config

from tunelab import registry
from tunelab.methods import lora
from tunelab.methods.counting import ParameterCount
from tunelab.models.description import ModelShape
from tunelab.models.shape import shape_of
from tunelab.training.train import count_parameters

METHODS = {name: registry.resolve("method", name, registry.METHODS) for name in registry.METHODS}


def _sizes(layers: int, hidden: int, mlp: int, heads: int, key_heads: int) -> dict[str, Any]:
    return {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "intermediate_size": mlp,
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
    }


# Name: configuration, parameters as published (None where only about 3.8 billion is said).
PUBLISHED: dict[str, tuple[Any, int | None]] = {
    "llama-3.2-1b": (
        LlamaConfig(**_sizes(16, 2048, 8192, 32, 8), vocab_size=128256, tie_word_embeddings=True),
        1_235_814_400,
    ),
    "llama-3.2-3b": (
        LlamaConfig(**_sizes(28, 3072, 8192, 24, 8), vocab_size=128256, tie_word_embeddings=True),
        3_212_749_824,
    ),
    "mistral-7b-v0.1": (
        MistralConfig(**_sizes(32, 4096, 14336, 32, 8), vocab_size=32000),
        7_241_732_096,
    ),
    "phi-4-mini": (
        Phi3Config(
            **_sizes(32, 3072, 8192, 24, 8),
            vocab_size=200064,
            tie_word_embeddings=True,
            partial_rotary_factor=0.75,
            pad_token_id=199999,
        ),
        None,
    ),
}


@pytest.fixture(scope="module", params=PUBLISHED)
def shape(request: pytest.FixtureRequest) -> tuple[str, ModelShape]:
    return request.param, shape_of(PUBLISHED[request.param][0])


def test_parameters_of_the_models(shape: tuple[str, ModelShape]) -> None:
    name, found = shape
    published = PUBLISHED[name][1]
    if published is None:
        assert found.parameters == pytest.approx(3.8e9, rel=0.02)
    else:
        assert found.parameters == published


@pytest.mark.parametrize("method", METHODS)
def test_counts_are_those_of_peft(method: str, shape: tuple[str, ModelShape]) -> None:
    module = METHODS[method]
    chosen: list[dict[str, Any]] = [{}]
    if "virtual_tokens" in module.Settings.model_fields:
        chosen = [{"virtual_tokens": 30, "init": "random"}]
    if method == "lora":
        chosen.append({"r": 8, "targets": "attention"})
    if method == "prefix_tuning":
        chosen.append({"virtual_tokens": 10, "hidden": 64, "init": "random"})
    for values in chosen:
        settings = module.Settings.model_validate(values)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(PUBLISHED[shape[0]][0])
            adapted = module.adapt(model, settings)
        assert module.count(shape[1], settings) == ParameterCount(*count_parameters(adapted))


def test_the_figure_everyone_knows(shape: tuple[str, ModelShape]) -> None:
    if shape[0] != "llama-3.2-1b":
        return
    found = lora.count(shape[1], lora.Settings(r=16, targets="all-linear"))
    assert found == ParameterCount(11_272_192, 1_247_086_592)
    assert found.share == pytest.approx(0.009039, abs=5e-7)
