"""What fits: the largest batch, the nearest step, the tables."""

from dataclasses import replace
from typing import Any

import pytest

from tunelab import registry
from tunelab.errors import UsageError
from tunelab.memory.fits import USABLE, check_fits, compare, largest_batch, nearest, what_fits
from tunelab.memory.formulas import estimate
from tunelab.memory.settings import StepSettings
from tunelab.models.description import ModelShape
from tunelab.models.known import known_shape

STEP = StepSettings(batch=8, length=128, device="cuda")
GB = 10**9


@pytest.fixture(scope="module")
def mistral() -> ModelShape:
    return known_shape("mistral-7b-v0.1")


def _given(method: str) -> tuple[Any, Any]:
    module = registry.resolve("method", method, registry.METHODS)
    return module, module.Settings()


def test_the_largest_batch_fits_and_the_next_does_not(mistral: ModelShape) -> None:
    step = replace(STEP, precision="bfloat16")
    rows = largest_batch(mistral, *_given("lora"), step, 24 * GB)
    assert rows > 1

    def peak(batch: int) -> int:
        return estimate(mistral, *_given("lora"), replace(step, batch=batch)).peak

    assert peak(rows) <= USABLE * 24 * GB < peak(rows + 1)
    assert largest_batch(mistral, *_given("full"), step, 24 * GB) == 0


def test_what_does_not_fit_names_the_nearest_that_does(mistral: ModelShape) -> None:
    assert nearest(mistral, *_given("lora"), STEP, 28 * GB) == "--precision bfloat16"
    near = nearest(mistral, *_given("full"), STEP, 24 * GB)
    assert near is not None
    assert near.startswith("--method lora")
    with pytest.raises(UsageError, match=r"needs about .* use --precision bfloat16"):
        check_fits(mistral, *_given("lora"), STEP, 28 * GB)
    check_fits(mistral, *_given("lora"), replace(STEP, precision="bfloat16"), 28 * GB)
    assert nearest(mistral, *_given("lora"), STEP, GB) is None


def test_full_beside_lora() -> None:
    rows = compare(["llama-3.2-1b"], STEP, 8 * GB)
    full, lora = rows
    assert full["trainable"] == full["total"] == 1_235_814_400
    assert lora["trainable"] == 11_272_192
    assert full["peak"] > 2 * lora["peak"]
    assert (full["fits"], full["largest_batch"]) == (False, 0)


def test_ways_become_cheaper() -> None:
    rows = what_fits(["llama-3.2-1b"], STEP, 24 * GB)
    peaks = {row["way"]: row["peak"] for row in rows}
    assert peaks["full, float32"] > peaks["lora, float32"] > peaks["lora, bfloat16"]
    assert min(peaks, key=lambda way: peaks[way]) == "lora, 4-bit weights, checkpointing"
    assert all(row["fits"] is (row["peak"] <= USABLE * 24 * GB) for row in rows)
