"""Time and memory of tunelab's training step as one thing grows and the others stay.

    python benchmarks/tuning/growth.py --json FILE

Each line runs in a process of its own, so that its peak memory is its own: some optimizer steps
on random token ids of the lengths asked for, the first one left out of the median.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from turns import peak_memory

MODEL = "smollm2-135m-instruct"
BASE = {"rows": 64, "length": 32, "prefix": 36, "batch": 16, "rank": 16}
GROWTH = {
    "rows": [64, 128, 256],
    "length": [16, 32, 64, 128, 256],
    "prefix": [0, 36, 128, 512],
    "batch": [4, 8, 16, 32, 64],
    "rank": [4, 16, 64],
}
ANSWER = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", help="one case as JSON; what the parent process calls")
    options = parser.parse_args()
    if options.only:
        print("CASE " + json.dumps(measure(**json.loads(options.only))))
        return
    results = []
    print(
        f"{'':8}"
        + "".join(f"{name:>8}" for name in BASE)
        + f"{'s/step':>10}{'s/row':>9}{'peak':>10}"
    )
    for name, values in GROWTH.items():
        for value in values:
            case = BASE | {name: value}
            # Every case has at least three steps.
            case["rows"] = max(case["rows"], 4 * case["batch"])
            result = case | {"grows": name} | _in_a_process(case)
            results.append(result)
            print(
                f"{name:8}"
                + "".join(f"{case[key]:8}" for key in BASE)
                + f"{result['step']:10.3f}{result['step'] / case['batch']:9.4f}"
                f"{result['peak'] / 1e9:7.2f} GB",
                flush=True,
            )
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _in_a_process(case: dict[str, int]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "--only", json.dumps(case)],
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("CASE "))
    return dict(json.loads(line.removeprefix("CASE ")))


def measure(*, rows: int, length: int, prefix: int, batch: int, rank: int) -> dict[str, Any]:
    """Seconds of an optimizer step (median) and of the epoch, and peak memory in bytes."""
    import random

    import torch
    import transformers.trainer
    from transformers import TrainerCallback

    from tunelab.config import Training
    from tunelab.methods import lora
    from tunelab.models.loading import load
    from tunelab.prompts.encoding import IGNORED, EncodedExample
    from tunelab.training.train import train

    steps: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            steps.append(time.perf_counter())

    transformers.trainer.DEFAULT_CALLBACKS.append(Clock)
    draw = random.Random(0)
    shared = tuple(draw.randrange(100, 40000) for _ in range(prefix))
    examples = []
    for number in range(rows):
        # The first own token differs from row to row, so that no more is shared than asked for.
        own = (100 + number, *(draw.randrange(100, 40000) for _ in range(length - 1)))
        ids = shared + own
        prompt = len(ids) - ANSWER
        labels = (IGNORED,) * prompt + ids[prompt:]
        examples.append(EncodedExample(ids, labels, prompt, 0))
    loaded = load(MODEL)
    torch.manual_seed(0)
    model = lora.adapt(loaded.model, lora.Settings(r=rank))
    with tempfile.TemporaryDirectory() as folder:
        outcome = train(
            model,
            train_rows=examples,
            validation_rows=[],
            pad_token=loaded.tokenizer.pad_token_id,
            options=Training(epochs=1, batch_size=batch, tracking=[]),
            learning_rate=1e-4,
            precision="float32",
            device="cpu",
            seed=0,
            folder=Path(folder),
        )
    assert outcome.prefix == prefix
    apart = [after - before for before, after in pairwise(steps)]
    return {"step": median(apart), "epoch": outcome.seconds, "peak": peak_memory()}


if __name__ == "__main__":
    main()
