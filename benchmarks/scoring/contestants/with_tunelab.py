"""tunelab: the labels of a row as a tree, behind the prefix that all rows share."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from serve import serve

from tunelab.classifiers.asking import label_likelihoods
from tunelab.models.loading import load
from tunelab.prompts.conversation import read_format
from tunelab.prompts.encoding import Encoder

task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
torch.set_num_threads(task["threads"])
loaded = load(task["model"], device="cpu", dtype="float32")
encoder = Encoder(loaded.tokenizer, read_format(task["format"]))
texts = task["texts"]


def score() -> dict[str, Any]:
    prompts = [encoder.prompt(text) for text in texts]
    found = label_likelihoods(loaded.model, encoder, prompts, title="", progress=False)
    return {"logprobs": [list(row) for row in found.logprobs]}


serve(score, len(texts))
