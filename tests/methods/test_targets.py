"""Which layers a short name means, in families that name and store them otherwise."""

from typing import Any

import pytest
import torch

from causal_families import tiny_model
from tunelab.errors import UsageError
from tunelab.methods import dora, ia3, lora
from tunelab.methods.targets import linear_kinds, module_names, target_kinds
from tunelab.models.shape import shape_of_model


@pytest.mark.parametrize(
    ("family", "attention", "mlp"),
    [
        ("gpt2", {"c_attn", "attn.c_proj"}, {"c_fc", "mlp.c_proj"}),
        ("opt", {"q_proj", "k_proj", "v_proj", "out_proj"}, {"fc1", "fc2"}),
        ("bloom", {"query_key_value", "dense"}, {"dense_h_to_4h", "dense_4h_to_h"}),
        ("gptj", {"q_proj", "k_proj", "v_proj", "out_proj"}, {"fc_in", "fc_out"}),
        ("gpt_neo", {"q_proj", "k_proj", "v_proj", "out_proj"}, {"c_fc", "c_proj"}),
        ("mpt", {"Wqkv", "out_proj"}, {"up_proj", "down_proj"}),
    ],
)
def test_groups_of_a_family(family: str, attention: set[str], mlp: set[str]) -> None:
    present = linear_kinds(tiny_model(family))
    assert set(target_kinds(present, "attention")) == attention
    assert set(target_kinds(present, "mlp")) == mlp
    assert set(target_kinds(present, "kv")) <= attention
    assert len(target_kinds(present, "down")) == 1
    assert set(target_kinds(present, "all-linear")) == attention | mlp


def test_a_name_means_all_layers_that_end_so() -> None:
    present = linear_kinds(tiny_model("gpt2"))
    assert target_kinds(present, ["c_proj"]) == ["attn.c_proj", "mlp.c_proj"]
    assert target_kinds(present, ["mlp.c_proj", "c_proj"]) == ["mlp.c_proj", "attn.c_proj"]


def test_a_model_without_linear_layers() -> None:
    with pytest.raises(UsageError, match=r"has no linear layers .* use the method full"):
        target_kinds([], "all-linear")


@pytest.mark.parametrize("method", [lora, dora, ia3])
def test_layers_that_store_their_inputs_first(method: Any) -> None:
    """GPT-2's Conv1D: an adapted model begins as the model, and merged it stays the adapted one."""
    ids = torch.arange(3, 20)[None]
    plain = tiny_model("gpt2")(ids).logits
    small = {"r": 4} if "r" in method.Settings.model_fields else {}
    model = method.adapt(tiny_model("gpt2"), method.Settings(**small)).eval()
    assert torch.allclose(model(ids).logits, plain, atol=1e-4)
    count = method.count(shape_of_model(tiny_model("gpt2")), method.Settings(**small))
    assert sum(one.numel() for one in model.parameters() if one.requires_grad) == count.trainable
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05)
    adapted = model(ids).logits
    assert not torch.allclose(adapted, plain, atol=2e-3)
    assert torch.allclose(method.merge(model)(ids).logits, adapted, atol=1e-4)


def test_a_layer_of_another_part_is_left_alone() -> None:
    """Where a kind's name ends the name of another module, full names are given to PEFT."""
    model = tiny_model("ctrl")
    kinds = linear_kinds(model)
    assert {"ffn.0", "ffn.2"} <= set(kinds)
    names = module_names(model, kinds)
    lora.adapt(model, lora.Settings(r=4))
    assert names


def test_experts_in_one_parameter_are_not_adapted() -> None:
    """PEFT would take the gate of a shared expert for all experts'."""
    kinds = linear_kinds(tiny_model("qwen2_moe"))
    assert set(kinds) >= {"q_proj", "k_proj", "v_proj", "o_proj"}
    assert not {"gate_proj", "up_proj", "down_proj"} & {kind.rpartition(".")[2] for kind in kinds}
