"""The device and the precision that it runs."""

import pytest
import torch

from tunelab.errors import UsageError
from tunelab.models.device import device_facts, pick_device, pick_dtype


def test_a_device_that_is_not_there() -> None:
    assert pick_device("cpu") == "cpu"
    assert pick_device() in {"cpu", "cuda", "mps"}
    with pytest.raises(UsageError, match="tpu is not on this machine"):
        pick_device("tpu")


def test_precision() -> None:
    assert pick_dtype("auto", "cpu") == pick_dtype("auto", "mps") == "float32"
    assert pick_dtype("bfloat16", "cpu") == "bfloat16"
    with pytest.raises(UsageError, match="did you mean bfloat16"):
        pick_dtype("bfloat", "cpu")


@pytest.mark.parametrize(("emulated", "expected"), [(False, "bfloat16"), (True, "float16")])
def test_bfloat16_that_is_only_emulated_is_not_chosen(
    monkeypatch: pytest.MonkeyPatch, emulated: bool, expected: str
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return including_emulation or not emulated

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert pick_dtype("auto", "cuda") == expected


def test_facts() -> None:
    facts = device_facts()
    assert 0 < facts["memory_free"] <= facts["memory"]
    assert facts["threads"] >= 1
    assert facts["precision"] in {"float32", "bfloat16", "float16"}
