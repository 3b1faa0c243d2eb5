"""Accuracy of classifiers from few rows of each label, over several draws of the rows.

    python benchmarks/classifiers/few_shot.py setfit embedding tfidf-svm --rows 8 64 --draws 10 \
        --json benchmarks/results/few_shot.json

A classifier is a kind's name, or YAML: '{name: long, use: setfit, pairs: 4000}'. A draw shuffles
the training rows of each label by its number and takes the first ones, so that 8 rows a label are
among the 64 of the same draw. The data's validation rows are the test rows. What the JSON file
holds already is not run again, and every draw is shown.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import yaml

from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.config import fingerprint
from tunelab.data.examples import Example
from tunelab.data.nested_draws import draw_rows, short_labels
from tunelab.data.sources import open_source
from tunelab.runs.results import write_text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("classifiers", nargs="+")
    parser.add_argument("--data", default=os.environ.get("TUNELAB_EMOTION", "starter"))
    parser.add_argument("--rows", type=int, nargs="+", default=[8], help="of each label")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--test", type=int, help="validation rows, all by default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    splits = open_source(options.data, text="text", label="label").splits
    labels = tuple(sorted({row.label for row in splits["train"]}))
    asked = draw(splits["validation"], None, seed=0)[: options.test]
    done = json.loads(options.json.read_text()) if options.json.is_file() else []
    context = Context(options.device, "auto")
    for number in range(options.draws):
        for count in options.rows:
            rows = draw(splits["train"], count, seed=number)
            task = Task(rows, (), labels, seed=number)
            about = {
                "rows_a_label": count,
                "draw": number,
                "training_rows": fingerprint([[row.text, row.label] for row in rows], length=16),
                "test_rows": fingerprint([[row.text, row.label] for row in asked], length=16),
            }
            for entry in map(read_entry, options.classifiers):
                key = {**entry, **about}
                if any(key.items() <= row.items() for row in done):
                    continue
                done.append({**key, **measure(entry, task, asked, context)})
                keep(options.json, done)
                print(json.dumps(done[-1]), file=sys.stderr, flush=True)
    print(table(done))
    return 0


def read_entry(text: str) -> dict[str, Any]:
    """Name, kind and settings of a classifier."""
    read = yaml.safe_load(text)
    entry = read if isinstance(read, dict) else {"name": str(read)}
    use = str(entry.get("use", entry["name"]))
    settings = {key: value for key, value in entry.items() if key not in ("name", "use")}
    return {"name": str(entry["name"]), "use": use, "settings": settings}


def draw(rows: Sequence[Example], count: int | None, *, seed: int) -> list[Example]:
    """``count`` rows of each label, or all, in an order that the seed decides."""
    short = short_labels(Counter(row.label for row in rows), count) if count else {}
    if short:
        raise SystemExit(f"the label {next(iter(short))!r} has fewer than {count} rows")
    return draw_rows(rows, count, seed=seed)


def measure(
    entry: dict[str, Any], task: Task, asked: Sequence[Example], context: Context
) -> dict[str, Any]:
    """Accuracy, macro-F1 and seconds of one classifier."""
    from sklearn.metrics import accuracy_score, f1_score

    kind = find_classifier(entry["use"])
    kind.check(entry["settings"], "")
    made = kind.make(entry["settings"], context)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "classifiers" / entry["name"]
        values = made.fit(task, folder=Path(folder) / "stage", target=target, title="")
        opened = made.open(target, task)
        started = time.perf_counter()
        found = [str(answer.label) for answer in opened.label([row.text for row in asked])]
        seconds = time.perf_counter() - started
    truth = [row.label for row in asked]
    return {
        "asked": len(asked),
        "accuracy": accuracy_score(truth, found),
        "f1_macro": f1_score(truth, found, average="macro", zero_division=0),
        "train_seconds": round(float(values["seconds"]), 3),
        "answer_seconds": round(seconds, 3),
    }


def keep(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the results so far, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "[\n" + ",\n".join(" " + json.dumps(row) for row in rows) + "\n]\n")


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each classifier and number of rows, with every draw."""
    groups: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["rows_a_label"], row["name"]), []).append(row)
    lines = [
        "| rows a label | classifier | mean accuracy | standard deviation | macro-F1 | "
        "seconds to train | test rows | accuracy of each draw |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for (count, name), group in sorted(groups.items()):
        scores = [row["accuracy"] for row in group]
        cells = [
            *(str(count), name, f"{fmean(scores):.3f}"),
            f"{stdev(scores):.3f}" if len(scores) > 1 else "–",
            f"{fmean(row['f1_macro'] for row in group):.3f}",
            f"{fmean(row['train_seconds'] for row in group):.1f}",
            str(group[0]["asked"]),
            ", ".join(f"{score:.3f}" for score in scores),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
