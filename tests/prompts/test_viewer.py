"""Rows as a person reads them: whole characters, and each line in its own direction."""

import pytest
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from conftest import build_tokenizer
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import Encoder
from tunelab.prompts.viewer import reading_lines, token_text, view_row


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return _encoder("The labels are {labels}.", ("خوب", "بد"))


def _encoder(system: str, labels: tuple[str, ...]) -> Encoder:
    tokenizer = build_tokenizer()
    format = make_format(tokenizer, system=system, labels=labels, style="chat", max_length=400)
    return Encoder(tokenizer, format)


def _read(encoder: Encoder, text: str, label: str) -> list[tuple[str, bool]]:
    view = view_row(encoder.tokenizer, encoder.example(text, label))
    return [
        ("".join(piece.text for piece in line.pieces), line.right_to_left)
        for line in reading_lines(view)
    ]


def test_each_line_has_its_own_direction(encoder: Encoder) -> None:
    lines = _read(encoder, "ارسال خیلی دیر بود (GPT)!", "بد")
    assert lines[1:] == [
        ("The labels are خوب, بد.<|im_end|>\n", False),
        ("<|im_start|>user\n", False),
        ("ارسال خیلی دیر بود (GPT)!<|im_end|>\n", True),
        ("<|im_start|>assistant\n", False),
        ("بد<|im_end|>", True),
    ]


@pytest.mark.parametrize(
    ("text", "right_to_left"),
    [
        ("it rained 12 days", False),
        ("GPT خیلی بد است و کار نمی‌کند", True),
        ("שלום לכולם", True),
        ("مرحبا بكم في المتجر", True),
        ("今天很高兴", False),
        ("12 + 30 = 42 🎉", False),
    ],
)
def test_the_direction_of_a_text(encoder: Encoder, text: str, right_to_left: bool) -> None:
    lines = _read(encoder, text, "بد")
    assert (f"{text}<|im_end|>\n", right_to_left) in lines


def test_no_token_is_lost_and_labels_stand_out(encoder: Encoder) -> None:
    row = encoder.example("یک 🎉 two\nlines", "خوب")
    view = view_row(encoder.tokenizer, row)
    pieces = [piece for line in reading_lines(view) for piece in line.pieces]
    assert [number for piece in pieces for number in piece.ids] == list(row.ids)
    assert "".join(piece.text for piece in pieces if piece.trained).startswith("خوب")
    # Half a character at the end of what was cut stays as its bytes.
    assert any(token.text.startswith("<D") for token in view.tokens)


def test_bytes_of_a_tokenizer_with_byte_fallback() -> None:
    backend = Tokenizer(
        models.BPE(
            vocab={f"<0x{byte:02X}>": byte for byte in range(256)},
            merges=[],
            byte_fallback=True,
        )
    )
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    assert [token_text(tokenizer, number) for number in (0xDA, 0xA9)] == ["<DA>", "<A9>"]
