"""What is lost is named: case, accents, joiners, form, spaces."""

import unicodedata

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from conftest import build_tokenizer
from tunelab.tokenizers.loading import describe, load
from tunelab.tokenizers.round_trip import add_up, round_trip


def test_a_byte_level_tokenizer_loses_nothing() -> None:
    small = describe("small", build_tokenizer().backend_tokenizer)
    for text in ("", "  a\n", "می‌روم", "é e\u0301 ﬁ", "</s> \x00 👩‍👩"):
        assert round_trip(small, text).exact


@pytest.mark.packages
@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("hello world", {}),
        ("Hello", {"case": 1}),
        ("café", {"accents": 1}),
        ("می‌روم", {"joiners": 1}),
        ("a  b", {"spaces": 1}),
        ("a 👩 b", {"unknown": 1, "other": 1}),
    ],
)
def test_what_bert_loses(text: str, lost: dict[str, int]) -> None:
    assert round_trip(load("bert-base-uncased"), text).lost == lost


def test_a_normal_form_that_is_lost() -> None:
    backend = Tokenizer(models.WordLevel({"é": 0, "?": 1}, unk_token="?"))
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    trip = round_trip(describe("words", backend), unicodedata.normalize("NFD", "é"))
    assert trip.text == "é"
    assert trip.lost == {"form": 2}


def test_losses_add_up() -> None:
    small = describe("small", build_tokenizer().backend_tokenizer)
    assert add_up([round_trip(small, "a"), round_trip(small, "b")]) == (2, {})
