"""lm-evaluation-harness: a multiple-choice task over the same prompts and labels."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from lm_eval.evaluator import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from serve import serve

task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
batch_size = task["peer_batch_size"]
torch.set_num_threads(task["threads"])
folder = Path(tempfile.mkdtemp())
rows = folder / "rows.jsonl"
with rows.open("w", encoding="utf-8") as stream:
    for prompt, label in zip(task["prompts"], task["truth"], strict=True):
        stream.write(json.dumps({"prompt": prompt, "label": task["labels"].index(label)}) + "\n")
description = {
    "task": "labels",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": str(rows)}},
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "{{prompt}}",
    "doc_to_choice": task["labels"],
    "doc_to_target": "label",
    "target_delimiter": "",
    "metric_list": [{"metric": "acc"}],
}
model = HFLM(
    pretrained=task["folder"],
    device="cpu",
    dtype="float32",
    batch_size=batch_size,
    # Its automatic batch size is found with rows of this length.
    max_length=task["longest"],
)


def score() -> dict[str, Any]:
    found = simple_evaluate(
        model=model,
        tasks=[description],
        task_manager=TaskManager(),
        log_samples=True,
        bootstrap_iters=0,
        verbosity="ERROR",
    )
    samples = sorted(found["samples"]["labels"], key=lambda sample: sample["doc_id"])
    return {
        "logprobs": [[float(pair[0]) for pair in row["filtered_resps"]] for row in samples],
        "accuracy": found["results"]["labels"]["acc,none"],
    }


serve(score, len(task["texts"]))
