"""Pieces are readable, spans point into the text, and nothing invisible is hidden."""

import pytest

from conftest import build_tokenizer
from tunelab.tokenizers.direction import runs_right_to_left, visible
from tunelab.tokenizers.loading import FastTokenizer, describe, load
from tunelab.tokenizers.pieces import BYTES, SPECIAL, UNKNOWN, cut, cut_all, show_bytes

TEXTS = [
    "",
    " ",
    "Hello, world!  two",
    "سلام، می‌روم",
    "👩‍👩‍👧 é x",
    " کتاب‌هایم ",
    "a\nb\t",
    "▁a",
]


@pytest.fixture(scope="module")
def small() -> FastTokenizer:
    return describe("small", build_tokenizer().backend_tokenizer)


def test_bytes_of_half_a_character_are_shown_as_bytes(small: FastTokenizer) -> None:
    one = cut(small, "س")
    assert one.pieces == ("<D8>", "<B3>")
    assert one.kinds == (BYTES, BYTES)
    assert one.spans == ((0, 1), (0, 1))


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"abc", "abc"),
        (b" \xf0\x9f\x98", " <F0><9F><98>"),
        (b"\xd9\x85\xd8", "م<D8>"),
        ("\ufffd".encode(), "\ufffd"),
        (b"", ""),
    ],
)
def test_show_bytes(content: bytes, shown: str) -> None:
    assert show_bytes(content) == shown


def _check(tokenizer: FastTokenizer, text: str) -> None:
    one = cut(tokenizer, text)
    assert len(one.ids) == len(one.pieces) == len(one.spans) == len(one.kinds)
    assert one.tokens == len(one.of_text())
    position = 0
    for (first, last), piece, kind in zip(one.spans, one.pieces, one.kinds, strict=True):
        assert 0 <= first <= last <= len(text)
        assert "\ufffd" not in piece
        if kind != SPECIAL:
            assert first >= position - 1
            position = max(position, last)


@pytest.mark.parametrize("text", TEXTS)
def test_spans_lie_in_the_text_and_in_order(small: FastTokenizer, text: str) -> None:
    _check(small, text)
    one = cut(small, text)
    assert cut_all(small, [text])[0] == one
    whole = [
        text[first:last] == piece
        for (first, last), piece, kind in zip(one.spans, one.pieces, one.kinds, strict=True)
        if kind != BYTES
    ]
    assert all(whole)


@pytest.mark.packages
@pytest.mark.parametrize("name", ["llama-3.2", "mistral-7b-v0.1", "bert-base-uncased"])
@pytest.mark.parametrize("text", TEXTS)
def test_spans_of_real_tokenizers(name: str, text: str) -> None:
    _check(load(name), text)


@pytest.mark.packages
def test_the_space_that_mistral_puts_before_a_text_claims_no_character() -> None:
    one = cut(load("mistral-7b-v0.1"), "سلام")
    assert one.pieces[:3] == ("<s>", " ", "س")
    assert one.spans[:3] == ((0, 0), (0, 0), (0, 1))
    before_space = cut(load("mistral-7b-v0.1"), " من")
    assert before_space.spans[1:3] == ((0, 0), (0, 2))
    assert cut(load("mistral-7b-v0.1"), "Hello").spans == ((0, 0), (0, 5))


@pytest.mark.packages
def test_what_bert_does_not_know_is_unknown_and_its_control_tokens_are_apart() -> None:
    one = cut(load("bert-base-uncased"), "hi 👩")
    assert one.kinds == (SPECIAL, "text", UNKNOWN, SPECIAL)
    assert one.spans == ((0, 0), (0, 2), (3, 4), (4, 4))
    assert one.tokens == 2


def test_half_a_surrogate_pair_is_refused(small: FastTokenizer) -> None:
    with pytest.raises(ValueError, match="half a surrogate pair"):
        cut(small, "a\ud800")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("سلام", True), ("12 سلام", True), ("Hello سلام", False), ("123", False), ("שלום", True)],
)
def test_direction(text: str, expected: bool) -> None:
    assert runs_right_to_left(text) is expected


@pytest.mark.parametrize(
    ("piece", "shown"),
    [
        (" a", "·a"),
        ("\n", "⏎"),
        ("\u200c", "⟨200C⟩"),
        ("\x1b[31m", "⟨001B⟩[31m"),
        ("\u202e", "⟨202E⟩"),
        ("\u0654", "◌\u0654"),
        ("é", "é"),
    ],
)
def test_nothing_invisible_reaches_a_terminal(piece: str, shown: str) -> None:
    assert visible(piece) == shown
