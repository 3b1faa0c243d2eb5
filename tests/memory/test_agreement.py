"""Formula and trace agree with what the allocator says of the real step, and that with training.

They are compared with the memory of tensors: the scratch memory of kernels is another on each
processor (oneDNN's products in bfloat16 take half a megabyte with AMX and none with AVX-512) and
with each number of threads, and neither formula nor trace knows it.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import conv2d, scaled_dot_product_attention
from torch.profiler import ProfilerActivity, profile, record_function
from transformers import AutoModelForCausalLM, LlamaConfig, Phi3Config

from tunelab import registry
from tunelab.config import Training
from tunelab.memory.formulas import estimate
from tunelab.memory.measure import STEP, highest, measure
from tunelab.memory.settings import StepSettings
from tunelab.memory.step import make_rows
from tunelab.memory.trace import trace
from tunelab.models.shape import shape_of
from tunelab.training.train import train

SIZES = {
    "vocab_size": 3000,
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
LLAMA = LlamaConfig(**SIZES, tie_word_embeddings=True)
PHI = Phi3Config(**SIZES, tie_word_embeddings=True)


def _all(
    config: Any, method: str, step: dict[str, Any], settings: dict[str, Any] | None = None
) -> tuple[int, int, int]:
    module = registry.resolve("method", method, registry.METHODS)
    chosen = module.Settings.model_validate(settings or {})
    asked = StepSettings(**{"batch": 4, "length": 48, **step})
    real = measure(config, module, chosen, asked)
    traced = trace(config, module, chosen, asked)
    formula = estimate(shape_of(config), module, chosen, asked)
    assert real.tensors is not None
    assert real.tensors <= real.peak
    return real.tensors, traced.peak, formula.peak


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", registry.METHODS)
def test_every_method(method: str, precision: str) -> None:
    real, traced, formula = _all(LLAMA, method, {"precision": precision})
    assert traced == pytest.approx(real, rel=0.05)
    assert formula == pytest.approx(real, rel=0.15)


@pytest.mark.parametrize(
    "step",
    [
        {"batch": 1, "length": 16},
        {"batch": 48},
        {"length": 200},
        {"prefix": 20},
        {"packed": False},
        {"packed": False, "answer": None},
        {"checkpointing": True, "batch": 16},
        {"checkpointing": True, "precision": "bfloat16", "length": 200},
        {"optimizer": "sgd"},
    ],
    ids=str,
)
def test_every_step(step: dict[str, Any]) -> None:
    real, traced, formula = _all(LLAMA, "lora", step)
    assert traced == pytest.approx(real, rel=0.05)
    assert formula == pytest.approx(real, rel=0.15)


@pytest.mark.parametrize(
    ("method", "step"),
    [
        ("lora", {}),
        ("lora", {"precision": "bfloat16"}),
        ("ia3", {}),
        ("rslora", {"checkpointing": True, "batch": 16}),
    ],
    ids=str,
)
def test_layers_below_the_trained_ones_keep_nothing(method: str, step: dict[str, Any]) -> None:
    everywhere, _, _ = _all(LLAMA, method, step)
    real, traced, formula = _all(LLAMA, method, step, {"layers": "top-2"})
    assert traced == pytest.approx(real, rel=0.05)
    assert formula == pytest.approx(real, rel=0.15)
    assert real < everywhere


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", ["full", "lora", "prefix_tuning"])
def test_a_head_in_place_of_the_output_layer(method: str, precision: str) -> None:
    # Many rows, so that the logits of the vocabulary would be a large part.
    step = {"batch": 32, "length": 24, "precision": precision}
    words, _, _ = _all(LLAMA, method, step)
    real, traced, formula = _all(LLAMA, method, {**step, "head": 6})
    assert traced == pytest.approx(real, rel=0.05)
    assert formula == pytest.approx(real, rel=0.15)
    assert real < 1.01 * words


@pytest.mark.parametrize("method", ["lora", "prompt_tuning", "prefix_tuning"])
def test_a_prefix_before_long_rows_keeps_itself_alone(method: str) -> None:
    real, traced, formula = _all(LLAMA, method, {"length": 200, "prefix": 40})
    assert traced == pytest.approx(real, rel=0.01)
    # Where views of the prefix keep the whole rows, each method keeps 4 to 9 % more.
    assert formula > 0.95 * real


def test_fused_layers_of_a_family() -> None:
    real, traced, formula = _all(PHI, "lora", {})
    assert traced == pytest.approx(real, rel=0.05)
    assert formula == pytest.approx(real, rel=0.15)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_step_is_that_of_training(method: str, tmp_path: Path) -> None:
    """The peak of train() itself is that of the step that estimates are made of."""
    module = registry.resolve("method", method, registry.METHODS)
    step = StepSettings(batch=8, length=48, prefix=10)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        model = AutoModelForCausalLM.from_config(LLAMA, attn_implementation="sdpa")
        adapted = module.adapt(model, module.Settings())
        with record_function(STEP):
            train(
                adapted,
                # Two steps, no row twice: the second step has the optimizer's state.
                train_rows=make_rows(replace(step, batch=16), LLAMA.vocab_size),
                validation_rows=[],
                pad_token=0,
                options=Training(epochs=1, batch_size=8, tracking=[]),
                learning_rate=1e-4,
                precision="float32",
                device="cpu",
                seed=0,
                folder=tmp_path,
            )
    real = measure(LLAMA, module, module.Settings(), step)
    assert real.tensors == pytest.approx(highest(profiler, scratch=False), rel=0.02)


def _peaks(work: Callable[[], Any]) -> tuple[Any, int, int]:
    """What a piece of work answers, and its peak with and without the scratch memory of kernels."""
    activities = [ProfilerActivity.CPU]
    with (
        torch.no_grad(),
        profile(activities=activities, profile_memory=True) as found,
        record_function(STEP),
    ):
        answer = work()
    return answer, highest(found), highest(found, scratch=False)


def test_the_scratch_memory_of_kernels_is_told_apart() -> None:
    """oneDNN's convolution packs its factors, and attention keeps scores for each thread."""
    images, weights = torch.randn(2, 16, 28, 28), torch.randn(16, 16, 3, 3)
    answer, peak, tensors = _peaks(lambda: conv2d(images, weights))
    assert peak > tensors == answer.nbytes
    heads = torch.randn(2, 6, 48, 32)
    answer, peak, tensors = _peaks(
        lambda: scaled_dot_product_attention(heads, heads, heads, is_causal=True)
    )
    # The log-sums, one for each query, are a tensor too.
    assert peak > tensors == answer.nbytes + 2 * 6 * 48 * 4
