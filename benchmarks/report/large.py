"""A report over many runs and predictions: how long it takes to build and to open, how large it is.

    python benchmarks/report/large.py MODEL --out DIR [--methods 10] [--seeds 5] [--rows 2000]

MODEL is a folder with a small model; a tiny random one will do, as only the report is measured.
The study itself is real: every method is trained with every seed, and each answers every row.
The page is opened in Chromium with the network off, when it is there.
"""

import argparse
import csv
import json
import random
import time
from pathlib import Path

WORDS = ("sun", "sea", "cold", "warm", "long", "day", "night", "road", "house", "friend", "letter")
LABELS = ("joy", "sadness", "anger", "fear", "love", "surprise")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--methods", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=2000)
    options = parser.parse_args()
    runs = _run(options)
    from tunelab.report.build import build_report

    started = time.perf_counter()
    page = build_report(options.out / "run")
    built = time.perf_counter() - started
    result = {
        "runs": runs,
        "predictions": runs * options.rows,
        "built_seconds": round(built, 1),
        "megabytes": round(page.stat().st_size / 1e6, 2),
        **_open(page),
    }
    print(json.dumps(result))


def _run(options: argparse.Namespace) -> int:
    from tunelab.study.opening import open_study
    from tunelab.study.run import run_study

    rows = options.out / "rows"
    rows.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", 24), ("validation", 6), ("test", options.rows)):
        _write_rows(rows / f"{split}.csv", count)
    methods = ", ".join(
        f"{{name: lora, id: lora-{position}, r: {1 + position % 8}}}"
        for position in range(options.methods)
    )
    study = options.out / "study.yaml"
    study.write_text(
        f"""
name: large
data: {{source: {rows.resolve()}, sample: {{train: all, validation: all, test: all}}}}
prompt: {{system: "Labels are {{labels}}.", max_length: 96}}
models: {{base: null, instruct: {options.model.resolve()}}}
methods: [{methods}]
training: {{epochs: 1, seeds: {list(range(options.seeds))}, tracking: []}}
evaluation: {{modes: [score], baselines: []}}
""",
        encoding="utf-8",
    )
    results = run_study(open_study(str(study), []), options.out / "run")
    return sum(result.stage == "evaluate" for result in results)


def _write_rows(path: Path, count: int) -> None:
    draw = random.Random(path.stem)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(count):
            words = " ".join(draw.choices(WORDS, k=draw.randint(6, 30)))
            writer.writerow([f"{path.stem} {number} {words}", LABELS[number % len(LABELS)]])


def _open(page: Path) -> dict[str, float | int | str]:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        return {"opened": "playwright is not installed"}
    from shutil import which

    with sync_playwright() as driver:
        try:
            browser = driver.chromium.launch(
                executable_path=which("chromium"), args=["--no-sandbox"]
            )
        except Error as error:
            return {"opened": str(error).splitlines()[0]}
        context = browser.new_context(offline=True)
        tab = context.new_page()
        troubles: list[str] = []
        tab.on("console", lambda one: troubles.append(one.text) if one.type == "error" else None)
        started = time.perf_counter()
        tab.goto(page.resolve().as_uri(), wait_until="load")
        loaded = time.perf_counter() - started
        figures = tab.locator("figure[data-chart]").count()
        browser.close()
    return {"load_seconds": round(loaded, 2), "figures": figures, "errors": len(troubles)}


if __name__ == "__main__":
    main()
