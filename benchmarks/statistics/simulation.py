"""Simulate every design of a benchmark in several processes, print its cells and keep them."""

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

Cell = dict[str, Any]


def simulate(
    about: str,
    designs: Iterable[Any],
    study: Callable[..., list[Cell]],
    *,
    show: Callable[[Cell], str],
    conclude: Callable[[list[Cell]], tuple[int, str]],
    options: Mapping[str, tuple[int, str]] | None = None,
) -> None:
    """Read the command line, run ``study`` on every design, and write the record of all cells.

    Args:
        about: the script's docstring, for its help.
        study: takes the number of studies, the value of each option, the seed and (number, design);
            gives the cells of the design. It must be a function of a module, as it is sent to
            other processes.
        conclude: gives the number of kept promises and a sentence.
        options: further options by name, each a default and its help.
    """
    further = options or {}
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--studies", type=int, default=2000)
    for name, (default, text) in further.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=text)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    values = {name: getattr(arguments, name) for name in ("studies", *further, "seed")}
    found: list[Cell] = []
    with ProcessPoolExecutor(arguments.processes) as pool:
        for cells in pool.map(partial(study, *values.values()), list(enumerate(designs))):
            found += cells
            print("\n".join(map(show, cells)), flush=True)
            if arguments.json:
                record = {**values, "kept": conclude(found)[0], "cells": found}
                arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"\n{conclude(found)[1]}")
