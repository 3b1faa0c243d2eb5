"""Batched answers equal those given one by one, and those of transformers itself."""

import pytest
import torch

from conftest import build_model, build_tokenizer
from tunelab.generation.answering import answer_prompts

TEXTS = ["a", "the rain came down", "we sat at the window and said nothing all day", "love", "joy"]


@pytest.mark.parametrize("family", ["llama", "mistral", "phi3", "gemma3"])
@pytest.mark.parametrize("head", ["the emotion of the text: ", ""])
def test_batched_is_one_by_one(family: str, head: str) -> None:
    tokenizer, model = build_tokenizer(), build_model(family, 600)
    prompts = [tokenizer(head + text)["input_ids"] for text in TEXTS]
    options = {"stop_tokens": [2], "max_new_tokens": 12, "progress": False}
    batched = answer_prompts(model, tokenizer, prompts, batch_size=3, **options)
    single = [
        answer_prompts(model, tokenizer, [prompt], batch_size=1, **options)[0] for prompt in prompts
    ]
    assert batched == single
    for prompt, answer in zip(prompts, batched, strict=True):
        with torch.inference_mode():
            own = model.generate(
                torch.tensor([prompt]),
                attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                max_new_tokens=12,
                do_sample=False,
                eos_token_id=2,
                pad_token_id=0,
            )[0, len(prompt) :].tolist()
        assert list(answer.ids) == [token for token in own if token not in (0, 2)][:12]


def test_lines_end_plain_answers() -> None:
    from tunelab.generation.answering import _finish

    tokenizer = build_tokenizer()
    ids = tokenizer(" joy\nText: more")["input_ids"]
    assert _finish(tokenizer, ids, [2], stop_at_newline=True).text == "joy"
    assert _finish(tokenizer, ids, [2], stop_at_newline=False).text.endswith("more")
    assert _finish(tokenizer, [*ids[:1], 2, *ids], [2], stop_at_newline=False).ids == tuple(ids[:1])
