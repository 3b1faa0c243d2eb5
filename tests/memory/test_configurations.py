"""Configurations by name: known ones offline, folders, and names that mean nothing."""

from pathlib import Path

import pytest

from conftest import build_model
from tunelab.errors import UsageError
from tunelab.memory.configurations import configuration
from tunelab.models.shape import shape_of

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


def test_an_unknown_name_has_its_near_matches() -> None:
    with pytest.raises(UsageError, match=r"did you mean .*llama-3\.2-1b"):
        configuration("llama-3.2-1bb")
