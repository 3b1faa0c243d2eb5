"""multilingual-e5-small from its package: weights in 4 bits, tokenizer, pooling, Persian texts."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.data.examples import Example
from tunelab.models.e5_image import convert, read_image
from tunelab.models.encoders import load_encoder

HIDDEN, INNER, LAYERS = 32, 64, 2
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁we", "▁won", "s", "<", ">", "/", "سلام", "<mask>"]
SCORES = [0.0, 0.0, 0.0, 0.0, -3.0, -4.0, -4.0, -5.0, -6.0, -6.0, -6.0, -7.0, 0.0]


def _four_bits(values: np.ndarray) -> bytes:
    """A matrix in blocks of 32 numbers: a scale and 4 bits each."""
    blocks = values.reshape(-1, 32)
    scales = (np.abs(blocks).max(axis=1) / 7).astype("<f2")
    numbers = np.clip(np.rint(blocks / scales[:, None].astype(np.float32)) + 8, 0, 15)
    numbers = numbers.astype(np.uint8)
    halves = numbers[:, :16] | (numbers[:, 16:] << 4)
    return b"".join(
        scale.tobytes() + row.tobytes() for scale, row in zip(scales, halves, strict=True)
    )


def write_image(path: Path) -> dict[str, np.ndarray]:
    """A tiny file of the format; returns its tensors, before they were brought to 4 bits."""
    draw = np.random.default_rng(0)
    vocabulary = len(PIECES)
    shapes: dict[str, tuple[int, ...]] = {
        "emb.word": (vocabulary, HIDDEN),
        "emb.pos": (16, HIDDEN),
        "emb.type": (2, HIDDEN),
        "emb.ln.w": (HIDDEN,),
        "emb.ln.b": (HIDDEN,),
    }
    for layer in range(LAYERS):
        for name in ("q", "k", "v", "ao", "fi", "fo"):
            rows = INNER if name == "fi" else HIDDEN
            width = INNER if name == "fo" else HIDDEN
            shapes[f"l{layer}.{name}.w"], shapes[f"l{layer}.{name}.b"] = (rows, width), (rows,)
        for name in ("aln", "oln"):
            shapes[f"l{layer}.{name}.w"] = shapes[f"l{layer}.{name}.b"] = (HIDDEN,)
    tensors = {name: draw.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    text = "".join(PIECES).encode()
    ends = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
    head = b"E5S1" + struct.pack(
        "<I7ifi", 1, HIDDEN, LAYERS, 4, INNER, vocabulary, 16, 2, 1e-12, 32
    )
    head += struct.pack("<5iQ", vocabulary, 0, 2, 1, 3, len(text)) + ends.tobytes()
    head += np.array(SCORES, "<f4").tobytes() + text
    # One character of the map: a tabulator is a blank.
    head += struct.pack("<iIIBI", 1, 9, 9, 1, 32)
    head += struct.pack("<i", len(tensors))
    packed = {
        name: _four_bits(value) if value.ndim == 2 and not name.startswith(("emb.p", "emb.t"))
        else value.tobytes()
        for name, value in tensors.items()
    }  # fmt: skip
    at = len(head) + sum(2 + len(name) + 21 for name in packed)
    entries = b""
    for name, content in packed.items():
        four = len(content) != tensors[name].nbytes
        entries += struct.pack("<H", len(name)) + name.encode()
        entries += struct.pack("<BIQQ", int(four), tensors[name].size, at, len(content))
        at += len(content)
    path.write_bytes(head + entries + b"".join(packed.values()))
    return tensors


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    folder = tmp_path_factory.mktemp("e5")
    tensors = write_image(folder / "image")
    convert(folder / "image", folder / "model")
    return folder / "model", tensors


def test_the_weights_are_those_of_the_file(made: tuple[Path, dict[str, np.ndarray]]) -> None:
    folder, tensors = made
    found = load_encoder(str(folder)).model.state_dict()
    names = {
        "embeddings.word_embeddings.weight": "emb.word",
        "embeddings.position_embeddings.weight": "emb.pos",
        "encoder.layer.0.attention.self.query.weight": "l0.q.w",
        "encoder.layer.1.intermediate.dense.weight": "l1.fi.w",
        "encoder.layer.1.output.dense.weight": "l1.fo.w",
        "encoder.layer.1.output.dense.bias": "l1.fo.b",
        "encoder.layer.0.attention.output.LayerNorm.weight": "l0.aln.w",
    }
    for name, own in names.items():
        error = np.abs(found[name].numpy() - tensors[own]).max()
        # Half of a step of 4 bits, whose seven steps reach the largest number of a block.
        four_bits = np.abs(tensors[own]).max() / 7 * 0.51
        assert error <= (four_bits if own.endswith(".w") or own == "emb.word" else 1e-7), own


def test_the_tokenizer(made: tuple[Path, dict[str, np.ndarray]]) -> None:
    loaded = load_encoder(str(made[0]))
    tokenizer, pooling = loaded.tokenizer, loaded.pooling
    assert (pooling.mode, pooling.normalize, pooling.prefix) == ("mean", True, "query: ")
    assert loaded.most_tokens == 16
    # Blanks as SentencePiece has them.
    assert tokenizer("we\twon")["input_ids"] == tokenizer("we  won")["input_ids"] == [0, 5, 6, 2]
    assert tokenizer("سلام")["input_ids"] == [0, 4, 11, 2]
    # Text from data is data.
    assert tokenizer("</s>")["input_ids"] == [0, 4, 8, 10, 7, 9, 2]
    assert tokenizer("ω")["input_ids"] == [0, 4, 3, 2]


def test_another_format() -> None:
    with pytest.raises(ValueError, match="does not begin with E5S1"):
        read_image(b"GGUF" + bytes(100))


PERSIAN = {
    "joy": [
        "امروز خیلی خوشحالم",
        "بهترین روز زندگی من بود",
        "از دیدن دوستانم شاد شدم",
        "خبر قبولی‌ات دلم را روشن کرد",
        "در جشن تولد کلی خندیدیم",
        "چه هوای دلپذیری، لذت بردم",
    ],
    "anger": [
        "از دستش خیلی عصبانی هستم",
        "دیگر تحمل این همه دروغ را ندارم",
        "با فریاد در را کوبید و رفت",
        "این بی‌احترامی مرا خشمگین کرد",
        "چرا همیشه حق مرا می‌خورند",
        "از رفتار توهین‌آمیز او کلافه‌ام",
    ],
    "fear": [
        "از تاریکی می‌ترسم",
        "دست‌هایم از ترس می‌لرزید",
        "صدای پا در راهرو مرا وحشت‌زده کرد",
        "نگرانم که اتفاق بدی بیفتد",
        "جرئت نمی‌کنم تنها بیرون بروم",
        "کابوس دیدم و از وحشت بیدار شدم",
    ],
}
ENGLISH = {
    "joy": ["I am so happy today", "we laughed and celebrated", "what a lovely, joyful day"],
    "anger": ["I am furious with him", "he made me so angry", "stop lying to me, I hate it"],
    "fear": ["I am afraid of the dark", "my hands shook with fear", "I am scared to go alone"],
}


def _rows(texts: dict[str, list[str]], kept: slice) -> list[Example]:
    return [Example(text, label) for label, own in texts.items() for text in own[kept]]


@pytest.mark.packages
@pytest.mark.parametrize("language", ["Persian", "English"])
def test_persian_texts(language: str, tmp_path: Path) -> None:
    """Fitted to 12 Persian texts, or to 9 English ones, and asked about Persian ones."""
    texts, kept = (PERSIAN, slice(4)) if language == "Persian" else (ENGLISH, slice(None))
    asked = _rows(PERSIAN, slice(4, None) if language == "Persian" else slice(None))
    settings: dict[str, Any] = {"model": "multilingual-e5-small"}
    made = find_classifier("embedding").make(settings, Context("cpu", "float32"))
    task = Task(_rows(texts, kept), [], tuple(PERSIAN), seed=1)
    made.fit(task, folder=tmp_path / "stage", target=tmp_path / "made", title="")
    found = made.open(tmp_path / "made", task).label([row.text for row in asked])
    right = [answer.label == row.label for answer, row in zip(found, asked, strict=True)]
    assert sum(right) / len(right) >= 0.6
