"""What labelling takes: memory over many rows, and rows a second beside the matrix speed.

    python benchmarks/predicting/measure.py memory --rows 1000000 --json FILE
    python benchmarks/predicting/measure.py speed --rows 2000 --json FILE

`memory` labels short rows with a tiny random model, in a process of its own, and watches its
resident memory; a second run of a tenth of the rows tells whether memory grows with them.
`speed` labels short rows with SmolLM2-135M-Instruct and an untrained adapter. Its share of the
matrix speed is 2 × parameters × tokens run, divided by the seconds and by what a float32 matrix
product of this machine reaches; tokens that a row shares with all others count once.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

LABELS = ("anger", "fear", "joy", "love", "sadness", "surprise")
WORDS = [
    *("rain", "sun", "game", "door", "night", "song"),
    *("hand", "time", "road", "light", "word", "hope"),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("memory", "speed"))
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.what == "memory":
            result = memory(arguments.rows, folder)
        else:
            result = speed(arguments.rows, folder)
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def memory(rows: int, folder: Path) -> dict[str, Any]:
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
    from conftest import write_model

    adapter = save_untrained(folder, str(write_model(folder / "model")))
    return {
        "cores": os.cpu_count(),
        "model": "3 layers of 32, random",
        "runs": [watched(folder, adapter, count) for count in (rows // 10, rows)],
    }


def speed(rows: int, folder: Path) -> dict[str, Any]:
    import torch

    adapter = save_untrained(folder, "smollm2-135m-instruct")
    run = watched(folder, adapter, rows)
    own, shared, parameters = tokens_of(adapter, folder / f"{rows}.txt")
    reached = matrix_speed(torch)
    # A pass of the reading, one more for each token that is answered behind the first.
    operations = 2 * parameters * (own + shared * run["parts"])
    return {
        "cores": os.cpu_count(),
        "model": "smollm2-135m-instruct",
        **run,
        "own_tokens_a_row": own / rows,
        "shared_tokens": shared,
        "matrix_flops": reached,
        "share_of_matrix_speed": operations / run["labelling_seconds"] / reached,
    }


def watched(folder: Path, adapter: Path, rows: int) -> dict[str, Any]:
    """Label so many rows in a process of its own."""
    texts = folder / f"{rows}.txt"
    with texts.open("w", encoding="utf-8") as stream:
        for n in range(rows):
            words = [WORDS[(n // len(WORDS) ** position) % len(WORDS)] for position in range(6)]
            stream.write(" ".join(words) + "\n")
    out = folder / f"labels-{rows}"
    command = [sys.executable, "-m", "tunelab", "predict", str(texts), "--out", str(out)]
    started = time.perf_counter()
    process = subprocess.Popen([*command, "--adapter", str(adapter)], stderr=subprocess.DEVNULL)
    peak, first = 0, None
    while process.poll() is None:
        try:
            peak = max(peak, psutil.Process(process.pid).memory_info().rss)
        except psutil.Error:
            break
        if first is None and (out / "part-00000000.parquet").exists():
            first = time.perf_counter()
        threading.Event().wait(0.1)
    ended = time.perf_counter()
    assert process.wait() == 0
    record = json.loads((out / "result.json").read_text())
    assert record["rows"] == rows
    parts = record["parts"]
    # What begins a run, as loading, is in the first part.
    steady = (rows - rows / parts) / (ended - first) if first and parts > 1 else None
    return {
        "rows": rows,
        "parts": parts,
        "seconds": ended - started,
        "labelling_seconds": rows / steady if steady else ended - started,
        "rows_a_second": steady or rows / (ended - started),
        "peak_rss_bytes": peak,
    }


def save_untrained(folder: Path, model: str) -> Path:
    """An adapter that changes nothing, with the prompt of a study."""
    from tunelab.classifiers.adapters import save_adapter
    from tunelab.classifiers.asking import encoder_for
    from tunelab.config import Prompt
    from tunelab.methods import lora
    from tunelab.models.loading import load

    loaded = load(model, device="cpu", dtype="float32")
    encoder = encoder_for(loaded.tokenizer, loaded.model, Prompt(max_length=128), LABELS)
    adapted = lora.adapt(loaded.model, lora.Settings(r=16))
    target = folder / "adapter"
    target.mkdir()
    save_adapter(target, adapted, method="lora", loaded=loaded, encoder=encoder, run="none")
    return target


def tokens_of(adapter: Path, texts: Path) -> tuple[int, int, int]:
    """Tokens that rows have of their own, that all share, and parameters of the products."""
    from tunelab.classifiers.adapters import open_adapter
    from tunelab.prompts.shared_prefix import common_prefix

    opened = open_adapter(adapter, device="cpu", dtype="float32")
    lines = texts.read_text(encoding="utf-8").splitlines()
    ids = [opened.encoder.prompt(line).ids for line in lines]
    shared = common_prefix(ids, [len(row) for row in ids])
    parameters = sum(parameter.numel() for parameter in opened.loaded.model.parameters())
    return sum(len(row) - shared for row in ids), shared, parameters


def matrix_speed(torch: Any, size: int = 2048) -> float:
    """Operations a second of a float32 matrix product, the best of several."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(12):
        started = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


if __name__ == "__main__":
    sys.exit(main())
