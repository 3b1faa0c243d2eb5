"""Tokenizers that bring several chat templates by name."""

from typing import Any

import pytest

from conftest import CHATML, LABELS, build_tokenizer
from tunelab.errors import UsageError
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import Encoder
from tunelab.prompts.own_template import own_template
from tunelab.prompts.prompting import prompt_ids, turn_end

TOOLS = "{% for message in messages %}<|tool|>{{ message['content'] }}{% endfor %}"


def _format(tokenizer: Any, style: str) -> Any:
    return make_format(tokenizer, system="{labels}", labels=LABELS, style=style, max_length=90)


def test_the_default_is_used() -> None:
    tokenizer = build_tokenizer({"default": CHATML, "tool_use": TOOLS})
    assert own_template(tokenizer) == CHATML
    named = Encoder(tokenizer, _format(tokenizer, "chat")).example("we sat", "joy")
    alone = build_tokenizer()
    assert named == Encoder(alone, _format(alone, "chat")).example("we sat", "joy")


@pytest.mark.parametrize("names", [("tool_use",), ("rag", "tool_use")])
def test_several_without_a_default(names: tuple[str, ...]) -> None:
    tokenizer = build_tokenizer(dict.fromkeys(names, TOOLS))
    with pytest.raises(UsageError, match=f"{', '.join(names)} and none called default"):
        _format(tokenizer, "chat")
    with pytest.raises(UsageError, match=r"use prompt\.style=plain"):
        prompt_ids(tokenizer, [{"role": "user", "content": "hello"}])
    # Plain text needs none of them.
    assert Encoder(tokenizer, _format(tokenizer, "plain")).example("we sat", "joy").ids
    assert turn_end(tokenizer) == ([], [])
    assert prompt_ids(tokenizer, "hello")
