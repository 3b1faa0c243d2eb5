"""tunelab's own training function, as `tunelab run` calls it."""

import json
import sys
import tempfile
from pathlib import Path

import torch
import transformers.trainer
from turns import Turns

from tunelab.config import Training
from tunelab.methods import lora
from tunelab.models.loading import load
from tunelab.prompts.encoding import EncodedExample
from tunelab.training.train import train

task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
torch.set_num_threads(task["threads"])
loaded = load(task["model"])
rows = [EncodedExample(tuple(r["ids"]), tuple(r["labels"]), r["prompt"], 0) for r in task["rows"]]
torch.manual_seed(task["seed"])
model = lora.adapt(loaded.model, lora.Settings(**task["lora"]))
batch = task["batch_size"]
transformers.trainer.DEFAULT_CALLBACKS.append(Turns(task["turn_rows"] // batch, task["turn_rows"]))
with tempfile.TemporaryDirectory() as folder:
    train(
        model,
        train_rows=rows,
        validation_rows=[],
        pad_token=loaded.tokenizer.pad_token_id,
        # No checkpoint within the turns: the peers write none either.
        options=Training(
            epochs=task["epochs"],
            batch_size=batch,
            evaluate_every=10.0,
            tracking=[],
            warmup=0,
            scheduler="constant",
        ),
        learning_rate=task["learning_rate"],
        precision="float32",
        device="cpu",
        seed=task["seed"],
        folder=Path(folder),
    )
