"""Adapters in the top layers alone: which layers they are, and what is refused."""

from typing import Any

import pytest
from transformers import AlbertConfig, BertConfig, GPT2Config

from conftest import build_model
from tunelab import registry
from tunelab.errors import UsageError
from tunelab.guards.validation import validated
from tunelab.methods.layers import chosen_layers
from tunelab.models.description import LinearLayer
from tunelab.models.shape import linear_layers, shape_of_model
from tunelab.study.opening import open_study
from tunelab.study.sweeps.settings import deciding, find_searched

METHODS = {name: registry.resolve("method", name, registry.METHODS) for name in registry.METHODS}
LAYERED = [name for name, method in METHODS.items() if "layers" in method.Settings.model_fields]


def _settings(name: str, **chosen: Any) -> Any:
    small = {"r": 4} if "r" in METHODS[name].Settings.model_fields else {}
    return validated(METHODS[name].Settings, small | chosen, prefix="methods.0.")


def _trained(model: Any) -> set[int]:
    """The numbers of the layers that train something."""
    names = [name for name, value in model.named_parameters() if value.requires_grad]
    return {int(next(part for part in name.split(".") if part.isdecimal())) for name in names}


def test_every_method_of_layers_has_the_setting() -> None:
    assert LAYERED == ["lora", "rslora", "dora", "ia3"]


@pytest.mark.parametrize("name", LAYERED)
@pytest.mark.parametrize("family", ["llama", "phi3", "gemma3"])
def test_the_top_layers_alone_are_adapted_and_counted(name: str, family: str) -> None:
    method = METHODS[name]
    everywhere = method.count(shape_of_model(build_model(family)), _settings(name))
    for top, expected in ((1, {2}), (2, {1, 2}), (3, {0, 1, 2})):
        settings = _settings(name, layers=f"top-{top}")
        count = method.count(shape_of_model(build_model(family)), settings)
        adapted = method.adapt(build_model(family), settings)
        assert _trained(adapted) == expected
        trained = sum(value.numel() for value in adapted.parameters() if value.requires_grad)
        assert trained == count.trainable
        assert count.trainable * 3 == everywhere.trainable * top
        assert method.top_layers(settings) == top
    assert method.top_layers(_settings(name)) is None


@pytest.mark.parametrize("config", [BertConfig, GPT2Config], ids=["bert", "gpt2"])
def test_other_names_of_lists_of_layers(config: Any) -> None:
    from transformers import AutoModel

    small = config(
        vocab_size=30,
        num_hidden_layers=3,
        num_attention_heads=2,
        **({"n_embd": 16} if config is GPT2Config else {"hidden_size": 16, "intermediate_size": 9}),
    )
    model = AutoModel.from_config(small)
    model.get_output_embeddings = lambda: None
    adapted = METHODS["lora"].adapt(model, _settings("lora", r=2, layers="top-1"))
    assert _trained(adapted) == {2}


def test_layers_that_share_their_weights_have_no_top() -> None:
    from transformers import AlbertModel

    small = AlbertConfig(
        vocab_size=30, embedding_size=8, hidden_size=16, intermediate_size=9, num_attention_heads=2
    )
    linears = linear_layers(AlbertModel(small))
    with pytest.raises(UsageError, match="the top 2 of this model's layers have no"):
        chosen_layers(linears, [linear.kind for linear in linears], 12, 2)


def test_two_lists_of_layers_have_no_top() -> None:
    linears = [LinearLayer(f"{side}.layers.1.q", 4, 4, "q") for side in ("vision", "text")]
    with pytest.raises(UsageError, match=r"needs a model whose layers are one list.*text\.layers"):
        chosen_layers(linears, ["q"], 2, 1)


@pytest.mark.parametrize("word", ["top", "top-0", "top--1", "top-x", "10", "top-²", ""])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(UsageError, match=r"methods\.0\.layers = .* should be all, or top-K"):
        _settings("lora", layers=word)


def test_more_layers_than_the_model_has() -> None:
    with pytest.raises(UsageError, match="more than this model's 3 layers; use top-3 or fewer"):
        METHODS["ia3"].count(shape_of_model(build_model()), _settings("ia3", layers="top-4"))


@pytest.mark.parametrize("name", sorted(set(METHODS) - set(LAYERED)))
def test_methods_that_act_in_no_layer(name: str) -> None:
    with pytest.raises(UsageError, match=r"methods\.0 has no setting layers.*such as lora"):
        _settings(name, layers="top-2")


@pytest.mark.parametrize("name", LAYERED)
def test_records_of_all_layers_are_as_before(name: str) -> None:
    assert "layers" not in _settings(name).model_dump()
    assert _settings(name, layers="all") == _settings(name)
    assert _settings(name, layers="top-3").model_dump()["layers"] == "top-3"


def test_a_sweep_may_search_the_layers() -> None:
    def decided(value: str) -> Any:
        study = open_study("starter", [f"methods.0.layers={value}"])
        return deciding(study, find_searched(study, "lora"))

    assert decided("all") != decided("top-3")
