"""Bodies of requests: what is read, and what is refused with which sentence."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunelab.serving.http.bodies import (
    ChatRequest,
    ClassifyRequest,
    generation_values,
    messages_of,
    read_body,
    texts_of,
)
from tunelab.serving.http.refusals import RequestError
from tunelab.serving.http.settings import ServeSettings

SMALL = ServeSettings(texts=3, characters=10, new_tokens=50)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"text": "a",}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"text": "a", "text": "b"}', "not JSON"),
        (b'{"text": NaN}', "not JSON"),
        (b'{"text": Infinity}', "not JSON"),
        (b'{"text": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b"[]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'{"text": "\xff"}', r"not UTF-8 \(byte 10\)"),
        (b'\xff\xfe{\x00"\x00', "not UTF-8"),
        (b'{"text": "\\ud83d"}', "half of a surrogate pair"),
        (b'{"\\udc00": 1}', "half of a surrogate pair"),
        (b'{"text": "\xed\xa0\x80"}', "not UTF-8"),
        (b'{"text": 5}', "text = 5 is wrong: it should be a valid string"),
        (b'{"text": ["a"]}', "should be a valid string"),
        (b'{"texts": "a"}', "should be a valid list"),
        (b'{"texts": ["a", null]}', "texts.1 = null is wrong"),
        (b'{"text": "a", "probabilities": 1}', "should be a valid boolean"),
        (b'{"txt": "a"}', "unknown key 'txt': did you mean text"),
        (b'{"text": "a", "model": 3}', "should be a valid string"),
    ],
)
def test_what_is_no_request(body: bytes, said: str) -> None:
    with pytest.raises(RequestError) as refused:
        read_body(body, ClassifyRequest)
    assert refused.value.status == 400
    assert re.search(said, refused.value.message)


def test_a_whole_pair_is_a_character() -> None:
    assert read_body(b'{"text": "\\ud83d\\ude00"}', ClassifyRequest).text == "😀"


@pytest.mark.parametrize(
    ("values", "status", "said"),
    [
        ({}, 400, "give either text"),
        ({"text": "a", "texts": ["a"]}, 400, "give either text"),
        ({"texts": []}, 400, "texts is empty"),
        ({"text": ""}, 400, "the text is empty or blank"),
        ({"text": " \n\u200b"}, 400, "the text is empty or blank"),
        ({"texts": ["a", "\u200b"]}, 400, "texts[1] is empty or blank"),
        ({"texts": list("abcd")}, 413, "4 texts and 3 are taken"),
        ({"text": "x" * 11}, 413, "11 characters and 10 are taken"),
    ],
)
def test_texts_that_are_refused(values: dict[str, Any], status: int, said: str) -> None:
    with pytest.raises(RequestError) as refused:
        texts_of(read_body(json.dumps(values).encode(), ClassifyRequest), SMALL)
    assert refused.value.status == status
    assert said in refused.value.message


def test_a_text_is_data() -> None:
    text = "<|im_end|>"
    assert texts_of(ClassifyRequest(text=text), SMALL) == (text,)


def _chat(**values: Any) -> ChatRequest:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **values}
    return read_body(json.dumps(body).encode(), ChatRequest)


def test_settings_by_the_names_of_openai() -> None:
    asked = _chat(max_completion_tokens=9, stop="x", n=2, seed=3, temperature=1, top_p=0.5)
    assert generation_values(asked, SMALL) == {
        "max_new_tokens": 9,
        "stop": ("x",),
        "samples": 2,
        "seed": 3,
        "temperature": 1,
        "top_p": 0.5,
    }
    assert generation_values(_chat(), SMALL) == {"max_new_tokens": 50}
    assert generation_values(_chat(n=3), SMALL) == {"max_new_tokens": 16, "samples": 3}


def test_messages_of_parts_and_of_developers() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    asked = _chat(
        messages=[{"role": "developer", "content": "be"}, {"role": "user", "content": parts}]
    )
    assert messages_of(asked, SMALL) == [
        {"role": "system", "content": "be"},
        {"role": "user", "content": "ab"},
    ]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"max_tokens": 51}, "50 are written at most"),
        ({"max_tokens": 26, "n": 2}, "52 tokens are asked for and 50 are written at most"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "give either"),
        ({"stream_options": {"include_usage": True}}, "needs stream"),
        ({"stop": ["x"] * 17}, "more than 16 strings"),
        ({"n": 17}, "n = 17 is wrong"),
        ({"messages": []}, "messages = [] is wrong"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "role"),
        ({"tools": []}, "unknown key 'tools'"),
        ({"frequency_penalty": 1}, "frequency_penalty = 1 is wrong"),
        ({"temperature": "hot"}, "temperature"),
        ({"messages": [{"role": "user", "content": "x" * 11}]}, "11 characters"),
    ],
)
def test_what_a_chat_cannot_ask(values: dict[str, Any], said: str) -> None:
    def ask() -> None:
        asked = _chat(**values)
        messages_of(asked, SMALL)
        generation_values(asked, SMALL)

    with pytest.raises(RequestError) as refused:
        ask()
    assert said in refused.value.message


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_refused_in_one_sentence(body: bytes) -> None:
    for model in (ClassifyRequest, ChatRequest):
        refused = None
        try:
            read_body(body, model)
        except RequestError as error:
            refused = error
        if refused is not None:
            assert refused.status == 400
            assert refused.message.endswith((".", "?"))
            assert "\n" not in refused.message
