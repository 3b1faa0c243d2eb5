"""Arguments of the verbs that generate text: which model, and how tokens are chosen."""

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def add_model(parser: argparse.ArgumentParser, *, several: bool) -> None:
    """The model or models, the template, the system's text, and the device."""
    if several:
        parser.add_argument(
            "--model",
            action="append",
            default=[],
            metavar="NAME",
            help="a model, a folder, or http://HOST:PORT/v1#MODEL; repeatable",
        )
    else:
        parser.add_argument(
            "--model", metavar="NAME", help="a model, a folder, or http://HOST:PORT/v1#MODEL"
        )
    parser.add_argument(
        "--template",
        metavar="NAME",
        help="own, none, a template that tunelab ships, or a .jinja file (default: own)",
    )
    parser.add_argument("--system", metavar="TEXT", help="the system's text")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The settings that decide the next token; one that is not given keeps its default."""
    group = parser.add_argument_group("choice of tokens")
    group.add_argument("--top-k", type=int, metavar="N", help="the N likeliest tokens only")
    group.add_argument("--top-p", type=float, metavar="P", help="tokens that hold P together")
    group.add_argument("--min-p", type=float, metavar="P", help="tokens of P times the likeliest")
    group.add_argument("--repetition-penalty", type=float, metavar="X", help="above 1: less often")
    group.add_argument("--max-new-tokens", type=int, metavar="N", help="tokens of an answer")
    group.add_argument("--stop", action="append", metavar="TEXT", help="ends an answer; repeatable")
    group.add_argument("--seed", type=int, metavar="N", help="of every draw (default: 42)")


def given_settings(arguments: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """The settings that were given, by name."""
    names = ("top_k", "top_p", "min_p", "repetition_penalty", "max_new_tokens", "seed")
    values = {name: getattr(arguments, name) for name in names}
    values["stop"] = tuple(arguments.stop) if arguments.stop else None
    values |= more
    return {name: value for name, value in values.items() if value is not None}


def device_and_dtype(preference: str) -> tuple[str, str]:
    """Where a model runs, and the type of its weights."""
    from tunelab.models.device import pick_device, pick_dtype

    device = pick_device(preference)
    return device, pick_dtype("auto", device)


class Interrupt:
    """Whether the user pressed Ctrl-C: calling it returns True from then on."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        return self.asked


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Within this context the first Ctrl-C ends the answer, and the second one the program."""
    interrupt = Interrupt()

    def ask(*_: Any) -> None:
        if interrupt.asked:
            raise KeyboardInterrupt
        interrupt.asked = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
