"""Estimates of a training step's memory beside its measured peak.

    python benchmarks/memory/compare.py --json benchmarks/results/memory.json [--cells smollm2]

Each cell runs in a process of its own, forked from one that has the libraries loaded: the formula,
the trace, and the step itself with random weights, measured by the allocator's own events. Cells
that stand in the JSON file already are not run again, so that a long table can be made in parts.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SMOLLM2 = "smollm2-135m-instruct"
METHODS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("full", {}),
    ("lora", {}),
    ("rslora", {}),
    ("dora", {}),
    ("ia3", {}),
    ("prompt_tuning", {}),
    ("prefix_tuning", {}),
    ("p_tuning", {}),
)

# Batch, length, and whether activations are computed again in the backward pass.
SIZES = (
    (1, 32, False),
    (16, 32, False),
    (64, 32, False),
    (1, 512, False),
    (4, 512, False),
    (4, 64, True),
    (16, 128, True),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--cells", choices=sorted(CELLS), nargs="+", default=["smollm2"])
    parser.add_argument("--layers", type=int, help="instead of the model's own, for a quick look")
    parser.add_argument("--only", nargs="*", help="methods")
    parser.add_argument("--no-measure", action="store_true", help="formula and trace alone")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no cell after these")
    parser.add_argument("--formula", action="store_true", help="renew the formulas of the file")
    options = parser.parse_args()
    done = json.loads(options.json.read_text()) if options.json.is_file() else []
    # What failed is tried again.
    done = [cell for cell in done if "error" not in cell]
    known = {_key(cell) for cell in done}
    _import_everything()
    if options.formula:
        done = [{**cell, **formula(cell)} if "traced" in cell else cell for cell in done]
        for cell in done:
            print(_line(cell))
        _write(options.json, done)
        return
    started = time.monotonic()
    for name in options.cells:
        for cell in CELLS[name]():
            cell = {**cell, "layers": options.layers}
            if _key(cell) in known or (options.only and cell["method"] not in options.only):
                continue
            if time.monotonic() - started > 60 * options.minutes:
                return
            done.append({**cell, **_in_a_process(cell, not options.no_measure)})
            print(_line(done[-1]), flush=True)
            _write(options.json, done)


def _write(file: Path, cells: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = ",\n".join(" " + json.dumps(cell) for cell in cells)
    file.write_text(f"[\n{text}\n]\n", encoding="utf-8")


def cells_of_smollm2() -> Iterator[dict[str, Any]]:
    """Every method in both precisions; then batches, lengths and checkpointing for some."""
    for precision in ("float32", "bfloat16"):
        for method, settings in METHODS:
            yield _cell(method, settings, precision=precision, batch=4, length=64)
    for precision in ("float32", "bfloat16"):
        for method in ("lora", "full", "prompt_tuning"):
            # On a CPU without instructions for it, bfloat16 takes many times as long.
            most = 600 if precision == "bfloat16" and method != "lora" else 2048
            for batch, length, checkpointing in SIZES:
                if batch * length <= most:
                    step = {"precision": precision, "batch": batch, "length": length}
                    step |= {"checkpointing": True} if checkpointing else {}
                    yield _cell(method, {}, **step)
    yield _cell("lora", {}, batch=16, length=64, prefix=36)
    yield _cell("lora", {}, batch=16, length=64, packed=False)
    yield _cell("lora", {}, batch=16, length=64, packed=False, answer=None)
    yield _cell("lora", {}, batch=64, length=512, checkpointing=True, packed=True)


def cells_of_llama() -> Iterator[dict[str, Any]]:
    """Llama-3.2-1B's shape with random weights; bfloat16 on fewer tokens, as it is slow."""
    for precision, batch, length in (("float32", 4, 64), ("bfloat16", 2, 32)):
        cell = _cell("lora", {}, precision=precision, batch=batch, length=length)
        yield {**cell, "model": "llama-3.2-1b"}


CELLS = {"smollm2": cells_of_smollm2, "llama": cells_of_llama}


def _cell(method: str, settings: dict[str, Any], **step: Any) -> dict[str, Any]:
    return {"model": SMOLLM2, "method": method, "settings": settings, "step": step}


def _key(cell: dict[str, Any]) -> str:
    return json.dumps([cell[key] for key in ("model", "layers", "method", "settings", "step")])


def _import_everything() -> None:
    import peft  # noqa: F401
    import torch
    import transformers  # noqa: F401

    import tunelab.memory.trace
    import tunelab.training.trainer  # noqa: F401

    torch.set_num_threads(1)


def _in_a_process(cell: dict[str, Any], measured: bool) -> dict[str, Any]:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_send, args=(theirs, cell, measured))
    process.start()
    theirs.close()
    try:
        return dict(ours.recv())
    except EOFError:
        return {"error": "the process ended without a result"}
    finally:
        process.join()


def _send(pipe: Any, cell: dict[str, Any], measured: bool) -> None:
    try:
        pipe.send(run(cell, measured))
    except Exception as error:
        pipe.send({"error": f"{type(error).__name__}: {error}"[:300]})


def run(cell: dict[str, Any], measured: bool) -> dict[str, Any]:
    """Formula, trace and measurement of a cell, in bytes, and how long the latter two took."""
    from tunelab.memory.measure import measure
    from tunelab.memory.trace import trace

    config, module, chosen, settings = _parts(cell)
    result: dict[str, Any] = {}
    # First of all, so that the resident set is not that of the trace.
    if measured:
        started = time.perf_counter()
        found = measure(config, module, chosen, settings)
        result |= {"measured": found.peak, "resident": found.resident}
        result["seconds_measured"] = round(time.perf_counter() - started, 1)
    started = time.perf_counter()
    traced = trace(config, module, chosen, settings)
    result |= {"traced": traced.peak, "traced_parts": traced.parts}
    result["seconds_traced"] = round(time.perf_counter() - started, 1)
    return result | formula(cell)


def formula(cell: dict[str, Any]) -> dict[str, Any]:
    """The formula's estimate of a cell, in bytes, part by part."""
    from tunelab.memory.fits import summary
    from tunelab.memory.formulas import estimate
    from tunelab.models.shape import shape_of

    config, module, chosen, settings = _parts(cell)
    found = estimate(shape_of(config), module, chosen, settings)
    parts = summary(found)
    return {"formula": parts.pop("peak"), "moment": found.moment, "formula_parts": parts}


def _parts(cell: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    from tunelab import registry
    from tunelab.memory.configurations import configuration
    from tunelab.memory.settings import StepSettings

    config = configuration(cell["model"])
    if cell["layers"]:
        config.num_hidden_layers = cell["layers"]
        if getattr(config, "layer_types", None):
            config.layer_types = config.layer_types[: cell["layers"]]
    module = registry.resolve("method", cell["method"], registry.METHODS)
    chosen = module.Settings.model_validate(cell["settings"])
    return config, module, chosen, StepSettings(**cell["step"])


def _line(cell: dict[str, Any]) -> str:
    step = " ".join(f"{key}={value}" for key, value in cell["step"].items())
    head = f"{cell['model'][:10]} {cell['method']:14}{step:60}"
    if "error" in cell:
        return head + cell["error"]
    real = cell.get("measured") or cell["traced"]
    measured = f"{cell['measured'] / 1e6:9.1f}" if "measured" in cell else " " * 9
    return (
        f"{head}{measured} traced {cell['traced'] / 1e6:9.1f} ({cell['traced'] / real - 1:+.1%})"
        f" formula {cell['formula'] / 1e6:9.1f} ({cell['formula'] / real - 1:+.1%})"
    )


if __name__ == "__main__":
    sys.exit(main())
