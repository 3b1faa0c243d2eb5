"""The reference libraries' ids: tiktoken, SentencePiece, and BERT's own code."""

import json
import tempfile
import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from tunelab.tokenizers.catalog import CATALOG
from tunelab.tokenizers.sources import SOURCE, fetch

# As published: llama_models/llama3/tokenizer.py and tiktoken_ext/openai_public.py.
LLAMA_3 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""  # noqa: E501
O200K = "|".join(
    [
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""\p{N}{1,3}""",
        r""" ?[^\s\p{L}\p{N}]+[\r\n/]*""",
        r"""\s*[\r\n]+""",
        r"""\s+(?!\S)""",
        r"""\s+""",
    ]
)
# SmolLM2 cuts numbers into digits (llama.cpp's pre-tokenizer `smollm`), then into GPT-2's words.
GPT_2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""

Encode = Callable[[str], list[int]]


def reference(name: str) -> Encode:
    """A function from a text to the ids that the reference gives, without control tokens."""
    makers = {
        "llama-3.2": lambda: _tiktoken("llama-3.2", LLAMA_3),
        "phi-4-mini": lambda: _tiktoken("phi-4-mini", O200K),
        "mistral-7b-v0.1": lambda: _sentencepiece(_source("mistral-7b-v0.1")),
        "bert-base-uncased": _bert,
        "smollm2": _smollm2,
    }
    return makers[name]()


def folder(name: str) -> Path:
    """The cached tokenizer."""
    return fetch(CATALOG[name])


def _source(name: str) -> bytes:
    return (folder(name) / SOURCE).read_bytes()


def tiktoken_of(name: str, pattern: str) -> Any:
    """A tiktoken encoding over the ranks that the cached tokenizer was built from."""
    import base64

    import tiktoken

    lines = [line.split() for line in _source(name).splitlines() if line]
    return tiktoken.Encoding(
        name=name,
        pat_str=pattern,
        mergeable_ranks={base64.b64decode(token): int(rank) for token, rank in lines},
        special_tokens={},
    )


def _tiktoken(name: str, pattern: str) -> Encode:
    encode: Encode = tiktoken_of(name, pattern).encode_ordinary
    return encode


def _sentencepiece(model: bytes) -> Encode:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return lambda text: list(processor.encode(text))


def sentencepiece_of(pieces: Any) -> Encode:
    """SentencePiece's own BPE over pieces that came from elsewhere, without a prefix."""
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    names = {"unk": 3, "bos": 2, "eos": 1, "pad": 0}
    for piece in pieces:
        entry = model.pieces.add()
        entry.piece, entry.score, entry.type = piece.text, piece.score, piece.kind
    model.trainer_spec.model_type = 2
    model.trainer_spec.byte_fallback = True
    model.trainer_spec.vocab_size = len(pieces)
    for name, number in names.items():
        setattr(model.trainer_spec, f"{name}_id", number)
        setattr(model.trainer_spec, f"{name}_piece", pieces[number].text)
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = False
    model.normalizer_spec.remove_extra_whitespaces = False
    return _sentencepiece(model.SerializeToString())


def _bert() -> Encode:
    from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

    with tempfile.TemporaryDirectory() as temporary:
        vocabulary = Path(temporary) / "vocab.txt"
        vocabulary.write_bytes(_source("bert-base-uncased"))
        slow = BertTokenizerLegacy(str(vocabulary))
    return lambda text: slow.convert_tokens_to_ids(
        [
            piece
            for word in slow.basic_tokenizer.tokenize(text)
            for piece in slow.wordpiece_tokenizer.tokenize(word)
        ]
    )


def _smollm2() -> Encode:
    """BPE as the paper says it: merge the pair that stands first in the list, until none does."""
    import regex

    from tunelab.tokenizers.byte_alphabet import to_alphabet

    model = json.loads((folder("smollm2") / "tokenizer.json").read_text("utf-8"))["model"]
    ids = model["vocab"]
    ranks = {tuple(pair): rank for rank, pair in enumerate(model["merges"])}
    sections, words = regex.compile(r"\p{N}|[^\p{N}]+"), regex.compile(GPT_2)

    @cache
    def merge(word: str) -> list[int]:
        # The vocabulary lacks 21 bytes; the `tokenizers` library, in which SmolLM2 was made,
        # leaves them out before it merges.
        parts = [part for part in to_alphabet(word.encode("utf-8")) if part in ids]
        while len(parts) > 1:
            best = min(pairwise(parts), key=lambda pair: ranks.get(pair, len(ranks)))
            if best not in ranks:
                break
            merged: list[str] = []
            position = 0
            while position < len(parts):
                two = tuple(parts[position : position + 2])
                merged.append("".join(two) if two == best else parts[position])
                position += 2 if two == best else 1
            parts = merged
        return [ids[part] for part in parts]

    return lambda text: [
        number
        for section in sections.findall(text)
        for word in words.findall(section)
        for number in merge(word)
    ]


def comparable(name: str, text: str) -> bool:
    """Whether the reference can be asked: its Unicode tables must be those of the tokenizer.

    `regex` calls letters what was assigned after Unicode 14, and BERT's implementations differ.
    """
    if name == "smollm2":
        return all(unicodedata.category(character) != "Cn" for character in text)
    return name != "bert-base-uncased" or all(map(bert_agrees_on, text))


_UNICODE_8_GAPS = {"Cn", "Co", "Cs"}


@cache
def bert_agrees_on(character: str) -> bool:
    """Whether both of BERT's implementations know the character's kind.

    The fast one has the tables of Unicode 8, the old one those of Python; code points assigned
    since then, or never, are letters to one and control characters or punctuation to the other.
    A capital sigma at the end of a word is lower-cased to another letter.
    """
    if character == "Σ" or unicodedata.category(character) in _UNICODE_8_GAPS:
        return False
    # Emptied by one, a mark or punctuation to the other: asked of the fast one itself.
    from tokenizers import normalizers, pre_tokenizers

    fast = normalizers.BertNormalizer()
    text = fast.normalize_str(f"a{character}b")
    parts = [part for part, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(text)]
    return parts == _old_parts(character)


def _old_parts(character: str) -> list[str]:
    from transformers.models.bert.tokenization_bert_legacy import BasicTokenizer

    found: list[str] = BasicTokenizer().tokenize(f"a{character}b")
    return found
