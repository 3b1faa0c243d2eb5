"""Run a study three times, twice with one thread and once with two, and tell what differs.

    python -m faults.repeat STUDY [key=value ...] [--json FILE]

Two runs of the same set-up have to leave the same bytes. Another number of threads sums in
another order, as another processor does: this tells by how much the results then differ.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SETUPS = {"one": 1, "again": 1, "two": 2}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--json", type=Path, help="where the results go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tunelab-repeat-") as name:
        folder = Path(name)
        for setup, threads in SETUPS.items():
            _run([options.study, *options.overrides], folder / setup, threads)
        found = {
            "the same set-up, twice": compare(folder / "one", folder / "again"),
            "one thread and two": compare(folder / "one", folder / "two"),
        }
    text = json.dumps(found, indent=1) + "\n"
    if options.json:
        options.json.write_text(text, encoding="utf-8")
    print(text, end="")
    return 0 if found["the same set-up, twice"]["differing"] == [] else 1


def compare(left: Path, right: Path) -> dict[str, Any]:
    """What differs between two run folders of the same study, and by how much."""
    from faults.prints import differing, of_run

    return {
        "differing": differing(of_run(left), of_run(right)),
        "weights": _weights(left, right),
        "predictions": _predictions(left, right),
        "numbers": _numbers(left, right),
    }


def _run(words: Sequence[str], out: Path, threads: int) -> None:
    count = str(threads)
    environment = {**os.environ, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}
    command = [sys.executable, "-m", "tunelab", "run", *words, "--out", str(out)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def _weights(left: Path, right: Path) -> dict[str, Any]:
    """The largest difference of a trained weight, and the largest weight."""
    from safetensors.numpy import load_file

    differences, sizes = [], []
    for path in sorted(left.glob("adapters/*/*.safetensors")):
        ours, theirs = load_file(path), load_file(right / path.relative_to(left))
        for name, tensor in ours.items():
            differences.append(float(abs(tensor - theirs[name]).max()))
            sizes.append(float(abs(tensor).max()))
    return {"largest_difference": max(differences), "largest_weight": max(sizes)}


def _predictions(left: Path, right: Path) -> dict[str, Any]:
    """How many rows got the same label, and the largest difference of a label's log probability.

    The latter is None where the study does not score labels.
    """
    import numpy as np
    import pandas as pd

    ours, theirs = (pd.read_parquet(folder / "predictions.parquet") for folder in (left, right))
    asked = ours["logprobs"].notna()
    pairs = zip(ours.loc[asked, "logprobs"], theirs.loc[asked, "logprobs"], strict=True)
    return {
        "rows": len(ours),
        "same_label": int((ours["predicted"].fillna("") == theirs["predicted"].fillna("")).sum()),
        "same_answer": int((ours["answer"].fillna("") == theirs["answer"].fillna("")).sum()),
        "largest_difference_in_nats": max(
            (float(np.abs(a - b).max()) for a, b in pairs), default=None
        ),
    }


def _numbers(left: Path, right: Path) -> dict[str, Any]:
    """The largest difference of a number in results.parquet."""
    import pandas as pd

    ours, theirs = (pd.read_parquet(folder / "results.parquet") for folder in (left, right))
    differences = (ours["value"] - theirs["value"]).abs()
    position = int(differences.fillna(0).argmax())
    return {
        "numbers": len(ours),
        "same": int((differences.fillna(0) == 0).sum()),
        "largest_difference": float(differences.fillna(0).iloc[position]),
        "of": f"{ours['run'].iloc[position]} {ours['metric'].iloc[position]}",
    }


if __name__ == "__main__":
    sys.exit(main())
