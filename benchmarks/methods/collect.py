"""The scores of trained methods in run folders, as a table and as JSON.

    python benchmarks/methods/collect.py RUN_FOLDER ... --json benchmarks/results/methods.json

Rows that the file holds already stay, unless a folder has the same method, seed, settings, epochs
and learning rate.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunelab.runs.results import Result, load_result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    rows = json.loads(options.json.read_text()) if options.json.is_file() else []
    for folder in options.folders:
        for row in rows_of(folder):
            rows = [*(one for one in rows if _key(one) != _key(row)), row]
    rows.sort(key=_key)
    text = ",\n".join(" " + json.dumps(row) for row in rows)
    options.json.write_text(f"[\n{text}\n]\n", encoding="utf-8")
    for row in rows:
        low, high = row["interval"]
        print(
            f"{row['method']:14} seed {row['seed']}  {row['accuracy']:.3f} ({low:.3f} to "
            f"{high:.3f})  macro-F1 {row['f1_macro']:.3f}  {row['trainable']:>11,} trained  "
            f"{row['epochs']} epochs, {row['seconds']:,.0f} s  {row['settings']}"
        )
    return 0


def rows_of(folder: Path) -> Iterator[dict[str, Any]]:
    """What each trained method of a run folder came to on the test rows."""
    asked = {result.name: result for result in _stages(folder, "evaluate")}
    for trained in _stages(folder, "train"):
        values = asked[trained.name].values
        interval = values["intervals"]["accuracy"]
        yield {
            "method": trained.values["method"],
            "seed": trained.values["seed"],
            "settings": trained.values["settings"],
            "learning_rate": trained.values["learning_rate"],
            "epochs": round(trained.values["planned_steps"] / _steps_an_epoch(trained)),
            "trainable": trained.values["trainable_parameters"],
            "seconds": trained.values["seconds"],
            "best_loss": trained.values["best_loss"],
            "rows": values["scores"]["rows"],
            "accuracy": values["scores"]["accuracy"],
            "interval": [interval["low"], interval["high"]],
            "f1_macro": values["scores"]["f1_macro"],
        }


def _stages(folder: Path, stage: str) -> list[Result]:
    found = [load_result(path.parent) for path in sorted(folder.glob(f"{stage}/*/result.json"))]
    return [result for result in found if result.status == "complete"]


def _steps_an_epoch(trained: Result) -> float:
    import pandas as pd

    history = pd.read_parquet(trained.folder / "history.parquet").dropna(subset="epoch")
    last = history[history["epoch"] > 0].iloc[-1]
    return float(last["step"] / last["epoch"])


def _key(row: dict[str, Any]) -> str:
    names = ("method", "settings", "epochs", "learning_rate", "seed")
    return json.dumps([row[name] for name in names])


if __name__ == "__main__":
    sys.exit(main())
