"""Fast tokenizers built from ranks and pieces give the ids of tiktoken and SentencePiece."""

import io
import random

import pytest
import sentencepiece
import tiktoken

from tunelab.tokenizers.byte_alphabet import from_alphabet, to_alphabet
from tunelab.tokenizers.byte_level import LLAMA_3, from_ranks, list_merges, read_ranks
from tunelab.tokenizers.sentencepiece_bpe import build
from tunelab.tokenizers.sentencepiece_file import BYTE, CONTROL, read_pieces

LINES = [
    "the rain came down all day and we sat at the window",
    "می‌روم به خانه و کتاب‌هایم را می‌خوانم",
    "aaaa aaaaaa aa a     spaces      and ===== signs",
] * 20


def _ranks() -> dict[bytes, int]:
    ranks = {bytes([byte]): byte for byte in range(256)}
    for token in (b"aa", b"aaa", b"th", b"the", b" the", b" t", b"  ", b"   ", b"\xd9\x85", b"ab"):
        ranks[token] = len(ranks)
    return ranks


def test_every_byte_has_a_character_and_back() -> None:
    content = bytes(range(256))
    assert from_alphabet(to_alphabet(content)) == content
    assert len(set(to_alphabet(content))) == 256
    assert from_alphabet("é\u2603") is None


def test_all_pairs_that_make_a_token_are_merges_in_order_of_rank() -> None:
    merges = list_merges(_ranks())
    assert merges[0] == (b"a", b"a")
    assert {(b"aa", b"a"), (b"a", b"aa")} <= set(merges)
    assert merges.index((b"t", b"h")) < merges.index((b"th", b"e"))


def test_ids_from_ranks_are_those_of_tiktoken() -> None:
    ranks = _ranks()
    special = {"<|begin|>": len(ranks) + 2}
    tokenizer = from_ranks(ranks, pattern=LLAMA_3, special=special)
    encoding = tiktoken.Encoding("small", pat_str=LLAMA_3, mergeable_ranks=ranks, special_tokens={})
    rng = random.Random(5)
    texts = ["".join(rng.choices("ath eم\n0", k=rng.randrange(40))) for _ in range(400)]
    for text in texts:
        assert tokenizer.encode(text).ids == encoding.encode_ordinary(text)
    assert tokenizer.token_to_id("<|begin|>") == len(ranks) + 2
    assert tokenizer.get_vocab_size() == len(ranks) + 3


def test_a_damaged_tiktoken_file() -> None:
    with pytest.raises(ValueError, match="not a tiktoken file"):
        read_ranks(b"n!t-base64 3")


@pytest.mark.parametrize("prefix", [True, False])
def test_ids_from_pieces_are_those_of_sentencepiece(prefix: bool) -> None:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES),
        model_writer=model,
        vocab_size=360,
        model_type="bpe",
        byte_fallback=True,
        add_dummy_prefix=prefix,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        minloglevel=3,
    )
    pieces = read_pieces(model.getvalue())
    assert sum(piece.kind == BYTE for piece in pieces) == 256
    assert [piece.text for piece in pieces if piece.kind == CONTROL] == ["<s>", "</s>"]
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    tokenizer = build(pieces, prefix=prefix)
    tokenizer.encode_special_tokens = True
    rng = random.Random(6)
    texts = ["".join(rng.choices("athe  a=م‌ی\n▁é", k=rng.randrange(40))) for _ in range(400)]
    for text in ["", "  ", "<s> a </s>", "a" * 200, " " * 100, *LINES[:3], *texts]:
        assert tokenizer.encode(text).ids == processor.encode(text)


@pytest.mark.parametrize("content", [b"", b"\x0a\xff", b"\x08\x01", b"\xff\xff"])
def test_what_is_no_sentencepiece_file(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a SentencePiece model"):
        read_pieces(content)
