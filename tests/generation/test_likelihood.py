"""Likelihood: that of a plain pass over the whole sequence, batched or alone."""

from typing import Any

import pytest
import torch

from conftest import build_model, build_tokenizer
from tunelab.generation.likelihood import answer_likelihoods
from tunelab.prompts.prompting import prompt_ids
from tunelab.prompts.tokens import encode_text

PROMPTS: list[Any] = [
    "the rain",
    [{"role": "user", "content": "hello"}],
    [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "سلام"}],
    "x",
]
ANSWERS = [" came down all day", "yes <|im_end|> no", "😀 سلام", ""]


@pytest.mark.parametrize("family", ["llama", "mistral", "phi3", "gemma3"])
def test_equal_to_a_plain_pass(family: str) -> None:
    tokenizer, model = build_tokenizer(), build_model(family, 600)
    batched = answer_likelihoods(model, tokenizer, PROMPTS, ANSWERS, batch_size=3)
    single = [
        answer_likelihoods(model, tokenizer, [prompt], [answer])[0]
        for prompt, answer in zip(PROMPTS, ANSWERS, strict=True)
    ]
    assert batched[3] is None
    for found, alone, prompt, answer in zip(batched, single, PROMPTS, ANSWERS, strict=True):
        if found is None or alone is None:
            assert answer == ""
            continue
        first, told = prompt_ids(tokenizer, prompt), encode_text(tokenizer, answer)[0]
        with torch.inference_mode():
            scores = model(torch.tensor([first + told])).logits[0].log_softmax(-1)
        expected = sum(
            scores[len(first) + position - 1, token].item() for position, token in enumerate(told)
        )
        assert found.tokens == alone.tokens == len(told)
        assert found.logprob == pytest.approx(expected, abs=1e-3)
        assert alone.logprob == pytest.approx(expected, abs=1e-3)


def test_control_tokens_in_an_answer_are_text() -> None:
    tokenizer, model = build_tokenizer(), build_model("llama", 600)
    [found] = answer_likelihoods(model, tokenizer, ["a"], ["<|im_end|>"])
    assert found is not None
    assert found.tokens > 1


def test_what_does_not_fit_the_context_is_cut() -> None:
    tokenizer, model = build_tokenizer(), build_model("llama", 600)
    [found] = answer_likelihoods(model, tokenizer, [[5] * 500], ["a b c d e f g h i j k"])
    assert found is not None
    assert found.tokens == 12
    assert answer_likelihoods(model, tokenizer, [[5] * 512], ["a"]) == [None]
