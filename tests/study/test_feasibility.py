"""Settings that a model cannot have are told before its weights are read."""

from pathlib import Path
from typing import Any

import pytest

from conftest import Workspace, write_model
from tunelab.errors import UsageError
from tunelab.models.shape import read_shape, shape_of
from tunelab.study.feasibility import check_feasible
from tunelab.study.opening import open_study
from tunelab.study.run import run_study, train_study

# The settings of a method, and what the message has to say.
IMPOSSIBLE = [
    ("{name: lora, r: 40}", "r=40 is above the rank of k_proj, a matrix of 16 × 32", "r=16"),
    ("{name: dora, r: 33, targets: [o_proj]}", "o_proj, a matrix of 32 × 32", "r=32"),
    ("{name: rslora}", "r=64 is above", "r=16"),
    ("{name: lora, r: 4, targets: [q_prj]}", "unknown target module 'q_prj'", "q_proj"),
    ("{name: ia3, feedforward: [downproj]}", "unknown target module 'downproj'", "down_proj"),
    ("{name: prompt_tuning, virtual_tokens: 600}", "fill what this model sees, 512", "256"),
    ("{name: p_tuning, virtual_tokens: 420}", "context of 512 tokens", "virtual_tokens=416"),
]


@pytest.mark.parametrize(("entry", "reason", "remedy"), IMPOSSIBLE)
def test_the_reason_and_what_works(
    workspace: Workspace, entry: str, reason: str, remedy: str
) -> None:
    study = open_study(str(workspace.study), [f"methods=[{{name: full}}, {entry}]"])
    with pytest.raises(UsageError) as caught:
        check_feasible(study)
    message = str(caught.value)
    assert message.startswith("methods.1 (")
    assert reason in message
    assert remedy in message


def test_a_network_and_real_tokens(workspace: Workspace) -> None:
    words = ["methods=[{name: prefix_tuning, hidden: 8}]"]
    with pytest.raises(UsageError, match=r"methods\.0\.hidden = 8 is wrong: .* set init: random"):
        open_study(str(workspace.study), words)


@pytest.mark.parametrize("begin", [run_study, train_study])
def test_before_any_weights_are_read(
    workspace: Workspace, tmp_path: Path, begin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("weights were read")

    monkeypatch.setattr("tunelab.classifiers.asked.load", never)
    monkeypatch.setattr("tunelab.models.loading.load", never)
    study = open_study(str(workspace.study), ["methods.0.r=17"])
    with pytest.raises(UsageError, match="r=17 is above the rank of k_proj"):
        begin(study, tmp_path)


def test_a_cache_that_carries_no_prefix() -> None:
    from transformers import MambaConfig, Qwen3NextConfig

    from tunelab.methods import prefix_tuning

    for config in (
        MambaConfig(hidden_size=32, num_hidden_layers=2, vocab_size=100),
        Qwen3NextConfig(
            hidden_size=32, num_hidden_layers=4, vocab_size=100, num_experts=2,
            num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        ),
    ):  # fmt: skip
        shape = shape_of(config)
        assert shape.cache is None
        with pytest.raises(UsageError, match="keeps something else in some layer; use prompt_t"):
            prefix_tuning.count(shape, prefix_tuning.Settings())


def test_counts_of_a_study(workspace: Workspace, tmp_path: Path) -> None:
    study = open_study(str(workspace.study), ["models.base=nobody/nothing", "methods.0.r=2"])
    counts = check_feasible(study)
    shape = read_shape(write_model(tmp_path / "model"))
    assert counts[0].trainable == 2 * sum(one.inputs + one.outputs for one in shape.linears)
    assert counts[0].total == counts[0].trainable + shape.parameters
