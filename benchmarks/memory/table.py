"""The cells of compare.py as a Markdown table, and how far estimates are off at most.

    python benchmarks/memory/table.py benchmarks/results/memory.json

Cells that were not measured, or on fewer layers than the model has, are left out.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ESTIMATES = ("traced", "formula")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    cells = json.loads(parser.parse_args().file.read_text(encoding="utf-8"))
    cells = [cell for cell in cells if "measured" in cell and cell["layers"] is None]
    print(table(cells))
    for model in dict.fromkeys(cell["model"] for cell in cells):
        of_model = [cell for cell in cells if cell["model"] == model]
        worst = {name: max(abs(_off(cell, name)) for cell in of_model) for name in ESTIMATES}
        told = ", ".join(f"{name} {off:.1%}" for name, off in worst.items())
        print(f"\n{model}, {len(of_model)} cells, furthest from the measured peak: {told}")


def table(cells: Sequence[dict[str, Any]]) -> str:
    """A row for each cell."""
    head = ("model", "method", "precision", "batch", "length", "otherwise", "measured, MB")
    numbers = {"batch", "length", "measured, MB", *ESTIMATES}
    names = (*head, *ESTIMATES)
    lines = [_row(names), _row(["---:" if name in numbers else "---" for name in names])]
    for cell in cells:
        step = cell["step"]
        row = [
            cell["model"].removesuffix("-instruct"),
            cell["method"],
            step.get("precision", "float32"),
            str(step["batch"]),
            str(step["length"]),
            _otherwise(step),
            f"{cell['measured'] / 1e6:,.1f}",
            *(f"{_off(cell, name):+.1%}" for name in ESTIMATES),
        ]
        lines.append(_row(row))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _off(cell: dict[str, Any], name: str) -> float:
    return float(cell[name] / cell["measured"] - 1)


def _otherwise(step: dict[str, Any]) -> str:
    words = ["checkpointing"] if step.get("checkpointing") else []
    words += [f"{step['prefix']} tokens shared"] if step.get("prefix") else []
    words += ["padded"] if step.get("packed") is False else []
    words += ["all tokens trained"] if "answer" in step and step["answer"] is None else []
    return ", ".join(words)


if __name__ == "__main__":
    main()
