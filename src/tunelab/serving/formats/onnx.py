"""ONNX: the graph of an encoder or of a model with a head, from token ids to probabilities."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunelab.classifiers.skops_files import first_line
from tunelab.classifiers.text_graph import HasGraph, TextGraph
from tunelab.errors import RunError, UsageError
from tunelab.library_warnings import quiet
from tunelab.runs.results import write_json
from tunelab.serving.formats.contract import SETTINGS, Format, Source

_MODEL, _TOKENIZER = "model.onnx", "tokenizer.json"
_INPUTS = ("input_ids", "attention_mask")
_OUTPUT = "probabilities"
_FLOAT, _INTEGER = "float32", "int8"
# Of ONNX; onnxruntime 1.14 and later run it.
_OPSET = 18
# Weights that share a scale.
_BLOCK = 32
# What one file of protobuf holds.
_MOST_BYTES = 2**31 - 2**24


def _refusal(source: Source) -> str | None:
    fitted = source.fitted
    if not isinstance(fitted, HasGraph):
        return (
            "an ONNX graph gives probabilities in one pass over the tokens of a text, which an "
            "encoder and a head do, and this classifier does not"
        )
    size = fitted.size.parameters if hasattr(fitted, "size") else None
    if size is not None and 4 * size > _MOST_BYTES:
        return f"an ONNX file holds 2 GB, and its {size:,} parameters in float32 are more"
    try:
        # Cheap beside the export, and the only way to know: the classifier itself says why not.
        fitted.graph()
    except UsageError as error:
        return str(error)
    return None


def _write(source: Source, folder: Path, type: str) -> Mapping[str, Any]:
    assert isinstance(source.fitted, HasGraph)
    graph = source.fitted.graph()
    graph.tokenizer.save(str(folder / _TOKENIZER))
    write_json(folder / SETTINGS, {"labels": list(source.fitted.labels), **graph.settings()})
    try:
        _trace(graph, folder / _MODEL)
        if type == _INTEGER:
            _quantize(folder)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise RunError(
            f"{source.fitted.name} cannot be written as ONNX ({first_line(error)}); torch knows no "
            "graph of it. Use it as it is."
        ) from error
    return {}


def _trace(graph: TextGraph, path: Path) -> None:
    import torch

    # Two rows of different length, so that the mask acts.
    ids = torch.full((2, 9), graph.pad_token)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(("a b c d", "a")):
        found = graph.tokenizer.encode(text, add_special_tokens=graph.special).ids[:9]
        ids[row, : len(found)] = torch.tensor(found, dtype=torch.long)
        mask[row, : max(1, len(found))] = 1
    axes = {name: {0: "texts", 1: "tokens"} for name in _INPUTS}
    with quiet("torch.onnx"), warnings.catch_warnings():
        # What the tracer says of constants; the proof compares rows of other sizes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.model,
            (ids, mask),
            str(path),
            input_names=list(_INPUTS),
            output_names=[_OUTPUT],
            dynamic_axes={**axes, _OUTPUT: {0: "texts"}},
            opset_version=_OPSET,
            dynamo=False,
        )


def _quantize(folder: Path) -> None:
    """Weights in 8 bits: of matrices in blocks with a scale each, of embeddings with one.

    What passes between layers stays in float32: where that was rounded to 8 bits too, a sentence
    encoder gave one label to all texts.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    model, half = folder / _MODEL, folder / f".{_MODEL}.matrices"
    with quiet(""):
        matrices = MatMulNBitsQuantizer(
            onnx.load(model), bits=8, block_size=_BLOCK, is_symmetric=True
        )
        matrices.process()
        matrices.model.save_model_to_file(str(half), False)
        quantize_dynamic(half, model, weight_type=QuantType.QInt8, op_types_to_quantize=["Gather"])
    half.unlink()


FORMAT = Format(
    name="onnx",
    title="an ONNX graph with its tokenizer",
    types={_FLOAT: 1e-4, _INTEGER: None},
    refusal=_refusal,
    write=_write,
    packages={
        "onnxruntime": "onnxruntime",
        "tokenizers": "tokenizers",
        "numpy": "numpy",
    },
    library="onnx",
    writers={"onnx": "onnx", "onnx_ir": "onnx-ir"},
    extra="onnx",
    code='''import json
import os
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession, SessionOptions
from tokenizers import Tokenizer

settings = json.loads(Path("classifier.json").read_text(encoding="utf-8"))
tokenizer = Tokenizer.from_file("tokenizer.json")
tokenizer.encode_special_tokens = True  # "[SEP]" in a text is text
options = SessionOptions()
options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", 0))  # 0: all cores
session = InferenceSession("model.onnx", options, providers=["CPUExecutionProvider"])


def ids_of(text):
    text = text.strip() if settings["strip"] else text
    text = text.lower() if settings["lower"] else text
    while True:
        whole = settings["left"] + text + settings["right"]
        ids = tokenizer.encode(whole, add_special_tokens=settings["special"]).ids
        ids = settings["before"] + ids + settings["after"] or [settings["pad_token"]]
        extra = len(ids) - settings["most_tokens"]
        if extra <= 0 or not text:
            return ids
        text = text[:-extra]


def classify(texts):
    """Of each text its label, the probabilities in the order of the labels, and no raw answer."""
    rows = [ids_of(text) for text in texts]
    shape = (len(rows), max(map(len, rows)))
    ids = np.full(shape, settings["pad_token"], dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    found = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    labels = [settings["labels"][column] for column in found.argmax(axis=1)]
    return [(label, row.tolist(), None) for label, row in zip(labels, found)]
''',
)
