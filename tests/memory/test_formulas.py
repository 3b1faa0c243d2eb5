"""The closed formulas: parameters, bytes of parts, and what changes them."""

from dataclasses import replace
from typing import Any

import pytest

from tunelab import registry
from tunelab.errors import UsageError
from tunelab.memory.formulas import Estimate, by_part, estimate
from tunelab.memory.settings import StepSettings, check
from tunelab.models.description import ModelShape
from tunelab.models.known import known_shape

STEP = StepSettings(batch=8, length=128)


@pytest.fixture(scope="module")
def llama() -> ModelShape:
    return known_shape("llama-3.2-1b")


def _estimate(at: ModelShape, method: str, step: StepSettings, **settings: Any) -> Estimate:
    module = registry.resolve("method", method, registry.METHODS)
    return estimate(at, module, module.Settings.model_validate(settings), step)


def test_lora_of_llama(llama: ModelShape) -> None:
    found = _estimate(llama, "lora", STEP, r=16, targets="all-linear")
    parts = by_part(found)
    assert (found.count.trainable, found.count.total) == (11_272_192, 1_247_086_592)
    assert parts["weights"] == 4 * 1_247_086_592
    assert parts["gradients"] == 4 * 11_272_192
    assert parts["optimizer"] == 8 * 11_272_192
    # Three trained tokens a row, in float32, with the gradients of two steps beside.
    assert parts["logits"] == 3 * 8 * 3 * 128_256 * 4
    assert parts["cache"] == 0
    assert found.peak == max(found.moments.values())
    assert found.moment == "backward pass begins"


def test_terms_are_what_their_numbers_say(llama: ModelShape) -> None:
    found = _estimate(llama, "lora", replace(STEP, prefix=20))
    for term in found.terms:
        numbers = [float(word.replace(",", "")) for word in term.numbers.split(" × ")]
        product = 1.0
        for number in numbers:
            product *= number
        assert product == pytest.approx(term.bytes, rel=1e-4)
        assert len(term.formula.split(" · ")) >= 2


def test_full_holds_four_times_its_weights(llama: ModelShape) -> None:
    parts = by_part(_estimate(llama, "full", STEP))
    assert parts["gradients"] == parts["weights"] == 4 * llama.parameters
    assert parts["optimizer"] == 2 * parts["weights"]


@pytest.mark.parametrize(
    ("change", "part", "expected"),
    [
        ({"optimizer": "sgd"}, "optimizer", 0),
        ({"optimizer": "adamw-8bit"}, "optimizer", round(11_272_192 * (2 + 8 / 256))),
        ({"devices": 4}, "gradients", 2 * 4 * 11_272_192),
        ({"devices": 4, "sharding": "fsdp"}, "optimizer", 2 * 11_272_192),
        ({"precision": "bfloat16"}, "weights", 2 * 1_235_814_400 + 4 * 11_272_192),
    ],
)
def test_what_changes_a_part(
    llama: ModelShape, change: dict[str, Any], part: str, expected: int
) -> None:
    assert by_part(_estimate(llama, "lora", replace(STEP, **change)))[part] == expected


def test_what_lowers_the_peak(llama: ModelShape) -> None:
    step = replace(STEP, length=512)
    plain = _estimate(llama, "lora", step).peak
    for change in (
        {"precision": "bfloat16"},
        {"checkpointing": True},
        {"prefix": 400},
        {"batch": 4},
        {"weights": "8-bit", "device": "cuda"},
    ):
        assert _estimate(llama, "lora", replace(step, **change)).peak < plain
    eight = _estimate(llama, "lora", replace(step, weights="8-bit")).peak
    assert _estimate(llama, "lora", replace(step, weights="4-bit")).peak < eight


def test_a_prefix_has_its_keys_and_values_counted(llama: ModelShape) -> None:
    found = _estimate(llama, "lora", replace(STEP, prefix=20))
    # 16 layers, keys and values of 8 heads of 64, once and before each of 8 rows.
    assert by_part(found)["cache"] == 16 * 9 * 20 * 2 * 8 * 64 * 4


@pytest.mark.parametrize(
    ("method", "step", "message"),
    [
        ("lora", {"batch": 0}, "batch must be 1 or more"),
        ("lora", {"length": 1}, "length must be 2 or more"),
        ("lora", {"answer": 200}, "answer must be from 1 to 127"),
        ("lora", {"prefix": 127}, "use 124 or less"),
        ("lora", {"prefix": 8, "packed": False}, "needs packed rows"),
        ("full", {"weights": "4-bit"}, "use the method lora"),
        ("lora", {"precision": "float16"}, "needs a GPU"),
        ("prefix_tuning", {"packed": False, "checkpointing": True}, "pack the rows"),
    ],
)
def test_a_step_that_cannot_be(method: str, step: dict[str, Any], message: str) -> None:
    module = registry.resolve("method", method, registry.METHODS)
    with pytest.raises(UsageError, match=message):
        check(StepSettings(**{"length": 128, **step}), module)


def test_a_rank_above_the_layer_is_refused(llama: ModelShape) -> None:
    with pytest.raises(UsageError, match="the highest that works is r=512"):
        _estimate(llama, "lora", STEP, r=4096)
