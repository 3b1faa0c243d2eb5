"""Templates with blocks of reasoning: the same tokens in training and in asking."""

from typing import Any

import pytest

from conftest import CHATML, LABELS, build_tokenizer
from tunelab.errors import RunError
from tunelab.prompts.answer_start import answer_start
from tunelab.prompts.checks import check_rows
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import IGNORED, Encoder
from tunelab.prompts.rendering import Piece

_TURNS = (
    "{%- for m in messages %}{%- if m.role == 'assistant' %}ANSWER{%- else %}"
    "{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}ASKED{%- endif %}"
)
_BLOCK = "{{- '<think>\n\n</think>\n\n' }}"
_SWITCHED = "{%- if enable_thinking is defined and not enable_thinking %}" + _BLOCK + "{%- endif %}"
_LAST = (
    "{{- '<|im_start|>assistant\n' }}{%- if loop.last %}" + _BLOCK + "{%- endif %}"
    "{{- m.content + '<|im_end|>\n' }}"
)
_STRIPPED = "{{- '<|im_start|>assistant\n' + m.content.split('</think>')[-1] + '<|im_end|>\n' }}"


def _template(answer: str, asked: str) -> str:
    return _TURNS.replace("ANSWER", answer).replace("ASKED", asked)


TEMPLATES = {
    "as Qwen3": _template(_LAST, _SWITCHED),
    "a block in the last answer only": _template(_LAST, ""),
    "asked to reason, stripped from history": _template(_STRIPPED, "{{- '<think>\n' }}"),
    "asked to reason, a block in the last answer": _template(_LAST, "{{- '<think>\n' }}"),
    "a block in the question only": _template(_STRIPPED, _BLOCK),
    "a channel": _template(
        "{{- '<|im_start|>assistant\n<|channel|>final<|message|>' + m.content + '<|im_end|>' }}", ""
    ),
    "without a system role": "{%- if messages[0].role == 'system' %}"
    "{{- raise_exception('no system') }}{%- endif %}" + _template(_LAST, _SWITCHED),
}


def _encoder(template: str, shots: tuple[tuple[str, str], ...], special: bool) -> Encoder:
    from tokenizers import AddedToken

    tokenizer = build_tokenizer(template)
    names = ("<think>", "</think>", "<|channel|>", "<|message|>")
    tokenizer.add_tokens(
        [AddedToken(name, special=special, normalized=False) for name in names],
        special_tokens=special,
    )
    format = make_format(
        tokenizer,
        system="One of {labels}.",
        labels=LABELS,
        style="chat",
        max_length=200,
        shots=shots,
    )
    return Encoder(tokenizer, format)


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("shots", [(), (("we won", "joy"), ("too dark", "fear"))])
@pytest.mark.parametrize("name", TEMPLATES)
def test_only_the_label_is_trained(name: str, shots: Any, special: bool) -> None:
    encoder = _encoder(TEMPLATES[name], shots, special)
    texts = ["a day", "<think>not mine</think>", "  spaces  "]
    rows = [encoder.example(text, "joy") for text in texts]
    check_rows(encoder, rows, texts)
    for row in rows:
        trained = [number for number in row.labels if number != IGNORED]
        assert encoder.tokenizer.decode(trained) == "joy<|im_end|>"
        prompt = encoder.tokenizer.decode(row.ids[: row.prompt_length])
        end = "<|message|>" if name == "a channel" else "<think>\n\n</think>\n\n"
        assert prompt.endswith(end)


def test_templates_without_reasoning_stay_as_they_are() -> None:
    assert _encoder(CHATML, (), False).start is None


def test_a_block_of_another_kind_is_closed_by_its_own_tag() -> None:
    def start(asked: str) -> str | None:
        return answer_start(
            [Piece(f"Q: x\nA:{asked}", False)],
            [Piece("Q: x\nA:", False), Piece("joy", True), Piece("<end>", False)],
        )

    assert start("<seed:think>\n") == "\n</seed:think>\n\n"
    assert start("[THINK]") == "\n\n[/THINK]\n\n"
    assert start("<|START_THINKING|>") == "\n\n<|END_THINKING|>\n\n"
    assert start("") is None
    with pytest.raises(RunError, match=r"use prompt\.style=plain"):
        start(" other")
