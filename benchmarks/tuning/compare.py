"""Examples a second of tunelab, of TRL and of a notebook's way: one run, one machine, in turns.

    python benchmarks/tuning/compare.py --peers PYTHON --json FILE

PYTHON is the interpreter of an environment that holds TRL; `make bench` makes it. Each contestant
trains the same rows in the same batches with the same prompt, adapter, precision and threads.
After a turn that warms them up they take turns of equally many rows; medians are compared.
"""

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import torch
from arithmetic import matrix_speed, useful_arithmetic
from contest import Contestant, finish, start_contestant, take_turn
from rows import MAX_LENGTH, draw_rows

from tunelab.methods import lora
from tunelab.models.loading import load
from tunelab.prompts.shared_prefix import common_prefix
from tunelab.training.batching import PackedCollator
from tunelab.training.ordering import LengthGroupedOrder

MODEL = "smollm2-135m-instruct"
CONTESTANTS = Path(__file__).parent / "contestants"
NAMES = {"tunelab": "tunelab", "trl": "TRL SFTTrainer", "notebook": "a notebook's way"}
RANK, SEED, RATE = 16, 42, 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", required=True, help="the Python that has TRL")
    parser.add_argument("--json", type=Path, required=True, help="where the results go")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--turn-rows", type=int, default=80)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--skip", nargs="*", default=[], choices=list(NAMES))
    options = parser.parse_args()
    results = compare(options)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(as_text(results))
    print(json.dumps(results))


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Run all contestants in turns; times in seconds, memory in bytes, speeds a second."""
    task, arithmetic = _task(options)
    names = [name for name in NAMES if name not in options.skip]
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    speeds = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "task.json"
        file.write_text(json.dumps(task), encoding="utf-8")
        processes = {name: _start(name, options.peers, file) for name in names}
        for turn in range(options.turns + 1):
            speeds.append(matrix_speed())
            for name, process in processes.items():
                answer = take_turn(process)
                turns[name].append(answer)
                rate = answer["rows"] / answer["seconds"]
                when = f"turn {turn}" if turn else "warm-up"
                print(f"{when}: {NAMES[name]}: {rate:.2f} examples/s", file=sys.stderr, flush=True)
        for process in processes.values():
            finish(process)
    rates = {
        name: [answer["rows"] / answer["seconds"] for answer in answers[1:]]
        for name, answers in turns.items()
    }
    speed = median(speeds)
    results: dict[str, Any] = {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "model": MODEL,
        "data": task["source"],
        "batch_size": options.batch_size,
        "prefix": task["prefix"],
        "matrix_speed": speed,
        "contestants": {
            name: {
                "examples_per_second": median(values),
                "turns": values,
                "peak_memory": turns[name][-1]["peak"],
            }
            for name, values in rates.items()
        },
    }
    if "tunelab" in rates:
        ours = [
            work * rate / options.turn_rows / speed
            for work, rate in zip(arithmetic[1:], rates["tunelab"], strict=False)
        ]
        results["useful_share"] = median(ours)
        for name in set(names) - {"tunelab"}:
            ratio = median(rates["tunelab"]) / median(rates[name])
            results["contestants"][name]["times_as_fast_is_tunelab"] = ratio
    return results


def as_text(results: dict[str, Any]) -> str:
    """The results as a table to read."""
    lines = [
        f"{results['model']}, LoRA r={RANK} on all linear layers, float32, batch "
        f"{results['batch_size']}, {results['data']}, {results['machine']}",
        f"{'':18}{'examples/s':>12}{'peak memory':>14}{'tunelab is':>14}",
    ]
    for name, values in results["contestants"].items():
        ratio = values.get("times_as_fast_is_tunelab")
        lines.append(
            f"{NAMES[name]:18}{values['examples_per_second']:12.2f}"
            f"{values['peak_memory'] / 1e9:11.2f} GB" + (f"{ratio:8.1f} x as fast" if ratio else "")
        )
    lines.append(
        f"matrix products: {results['matrix_speed'] / 1e9:.0f} GFLOP/s; useful arithmetic of "
        f"tunelab's steps: {100 * results.get('useful_share', 0):.0f} % of that"
    )
    return "\n".join(lines)


def _task(options: argparse.Namespace) -> tuple[dict[str, Any], list[float]]:
    """What every contestant is given, and the useful arithmetic of each turn."""
    loaded = load(MODEL)
    count = options.turn_rows * (options.turns + 1)
    rows = draw_rows(loaded, count, SEED)
    ids = [row.ids for row in rows.encoded]
    prefix = common_prefix(ids, [row.prompt_length for row in rows.encoded])
    lengths = [len(row) for row in ids]
    order = list(LengthGroupedOrder(lengths, options.batch_size, SEED))
    model = lora.adapt(loaded.model, lora.Settings(r=RANK))
    layers = {name: m for name, m in model.named_modules() if hasattr(m, "lora_A")}
    collate = PackedCollator(prefix)
    work = []
    for start in range(0, count, options.turn_rows):
        total = 0.0
        for position in range(start, start + options.turn_rows, options.batch_size):
            chosen = order[position : position + options.batch_size]
            batch = collate([rows.encoded[row] for row in chosen])
            positions, trained = batch["position_ids"][0].tolist(), len(batch["predicted"])
            total += useful_arithmetic(model, positions, trained, list(layers.values()))
        work.append(total)
    task = {
        "model": MODEL,
        "folder": str(loaded.folder),
        "source": rows.source,
        "system": rows.system,
        "max_length": MAX_LENGTH,
        "pad_token": loaded.tokenizer.pad_token_id,
        "threads": torch.get_num_threads(),
        "seed": SEED,
        "epochs": 1,
        "learning_rate": RATE,
        "batch_size": options.batch_size,
        "turn_rows": options.turn_rows,
        "lora": {"r": RANK, "alpha": 2 * RANK},
        "targets": sorted({name.rpartition(".")[2] for name in layers}),
        "prefix": prefix,
        "order": order,
        "rows": [
            {
                "text": text,
                "label": label,
                "ids": list(row.ids),
                "labels": list(row.labels),
                "prompt": row.prompt_length,
            }
            for text, label, row in zip(rows.texts, rows.labels, rows.encoded, strict=True)
        ],
    }
    return task, work


def _start(name: str, peers: str, task: Path) -> Contestant:
    python = sys.executable if name == "tunelab" else peers
    command = [python, str(CONTESTANTS / f"with_{name}.py"), str(task)]
    return start_contestant(command, {"PYTHONPATH": str(CONTESTANTS.parent)})


if __name__ == "__main__":
    main()
