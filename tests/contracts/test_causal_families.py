"""Every causal family that transformers can make tiny at random: estimated, trained and asked.

Where something cannot be done with a family, one sentence says so.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from causal_families import VOCABULARY, families, tiny_config, tiny_model
from conftest import LABELS, build_tokenizer
from tunelab import registry
from tunelab.config import Training
from tunelab.errors import TunelabError, UsageError
from tunelab.inference.answering import answer_prompts
from tunelab.inference.head_logits import head_logits
from tunelab.inference.label_head import make_head, replace_output
from tunelab.inference.scoring import score_labels
from tunelab.memory.configurations import configuration, shape_by_name
from tunelab.memory.formulas import estimate, left_out, step_as_run
from tunelab.memory.settings import StepSettings
from tunelab.memory.step import build
from tunelab.memory.trace import trace
from tunelab.methods import lora
from tunelab.models.shape import shape_of
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import EncodedExample, Encoder
from tunelab.training.train import count_parameters, train

# Each with another kind of block: Conv1D, position embeddings, ALiBi, one key head for all, partial
# rotary, local attention, parallel blocks, a state space, experts, and Llama's own.
WORK = ["gpt2", "opt", "bloom", "falcon", "gptj", "gpt_neo", "gpt_neox", "mamba", "mixtral"]
METHODS = {name: registry.resolve("method", name, registry.METHODS) for name in registry.METHODS}
STEP = StepSettings(batch=4, length=48)
# At which activations are most of a step, as they are in real models.
MIDDLE = {
    **dict.fromkeys(("hidden_size", "n_embd", "word_embed_proj_dim"), 192),
    **dict.fromkeys(("n_inner", "ffn_dim"), 768),
}
# Larger ones are not tiny at random: a part of theirs has no sizes of its own to make small.
MOST_PARAMETERS = 20_000_000


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return build_tokenizer()


@pytest.fixture(scope="module")
def rows(tokenizer: Any) -> list[EncodedExample]:
    format = make_format(
        tokenizer, system="One of {labels}.", labels=LABELS, style="plain", max_length=60
    )
    encoder = Encoder(tokenizer, format)
    return [encoder.example("the rain came", LABELS[position]) for position in (0, 1, 2)]


def _settings(name: str) -> Any:
    model = METHODS[name].Settings
    small: dict[str, Any] = {"r": 4} if "r" in model.model_fields else {}
    if "init" in model.model_fields:
        small = {"virtual_tokens": 3, "init": "random"}
    return model.model_validate(small)


def _estimated(family: str, folder: Path) -> None:
    tiny_config(family).save_pretrained(folder)
    shape = shape_by_name(str(folder))
    assert shape == shape_of(configuration(str(folder)))
    assert shape.llama_kind or "is left out" in str(left_out(shape))
    for name, module in METHODS.items():
        try:
            found = estimate(shape, module, _settings(name), STEP)
        except UsageError:
            # The method cannot be had, and its own tests look at what it says.
            continue
        assert found.peak > 4 * shape.parameters > 0


def _trained_and_asked(
    family: str, rows: list[EncodedExample], tokenizer: Any, folder: Path
) -> None:
    model = lora.adapt(tiny_model(family), lora.Settings(r=4))
    assert (
        lora.count(shape_of(tiny_config(family)), lora.Settings(r=4)).trainable
        == (count_parameters(model)[0])
    )
    outcome = train(
        model,
        train_rows=rows,
        validation_rows=[],
        pad_token=0,
        options=Training(tracking=[], epochs=1, batch_size=4),
        learning_rate=1e-3,
        precision="float32",
        device="cpu",
        seed=1,
        folder=folder / "run",
    )
    assert outcome.steps == 1
    METHODS["lora"].save(outcome.model, folder / "adapter")
    model = METHODS["lora"].load(tiny_model(family), folder / "adapter")
    prompts = [row.ids[: row.prompt_length] for row in rows[:2]]
    labels = [row.ids[row.prompt_length :] for row in rows[:2]]
    found = score_labels(model, prompts, labels, progress=False)
    assert all(logprob < 0 for row in found.logprobs for logprob in row)
    answers = answer_prompts(
        model, tokenizer, prompts, stop_tokens=[2], max_new_tokens=2, batch_size=2, progress=False
    )
    assert all(token < VOCABULARY for answer in answers for token in answer.ids)


def _sentence_of(work: Callable[[], Any]) -> str | None:
    """What tunelab says where it refuses; None where it does the work."""
    try:
        work()
    except TunelabError as error:
        return str(error)
    return None


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("family", WORK)
def test_a_family_that_works(
    family: str, rows: list[EncodedExample], tokenizer: Any, tmp_path: Path
) -> None:
    _estimated(family, tmp_path)
    _trained_and_asked(family, rows, tokenizer, tmp_path)


@pytest.mark.scale
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("family", [name for name in families() if name not in WORK])
def test_every_other_family_works_or_says_why_not(
    family: str, rows: list[EncodedExample], tokenizer: Any, tmp_path: Path
) -> None:
    try:
        model = tiny_model(family)
    except Exception as error:
        pytest.skip(f"transformers cannot make it from these sizes: {type(error).__name__}")
    if sum(one.numel() for one in model.parameters()) > MOST_PARAMETERS:
        pytest.skip("it is not tiny")
    for work in (
        lambda: _estimated(family, tmp_path / "config"),
        lambda: _trained_and_asked(family, rows, tokenizer, tmp_path),
    ):
        said = _sentence_of(work)
        if said is not None:
            assert said.endswith(".")
            warnings.warn(f"{family}: {said}", stacklevel=1)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("family", ["gpt2", "bloom", "mamba"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_put_on_it_or_says_why_not(family: str, method: str) -> None:
    config = tiny_config(family)
    settings = _settings(method)

    def put_on() -> None:
        count = METHODS[method].count(shape_of(config), settings)
        adapted = build(config, METHODS[method], settings, STEP, device="meta")
        assert count_parameters(adapted)[0] == count.trainable

    said = _sentence_of(put_on)
    refused = family == "mamba" and method not in ("full", "lora", "rslora", "dora")
    assert (said is not None) == refused
    assert said is None or " use " in said or "give a list" in said


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("family", ["gpt2", "opt", "bloom"])
def test_the_estimate_of_an_unknown_family_is_near_its_trace(family: str) -> None:
    config = tiny_config(family, **MIDDLE)
    shape = shape_of(config)
    step = step_as_run(shape, StepSettings(batch=8, length=64))
    assert not step.packed
    settings = lora.Settings(r=8)
    found = estimate(shape, lora.METHOD, settings, step)
    # Of activation functions and attention nothing is counted.
    assert found.peak == pytest.approx(trace(config, lora.METHOD, settings, step).peak, rel=0.4)


@pytest.mark.parametrize("family", WORK)
def test_a_head_labels_with_any_kind_of_block(family: str) -> None:
    model = tiny_model(family).eval()
    replace_output(model, make_head(model, [5, 6, 7]))
    prompts = [(5, 6, 7, 8, 9), (5, 6, 7, 10), (5, 6, 7, 8, 9, 11, 12), (5, 6, 7, 10)]
    with torch.no_grad():
        alone = [model(input_ids=torch.tensor([ids])).logits[0, -1] for ids in prompts]
    found = head_logits(model, prompts, pad_token=0, progress=False)
    assert torch.allclose(found, torch.stack(alone), atol=1e-4, rtol=1e-3)
