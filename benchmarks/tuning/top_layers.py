"""LoRA on all layers and on the top ones alone: rows a second by epoch, and a small sweep.

    python benchmarks/tuning/top_layers.py --json FILE [--rows 160] [--epochs 3] [--trials 20]

Each way is a process of its own; they take turns of one epoch, and then of one trial of a sweep,
which is a training of two epochs with another learning rate, from the loading of the model on. The
first epoch of the top layers computes the hidden states at their border, in a cache that begins
empty. `--top` is the number of layers; `--trials 0` leaves the sweep out.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from contest import Contestant, finish, start_contestant, take_turn
from turns import Turns, report

MODEL = "smollm2-135m-instruct"
RANK, SEED, BATCH, TRIAL_EPOCHS = 16, 42, 16, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rows", type=int, default=160)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--trial-rows", type=int, default=64)
    parser.add_argument("--top", type=int, default=10)
    parser.add_argument("--way", help="the layers of one process; what the parent process calls")
    options = parser.parse_args()
    if options.way:
        contend(options)
        return
    results = compare(options)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(as_text(results))


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Run both ways in turns; times in seconds, speeds in rows a second."""
    import torch

    ways = ["all", f"top-{options.top}"]
    found: dict[str, dict[str, list[float]]] = {way: {"epochs": [], "trials": []} for way in ways}
    peaks: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        running = {way: _start(way, Path(folder) / way) for way in ways}
        for kind, turns in (("epochs", options.epochs), ("trials", options.trials)):
            for turn in range(turns):
                for way, process in running.items():
                    answer = take_turn(process)
                    found[way][kind].append(answer["seconds"])
                    peaks[way] = answer["peak"]
                    line = f"{kind[:-1]} {turn + 1}: {way}: {answer['seconds']:.2f} s"
                    print(line, file=sys.stderr, flush=True)
        for process in running.values():
            finish(process)
    speeds = {way: [options.rows / one for one in times["epochs"]] for way, times in found.items()}
    later = {way: median(values[1:] or values) for way, values in speeds.items()}
    whole, top = ways
    return {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "model": MODEL,
        "batch_size": BATCH,
        "rows": options.rows,
        "top": options.top,
        "rows_per_second": {
            way: {"first_epoch": values[0], "later_epochs": later[way], "epochs": values}
            for way, values in speeds.items()
        },
        "times_as_fast_from_the_second_epoch": later[top] / later[whole],
        "sweep": {
            "trials": options.trials,
            "rows": options.trial_rows,
            "seconds": {way: sum(times["trials"]) for way, times in found.items()},
            "share_of_the_time": (
                sum(found[top]["trials"]) / sum(found[whole]["trials"]) if options.trials else None
            ),
        },
        "peak_memory": peaks,
    }


def as_text(results: dict[str, Any]) -> str:
    """The results as lines to read."""
    lines = [
        f"{way:8} first epoch {values['first_epoch']:6.2f} rows/s, later "
        f"{values['later_epochs']:6.2f} rows/s, peak {results['peak_memory'][way] / 1e9:.2f} GB"
        for way, values in results["rows_per_second"].items()
    ]
    lines.append(
        f"from the second epoch on {results['times_as_fast_from_the_second_epoch']:.2f} times as "
        "fast"
    )
    if (share := results["sweep"]["share_of_the_time"]) is not None:
        lines.append(f"{results['sweep']['trials']} trials in {100 * share:.0f} % of the time")
    return "\n".join(lines)


def contend(options: argparse.Namespace) -> None:
    """One way: trainings whose epochs and trials wait for their turns."""
    import torch
    from rows import draw_rows

    from tunelab.config import Training
    from tunelab.methods import lora
    from tunelab.models.loading import load
    from tunelab.training.train import train

    def run(count: int, epochs: int, rate: float, callbacks: list[Any]) -> None:
        loaded = load(MODEL)
        rows = draw_rows(loaded, count, SEED).encoded
        torch.manual_seed(SEED)
        model = lora.adapt(loaded.model, lora.Settings(r=RANK, layers=options.way))
        with tempfile.TemporaryDirectory() as folder:
            train(
                model,
                train_rows=rows,
                validation_rows=[],
                pad_token=loaded.tokenizer.pad_token_id,
                options=Training(
                    epochs=epochs, batch_size=BATCH, evaluate_every=100, tracking=[], warmup=0
                ),
                learning_rate=rate,
                precision="float32",
                device="cpu",
                seed=SEED,
                folder=Path(folder),
                callbacks=callbacks,
            )

    # The last turn of the epochs waits in the training for the first one of the trials.
    steps = -(-options.rows // BATCH)
    run(options.rows, options.epochs, 1e-3, [Turns(steps, options.rows)])
    for trial in range(options.trials):
        start = time.perf_counter()
        run(options.trial_rows, TRIAL_EPOCHS, 1e-4 * (trial + 1), [])
        _finish(start, trial + 1 < options.trials)


def _finish(start: float, more: bool) -> None:
    from turns import peak_memory

    report({"seconds": time.perf_counter() - start, "peak": peak_memory()})
    if more:
        sys.stdin.readline()


def _start(way: str, cache: Path) -> Contestant:
    from tunelab.models.cache import cache_folder

    # Hidden states begin anew, and the model need not.
    cache.mkdir()
    (cache / "models").symlink_to(cache_folder() / "models")
    command = [sys.executable, __file__, *sys.argv[1:], "--way", way]
    return start_contestant(command, {"TUNELAB_CACHE": str(cache)})


if __name__ == "__main__":
    main()
