"""Batched answers equal those given one by one, and those of transformers itself."""

import random
from typing import Any

import pytest
import torch

from conftest import build_model, build_tokenizer, shorten_windows
from tunelab.inference.answering import answer_prompts
from tunelab.inference.row_decoding import decode_rows, rows_work, run_shared

TEXTS = ["a", "the rain came down", "we sat at the window and said nothing all day", "love", "joy"]


@pytest.mark.parametrize("family", ["llama", "mistral", "phi3", "gemma3"])
@pytest.mark.parametrize("head", ["the emotion of the text: ", ""])
def test_batched_is_one_by_one(family: str, head: str) -> None:
    tokenizer, model = build_tokenizer(), build_model(family, 600)
    prompts = [tokenizer(head + text)["input_ids"] for text in TEXTS]
    assert rows_work(model, prompts)
    options: dict[str, Any] = {"stop_tokens": [2], "max_new_tokens": 12, "progress": False}
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


def _greedy(model: Any, prompt: list[int], stops: list[int], most: int) -> list[int]:
    """The plainest way: the whole sequence anew for every token, up to a stop token."""
    found: list[int] = []
    while len(found) < most and not (found and found[-1] in stops):
        with torch.inference_mode():
            logits = model(torch.tensor([[*prompt, *found]]), use_cache=False).logits[0, -1]
        found.append(int(logits.argmax()))
    return found


@pytest.mark.parametrize("family", ["llama", "mistral", "phi3", "gemma3"])
@pytest.mark.parametrize("window", [None, 7])
def test_rows_leave_as_they_end(family: str, window: int | None) -> None:
    model = build_model(family)
    if window is not None:
        shorten_windows(model, family, window)
    draw = random.Random(0)
    rows = [[draw.randrange(3, 600) for _ in range(draw.randrange(1, 25))] for _ in range(30)]
    rows += [rows[3], rows[4][:1], [*rows[5], 9]]
    first = [3, 4, 5, 6]
    # Tokens that some rows come upon early, others late and others never.
    stops = sorted({_greedy(model, [*first, *row], [], 3)[-1] for row in rows[:6]})
    with torch.inference_mode():
        found = decode_rows(
            model,
            rows,
            prefix_length=len(first),
            prefix=run_shared(model, first),
            stop_tokens=stops,
            max_new_tokens=8,
        )
    assert found == [_greedy(model, [*first, *row], stops, 8) for row in rows]
    assert len({len(ids) for ids in found}) > 2


def test_a_model_without_keys_and_values() -> None:
    from transformers import AutoModelForCausalLM, MambaConfig

    torch.manual_seed(0)
    config = MambaConfig(vocab_size=600, hidden_size=16, num_hidden_layers=2, state_size=4)
    model = AutoModelForCausalLM.from_config(config).eval()
    tokenizer = build_tokenizer()
    prompts = [tokenizer(text)["input_ids"] for text in TEXTS]
    assert not rows_work(model, prompts)
    answers = answer_prompts(
        model,
        tokenizer,
        prompts,
        stop_tokens=[2],
        max_new_tokens=5,
        batch_size=1,
        progress=False,
    )
    for prompt, answer in zip(prompts, answers, strict=True):
        assert [*answer.ids] == [i for i in _greedy(model, prompt, [2], 5) if i != 2]


def test_lines_end_plain_answers() -> None:
    from tunelab.inference.answering import _finish

    tokenizer = build_tokenizer()
    ids = tokenizer(" joy\nText: more")["input_ids"]
    assert _finish(tokenizer, ids, [2], stop_at_newline=True).text == "joy"
    assert _finish(tokenizer, ids, [2], stop_at_newline=False).text.endswith("more")
    assert _finish(tokenizer, [*ids[:1], 2, *ids], [2], stop_at_newline=False).ids == tuple(ids[:1])


@pytest.mark.parametrize(
    ("text", "kept", "stopped"),
    [
        (" joy\nText: more", " joy", True),
        ("\n\n joy\n", " joy", True),
        ("the rain came\nand went", "the rain came", True),
        ("joy", "joy", False),
        ("\n\n", "", False),
    ],
)
def test_the_tokens_of_the_kept_line_are_counted(text: str, kept: str, stopped: bool) -> None:
    from tunelab.inference.answering import _finish

    tokenizer = build_tokenizer()
    ids = tokenizer(text)["input_ids"]
    answer = _finish(tokenizer, ids, [2], stop_at_newline=True)
    assert (answer.text, answer.stopped) == (kept.strip(), stopped)
    assert answer.kept == len(tokenizer(kept)["input_ids"])
    assert answer.ids == tuple(ids)
