"""A model with a soft prompt is run as any other, and answers as PEFT's own forward pass does."""

from typing import Any

import pytest
import torch

from conftest import build_model, build_tokenizer
from tunelab.inference.answering import answer_prompts
from tunelab.inference.packed_attention import packing_works
from tunelab.inference.prefix import pad_rows, run_prefix
from tunelab.inference.scoring import score_labels
from tunelab.inference.virtual_tokens import virtual_tokens
from tunelab.methods import lora, p_tuning, prefix_tuning, prompt_tuning

FAMILIES = ["llama", "mistral", "phi3", "gemma3"]
METHODS = [prompt_tuning, prefix_tuning, p_tuning]
ROWS = [[3, 4, 5, 6, 7, 8, 9], [3, 4, 5, 60], [3, 4, 5, 80, 81]]
TEXTS = ["a", "the rain came down", "we sat at the window and said nothing all day", "love", "joy"]


def _prompted(method: Any, family: str = "llama") -> Any:
    torch.manual_seed(2)
    settings = method.Settings(virtual_tokens=6, init="random")
    model = method.adapt(build_model(family), settings)
    if method is p_tuning:
        with torch.no_grad():
            model.prompt_encoder["default"].mlp_head[-1].weight.mul_(20)
    return model.eval()


def _by_peft(model: Any, row: list[int]) -> Any:
    """The logits of a row's own tokens, by the forward pass that is PEFT's."""
    ids = torch.tensor([row])
    return type(model).forward(model, input_ids=ids).logits[0, -len(row) :]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", METHODS)
def test_rows_answer_as_in_peft(family: str, method: Any) -> None:
    model = _prompted(method, family)
    assert virtual_tokens(model) == 6
    batch = pad_rows(ROWS, prefix=0, pad_token=0, device="cpu")
    with torch.inference_mode():
        padded = model(**vars(batch), use_cache=False).logits
        assert padded.shape[:2] == batch.input_ids.shape
        for row, found in zip(ROWS, padded, strict=True):
            expected = _by_peft(model, row)
            alone = model(input_ids=torch.tensor([row]), use_cache=False).logits[0]
            assert torch.allclose(alone, expected, atol=1e-5)
            assert torch.allclose(found[-len(row) :], expected, atol=1e-5)
            plain = build_model(family)(torch.tensor([row])).logits[0]
            assert not torch.allclose(expected, plain, atol=1e-2)
    assert packing_works(model, ROWS)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", METHODS)
def test_rows_go_on_from_a_shared_cache(family: str, method: Any) -> None:
    model = _prompted(method, family)
    with torch.inference_mode():
        cache = run_prefix(model, ROWS[0][:3], device="cpu")
        assert cache.get_seq_length() == 6 + 3
        batch = pad_rows(ROWS, prefix=3, pad_token=0, device="cpu")
        cache.batch_repeat_interleave(len(ROWS))
        found = model(**vars(batch), past_key_values=cache, use_cache=True).logits
        for row, logits in zip(ROWS, found, strict=True):
            own = len(row) - 3
            assert torch.allclose(logits[-own:], _by_peft(model, row)[-own:], atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("head", ["the emotion of the text: ", ""])
def test_batched_answers_are_those_of_peft(family: str, method: Any, head: str) -> None:
    tokenizer, model = build_tokenizer(), _prompted(method, family)
    prompts = [tokenizer(head + text)["input_ids"] for text in TEXTS]
    options: dict[str, Any] = {"stop_tokens": [2], "max_new_tokens": 6, "progress": False}
    batched = answer_prompts(model, tokenizer, prompts, batch_size=3, **options)
    for prompt, answer in zip(prompts, batched, strict=True):
        row = list(prompt)
        with torch.inference_mode():
            while len(row) < len(prompt) + 6 and row[-1] != 2:
                row.append(int(_by_peft(model, row)[-1].argmax()))
        assert list(answer.ids) == [token for token in row[len(prompt) :] if token != 2]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("head", [[3, 4, 5], []], ids=["shared", "none"])
def test_labels_are_scored_as_trees(family: str, method: Any, head: list[int]) -> None:
    model = _prompted(method, family)
    prompts = [[*head, *own] for own in ([60, 7], [80, 81, 82, 9], [7, 60])]
    labels = [[10, 11, 2], [10, 12, 2], [13, 2]]
    found = score_labels(model, prompts, labels, progress=False)
    assert found.way == "trees"
    for prompt, line in zip(prompts, found.logprobs, strict=True):
        for label, value in zip(labels, line, strict=True):
            with torch.inference_mode():
                logits = _by_peft(model, [*prompt, *label[:-1]])[-len(label) :]
            chosen = logits.log_softmax(-1)[torch.arange(len(label)), label]
            assert value == pytest.approx(float(chosen.sum()), abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_a_window_that_virtual_tokens_fill(method: Any) -> None:
    tokenizer = build_tokenizer()
    prompts = [tokenizer(text)["input_ids"] for text in TEXTS]
    longest = max(map(len, prompts)) + 4
    model = _prompted(method, "mistral")
    model.config.sliding_window = longest + 3
    options: dict[str, Any] = {"stop_tokens": [2], "max_new_tokens": 4, "progress": False}
    batched = answer_prompts(model, tokenizer, prompts, batch_size=5, **options)
    single = [
        answer_prompts(model, tokenizer, [prompt], batch_size=1, **options)[0] for prompt in prompts
    ]
    assert batched == single


def test_other_models_have_none() -> None:
    assert virtual_tokens(build_model()) == 0
    assert virtual_tokens(lora.adapt(build_model(), lora.Settings(r=2))) == 0


def test_a_mask_of_four_dimensions_is_refused() -> None:
    model = _prompted(prompt_tuning)
    with pytest.raises(NotImplementedError, match="4 dimensions"):
        model(input_ids=torch.tensor([[3, 4]]), attention_mask=torch.zeros(1, 1, 2, 2))
