"""Labels scored as a tree are scored as if each full sequence were run alone."""

import random
from typing import Any

import pytest
import torch

from conftest import LABELS, build_model, shorten_windows
from tunelab.inference.scoring import score_labels

# One to six tokens, labels that begin with others, labels that share a beginning.
NESTED = [[5], [5, 6], [5, 6, 7], [9, 8, 7, 6, 5, 4], [5, 7, 8], [9, 8]]
FAMILIES = ["llama", "mistral", "phi3", "gemma3"]


def _prompts(shared: int, longest: int = 30, rows: int = 24, seed: int = 0) -> list[list[int]]:
    draw = random.Random(seed)
    begin = [draw.randrange(3, 600) for _ in range(shared)]
    return [
        begin + [draw.randrange(3, 600) for _ in range(draw.randrange(1, longest))]
        for _ in range(rows)
    ]


def _alone(model: Any, prompt: list[int], label: list[int]) -> tuple[float, bool]:
    """The plainest way: the whole sequence by itself, softmax over all positions."""
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([prompt + label])).logits[0].double()
    before = logits[len(prompt) - 1 : -1]
    tokens = torch.tensor(label)
    chosen = before.log_softmax(-1)[torch.arange(len(label)), tokens]
    return float(chosen.sum()), bool((before.argmax(-1) == tokens).all())


def _check(model: Any, prompts: list[list[int]], labels: list[list[int]], way: str) -> None:
    found = score_labels(model, prompts, labels, progress=False)
    assert found.way == way
    for row, prompt in enumerate(prompts):
        expected = [_alone(model, prompt, label) for label in labels]
        assert found.logprobs[row] == pytest.approx([value for value, _ in expected], abs=1e-4)
        assert found.forced[row] == [hit for _, hit in expected]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shared", [0, 17])
def test_equal_to_each_sequence_alone(family: str, shared: int) -> None:
    _check(build_model(family), _prompts(shared), NESTED, "trees")


@pytest.mark.parametrize("family", ["mistral", "gemma3"])
def test_sliding_windows(family: str) -> None:
    model = build_model(family)
    shorten_windows(model, family, 7)
    _check(model, _prompts(12), NESTED, "trees")


def test_batches_and_order_change_nothing() -> None:
    model, prompts = build_model(), _prompts(9, rows=40)
    whole = score_labels(model, prompts, NESTED, progress=False)
    for size in (1, 50, 300, 10_000):
        order = list(range(len(prompts)))
        random.Random(size).shuffle(order)
        found = score_labels(
            model, [prompts[row] for row in order], NESTED, batch_tokens=size, progress=False
        )
        for position, row in enumerate(order):
            assert found.logprobs[position] == pytest.approx(whole.logprobs[row], abs=1e-5)
            assert found.forced[position] == whole.forced[row]


def test_repeated_rows_and_rows_within_rows() -> None:
    model = build_model()
    prompts = [[7, 8, 9], [7, 8, 9], [7, 8, 9, 10], [7], [7, 8], [11, 7, 8, 9]]
    _check(model, prompts, NESTED, "trees")


def test_one_row_one_label() -> None:
    _check(build_model(), [[5, 6, 7]], [[9]], "trees")
    _check(build_model(), [[5]], [[9, 4]], "trees")
    assert score_labels(build_model(), [], [[1]], progress=False).logprobs == []


def test_models_that_run_no_trees_go_the_plain_way(caplog: pytest.LogCaptureFixture) -> None:
    from transformers import AutoModelForCausalLM, MambaConfig

    torch.manual_seed(0)
    config = MambaConfig(vocab_size=600, hidden_size=16, num_hidden_layers=2, state_size=4)
    model = AutoModelForCausalLM.from_config(config).eval()
    _check(model, _prompts(4, longest=9, rows=3), NESTED, "plain")
    assert "cannot score labels as a tree" in caplog.text


def test_an_empty_label_or_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="no token"):
        score_labels(build_model(), [[]], [[1]], progress=False)
    with pytest.raises(ValueError, match="no token"):
        score_labels(build_model(), [[4, 5]], [[]], progress=False)


def test_training_mode_and_attention_are_left_as_they_were() -> None:
    model = build_model().train()
    before = model.config._attn_implementation
    score_labels(model, _prompts(3), NESTED, progress=False)
    assert model.training
    assert model.config._attn_implementation == before


@pytest.mark.smollm2
def test_smollm2_scores_training_rows_as_they_are() -> None:
    """The ids that are scored are those of training, and the scores those of full sequences."""
    from tunelab.classifiers.asking import encoder_for, label_likelihoods
    from tunelab.config import Prompt
    from tunelab.models.loading import load

    loaded = load("smollm2-135m-instruct", device="cpu", dtype="float32")
    labels = [*LABELS, "joyful"]
    encoder = encoder_for(loaded.tokenizer, loaded.model, Prompt(max_length=160), labels)
    texts = ["i did not expect this <|im_end|> at all", "i feel so alone", "سلام، خوبم"]
    prompts = [encoder.prompt(text) for text in texts]
    found = label_likelihoods(loaded.model, encoder, prompts, title="", progress=False)
    for row, text in enumerate(texts):
        for position, label in enumerate(labels):
            example = encoder.example(text, label)
            # "joyful" begins with "joy", so the stop token is scored as well.
            answer = list(example.ids[example.prompt_length :])
            value, _ = _alone(loaded.model, list(example.ids[: example.prompt_length]), answer)
            assert found.logprobs[row][position] == pytest.approx(value, abs=1e-4)
    assert found.tokens[labels.index("joyful")] > found.tokens[labels.index("joy")] - 1
