"""Parameters and memory of a method on a model, from the model's configuration alone.

  tunelab estimate --model llama-3.2-1b --method lora r=16 targets=all-linear --batch 8 --length 128
  tunelab estimate --model smollm2-135m-instruct --method full --trace --measure
  tunelab estimate --compare            full fine-tuning beside LoRA on four models
  tunelab estimate --fits [--memory 24] what fits on this device, or on one of 24 GB

A model is one that tunelab knows, a folder with a config.json, or owner/name on the Hub; settings
of the method are key=value, as in a study. The estimate is that of tunelab's own training step,
for each device, in bytes (1 GB is 10⁹); --terms shows its formulas. --trace runs the step on
tensors without memory; --measure runs it on real ones, with random weights, and reports what the
allocator gave out.
"""

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tunelab.cli.arguments import add_format, split_overrides
from tunelab.cli.tables import print_sentence, print_table
from tunelab.errors import UsageError
from tunelab.guards.strict_yaml import apply_overrides

if TYPE_CHECKING:
    from tunelab.api.estimate import MemoryEstimate
    from tunelab.memory.settings import StepSettings

_PRECISIONS = ("float32", "bfloat16", "float16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab estimate`."""
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="settings of the method")
    parser.add_argument("--model", action="append", default=[], metavar="NAME", help="the model")
    parser.add_argument("--method", default="lora", metavar="NAME", help="default: lora")
    parser.add_argument("--batch", type=int, default=16, metavar="N", help="rows on a device")
    parser.add_argument("--length", type=int, default=128, metavar="N", help="tokens of a row")
    parser.add_argument(
        "--prefix",
        default="none",
        metavar="TOKENS",
        help="how many of them all rows share and a step runs once (default: none)",
    )
    parser.add_argument(
        "--answer", default="3", metavar="N", help="trained tokens of a row, or all (default: 3)"
    )
    parser.add_argument(
        "--head",
        type=int,
        metavar="LABELS",
        help="labels of a head on the last token, in place of an answer in words",
    )
    parser.add_argument("--padded", action="store_true", help="rows in full, with padding")
    parser.add_argument("--precision", choices=_PRECISIONS, default="float32")
    parser.add_argument("--weights", choices=("8-bit", "4-bit"), help="quantized weights")
    parser.add_argument("--optimizer", choices=("adamw", "adamw-8bit", "sgd"), default="adamw")
    parser.add_argument("--checkpointing", action="store_true", help="gradient checkpointing")
    parser.add_argument("--devices", type=int, default=1, metavar="N")
    parser.add_argument("--sharding", choices=("ddp", "fsdp"), default="ddp")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--memory", type=float, metavar="GB", help="of a device (default: this one's)"
    )
    parser.add_argument("--terms", action="store_true", help="show the formulas, term by term")
    parser.add_argument("--trace", action="store_true", help="trace the step as well")
    parser.add_argument("--measure", action="store_true", help="run the step as well")
    parser.add_argument("--compare", action="store_true", help="full beside LoRA, on four models")
    parser.add_argument("--fits", action="store_true", help="what fits on the device")
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Estimate, and print what was asked for."""
    from tunelab.api.estimate import device_memory, make_step

    step = _step(arguments)
    if arguments.compare or arguments.fits:
        settings = make_step(arguments.method, **step)
        return _tables(arguments, settings, device_memory(settings.device, arguments.memory))
    if len(arguments.model) != 1:
        raise UsageError("name one --model, or ask for --compare or --fits.")
    return _one(arguments, step)


def _tables(arguments: argparse.Namespace, settings: Any, memory: int) -> int:
    from tunelab.memory.fits import COMPARED, compare, left_out, what_fits

    names = arguments.model or COMPARED
    asked = {"batch": settings.batch, "length": settings.length}
    if arguments.compare:
        given = memory if arguments.memory or arguments.fits else None
        rows = compare(names, settings, given)
        _print_rows(rows, arguments.format, _step_words(settings, settings.precision), asked)
        if given is not None and not arguments.fits:
            _say(_rule(memory), arguments.format)
    if arguments.fits:
        rows = what_fits(names, settings, memory)
        title = f"what fits into {_rounded(memory)}: {_step_words(settings)}"
        _print_rows(rows, arguments.format, title, {**asked, "usable": _usable(memory)})
        _say(_rule(memory), arguments.format)
    for sentence in left_out(names):
        _say(sentence, arguments.format)
    return 0


def _print_rows(rows: list[dict[str, Any]], format: str, title: str, asked: dict[str, int]) -> None:
    value = [{**row, **asked} for row in rows]
    print_table(
        _readable(rows, format),
        format,
        title=title,
        value=value,
        first_out=("working", "cache", "logits", "gradients", "activations", "total"),
        vital=("model", "method", "peak"),
    )


def _step_words(settings: Any, precision: str | None = None) -> str:
    """The step that an estimate is of, in words."""
    trained = settings.trained
    tokens = "all but the first" if settings.answer is None else f"{trained}"
    words = [
        f"a step of {settings.batch} {'row' if settings.batch == 1 else 'rows'} of "
        f"{settings.length} tokens",
        f"{tokens} of them trained",
    ]
    if settings.prefix:
        words.append(f"{settings.prefix} shared")
    if not settings.packed:
        words.append("padded")
    return ", ".join([*words, *([precision] if precision else [])])


def _rule(memory: int) -> str:
    from tunelab.memory.fits import USABLE

    return (
        f"A step fits where its estimate fills at most {USABLE:.0%} of the device's "
        f"{_rounded(memory)}, which is {_rounded(_usable(memory))}; the largest batch is the most "
        "rows of this length that do."
    )


def _usable(memory: int) -> int:
    from tunelab.memory.fits import USABLE

    return int(memory * USABLE)


def _rounded(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _say(sentence: str, format: str) -> None:
    """A sentence below a table, where people read it."""
    if format == "table":
        print_sentence(sentence)


def _one(arguments: argparse.Namespace, step: Mapping[str, Any]) -> int:
    from tunelab.api.estimate import estimate, make_step
    from tunelab.memory.settings import check_runs

    if arguments.trace or arguments.measure:
        check_runs(make_step(arguments.method, **step))
    given = apply_overrides({}, split_overrides(arguments.overrides))
    for name in given.keys() & {"model", "method", "memory", *step}:
        raise UsageError(f"{name} is an option: --{name}.")
    model = arguments.model[0]
    found = estimate(model, arguments.method, memory=arguments.memory, **step, **given)
    result: dict[str, Any] = {
        "model": found.model,
        "method": found.method,
        "settings": found.settings.model_dump(),
        "step": asdict(found.step),
        "trainable": found.trainable,
        "total": found.total,
        "share": found.share,
        "bytes": {**found.bytes, "peak": found.peak},
        "moments": found.moments,
        "terms": found.rows(),
        "left_out": found.left_out,
        "memory": found.memory,
        "usable": _usable(found.memory),
        "largest_batch": found.largest_batch,
        "traced": None,
        "measured": None,
    }
    if arguments.trace or arguments.measure:
        result |= _run(found, trace=arguments.trace, measure=arguments.measure)
    _print(result, found.step, arguments)
    return 0


def _run(found: "MemoryEstimate", *, trace: bool, measure: bool) -> dict[str, Any]:
    """What the step takes when it is traced, and when it runs."""
    from tunelab.memory.configurations import configuration, shape_by_name
    from tunelab.memory.fits import check_fits
    from tunelab.methods.contract import find_method

    method = find_method(found.method)
    step = (method, found.settings, found.step)
    if measure:
        check_fits(shape_by_name(found.model), *step, _free(found.step.device))
    config = configuration(found.model)
    taken: dict[str, Any] = {}
    if trace:
        from tunelab.memory.trace import trace as run_trace

        taken["traced"] = asdict(run_trace(config, *step))
    if measure:
        from tunelab.memory.measure import measure as run_step

        taken["measured"] = asdict(run_step(config, *step))
    return taken


def _print(result: dict[str, Any], step: "StepSettings", arguments: argparse.Namespace) -> None:
    format = arguments.format
    if format == "json":
        print_table([], format, value=result)
        return
    if arguments.terms:
        print_table(
            _readable(result["terms"], format),
            format,
            title="terms",
            first_out=("numbers", "formula"),
            vital=("part", "term", "bytes"),
        )
        if format == "csv":
            return
    row: dict[str, Any] = {"peak": result["bytes"]["peak"]}
    for name in ("traced", "measured"):
        if result[name] is not None:
            row[name] = result[name]["peak"]
    row |= {"largest_batch": result["largest_batch"], "trainable": result["trainable"]}
    row |= {"total": result["total"], "share": f"{result['share']:.4%}", **result["bytes"]}
    moment = max(result["moments"], key=lambda name: result["moments"][name])
    title = f"{result['method']} of {result['model']}; highest where the {moment}"
    print_table(_readable([row], format), format, title=title)
    _say(f"The estimate is of {_step_words(step, step.precision)}.", format)
    _say(_rule(result["memory"]), format)
    measured = result["measured"]
    if measured is not None and measured["tensors"] not in (None, measured["peak"]):
        scratch = measured["peak"] - measured["tensors"]
        _say(
            f"Of what was measured, {scratch / 1e6:.1f} MB were scratch memory of kernels, which "
            "depends on the processor and which no estimate counts.",
            format,
        )
    if result["left_out"]:
        _say(f"Left out: {result['left_out']}", format)


def _readable(rows: list[dict[str, Any]], format: str) -> list[dict[str, Any]]:
    """Bytes with their unit and shares in percent, where people read them."""
    from tunelab.memory.fits import gigabytes
    from tunelab.memory.terms import PARTS

    if format in {"json", "csv"}:
        return rows
    sizes = {*PARTS, "peak", "bytes", "traced", "measured"}
    return [
        {
            key: gigabytes(value)
            if key in sizes and value is not None
            else f"{value:.4%}"
            if key == "share" and isinstance(value, float)
            else ("yes" if value else "no")
            if isinstance(value, bool)
            else value
            for key, value in row.items()
        }
        for row in rows
    ]


def _step(arguments: argparse.Namespace) -> dict[str, Any]:
    """The training step that the options describe."""
    return {
        "batch": arguments.batch,
        "length": arguments.length,
        "prefix": 0 if arguments.prefix == "none" else _number(arguments.prefix, "prefix"),
        "answer": None if arguments.answer == "all" else _number(arguments.answer, "answer"),
        "head": arguments.head,
        "packed": not arguments.padded,
        "precision": arguments.precision,
        "weights": arguments.weights,
        "optimizer": arguments.optimizer,
        "checkpointing": arguments.checkpointing,
        "devices": arguments.devices,
        "sharding": arguments.sharding,
        "device": arguments.device,
    }


def _number(word: str, option: str) -> int:
    try:
        return int(word)
    except ValueError:
        other = "none" if option == "prefix" else "all"
        raise UsageError(f"--{option} must be a number or {other}.") from None


def _free(device: str) -> int:
    """Bytes that are free on this device."""
    from tunelab.models.device import device_facts

    facts = device_facts()
    if device == "cuda" and "device_memory_free" not in facts:
        raise UsageError("--measure needs the device that is asked about; use --device cpu.")
    return int(facts["device_memory_free" if device == "cuda" else "memory_free"])
