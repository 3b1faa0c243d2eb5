"""How much two trainings at once slow each other down, under several ways for threads to wait.

    python benchmarks/tuning/beside.py --json FILE [--rows 48]

Each way runs `tunelab train starter` with LoRA on SmolLM2 once alone and then twice at once, and
compares the seconds of the training in its record; all of the cores are visible to each. The
ratio is the slower of the two divided by the one alone: 2 is a fair division of the machine.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tunelab.runs.results import load_result

# What the environment of a command holds.
WAYS: dict[str, dict[str, str]] = {
    "libgomp's own": {"GOMP_SPINCOUNT": "300000", "OMP_WAIT_POLICY": "ACTIVE"},
    "no spinning": {"GOMP_SPINCOUNT": "0"},
    "1,000 spins": {"GOMP_SPINCOUNT": "1000"},
    "10,000 spins": {"GOMP_SPINCOUNT": "10000"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True, help="where the results go")
    parser.add_argument("--rows", type=int, default=48, help="training rows (default: %(default)s)")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    options = parser.parse_args()
    results: dict[str, Any] = {
        "machine": {"cores": os.cpu_count(), "processor": platform.processor()},
        "rows": options.rows,
        "ways": {},
    }
    for way in options.ways:
        alone = trained(1, options.rows, WAYS[way])
        beside = trained(2, options.rows, WAYS[way])
        found = {
            "alone": alone,
            "two": beside,
            "ratio": max(one["train_seconds"] for one in beside) / alone[0]["train_seconds"],
            "ratio_of_commands": max(one["seconds"] for one in beside) / alone[0]["seconds"],
        }
        results["ways"][way] = found
        print(
            f"{way}: {alone[0]['train_seconds']:.1f} s alone, "
            f"{max(one['train_seconds'] for one in beside):.1f} s beside another, "
            f"{found['ratio']:.2f} times; whole commands {found['ratio_of_commands']:.2f} times",
            flush=True,
        )
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def trained(count: int, rows: int, way: dict[str, str]) -> list[dict[str, float]]:
    """So many trainings at once: the seconds of each command and of the training within it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    }
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / str(number) for number in range(count)]
        start = time.monotonic()
        running = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "tunelab", "train", "starter", "--method", "lora"),
                    *("--out", str(folder), f"data.sample.train={rows}", "training.epochs=1"),
                ],
                env=kept | way,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for folder in folders
        ]
        ended: dict[int, float] = {}
        while len(ended) < count:
            for number, process in enumerate(running):
                if number not in ended and process.poll() is not None:
                    ended[number] = time.monotonic() - start
            time.sleep(0.05)
        for process in running:
            if process.returncode:
                raise SystemExit(process.communicate()[1][-2000:])
        return [
            {"seconds": ended[number], "train_seconds": _train_seconds(folder)}
            for number, folder in enumerate(folders)
        ]


def _train_seconds(folder: Path) -> float:
    """The seconds of the training in the record of the only training of a run."""
    (record,) = folder.glob("train/lora-*/result.json")
    return float(load_result(record.parent).values["seconds"])


if __name__ == "__main__":
    main()
