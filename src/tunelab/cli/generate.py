"""Answer prompts with one model, or with several side by side.

  tunelab generate "What is 2 + 2?" --model smollm2-135m-instruct
  tunelab generate --prompts checkable --model gemma-3-270m --model smollm2-135m-instruct
      --temperature 0 --temperature 0.7 --samples 3

One prompt to one model is streamed. Otherwise the answers are compared: length, repetition,
diversity, agreement, where the prompts say what is right how often it is met, and how likely
each model finds the others' answers. Ctrl-C ends it, and what was answered is printed.
--prompts is checkable, a YAML file, or a text file with a prompt a line.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from tunelab.cli.answering import (
    add_model,
    add_settings,
    device_and_dtype,
    given_settings,
    interruptible,
)
from tunelab.cli.arguments import add_format
from tunelab.errors import TunelabError, UsageError
from tunelab.numbers import counted

_SHOWN = (
    "open_tokens",
    "open_stopped",
    "open_right",
    "open_repetition",
    "open_distinct_2",
    "open_self_bleu",
    "open_agreement",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab generate`."""
    parser.add_argument("prompt", nargs="?", metavar="TEXT", help="one prompt")
    parser.add_argument("--prompts", metavar="NAME", help="many, as above")
    add_model(parser, several=True)
    parser.add_argument(
        "--temperature", type=float, action="append", metavar="T", help="repeatable (default: 0)"
    )
    parser.add_argument("--samples", type=int, metavar="N", help="answers to a prompt")
    parser.add_argument("--plain", action="store_true", help="give the text without a template")
    add_settings(parser)
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Stream one answer, or compare many."""
    from tunelab.generation.chat import make_settings
    from tunelab.generation.local_model import open_answerer
    from tunelab.generation.open_prompts import plain_prompts, read_prompts

    if (arguments.prompt is None) == (arguments.prompts is None):
        raise UsageError("give one TEXT, or --prompts.")
    if not arguments.model:
        raise UsageError("name at least one --model.")
    if arguments.plain and arguments.template is not None:
        raise UsageError("--plain leaves every template out; leave --template out too.")
    if arguments.prompts is not None:
        prompts = read_prompts(arguments.prompts)
    else:
        prompts = plain_prompts([arguments.prompt])
    temperatures = list(dict.fromkeys(arguments.temperature or [0.0]))
    values = given_settings(arguments, samples=arguments.samples)
    settings = make_settings(values)
    for temperature in temperatures:
        make_settings({**values, "temperature": temperature})
    names = list(dict.fromkeys(arguments.model))
    one = len(prompts) == len(names) == len(temperatures) == settings.samples == 1
    device, dtype = device_and_dtype(arguments.device)
    template = "none" if arguments.plain else arguments.template or "own"
    opened = partial(open_answerer, template=template, device=device, dtype=dtype)
    if one:
        settings = make_settings({**values, "temperature": temperatures[0]})
        return _stream(opened(names[0]), prompts[0].text, settings, arguments)
    return _compare(names, opened, prompts, settings, temperatures, arguments)


def _compare(
    names: list[str],
    opened: Callable[[str], Any],
    prompts: Any,
    settings: Any,
    temperatures: list[float],
    arguments: argparse.Namespace,
) -> int:
    """Ask each model in turn, and print the answers, also after an interrupt or an error."""
    from tunelab.generation.comparison import compare_open, perplexities
    from tunelab.generation.endpoint.model import is_endpoint, open_endpoint
    from tunelab.generation.local_model import LocalModel
    from tunelab.generation.side_by_side import ask_open, read_answers
    from tunelab.models.kinds import find_language_model

    for name in names:
        # A wrong name is refused before the others have answered.
        _ = open_endpoint(name) if is_endpoint(name) else find_language_model(name)
    answers: list[Any] = []
    readers = {}
    failure = None
    system = arguments.system or ""
    with interruptible() as interrupt:
        for name in names:
            try:
                answerer = opened(name)
                ask_open(
                    name,
                    answerer,
                    prompts,
                    settings,
                    temperatures,
                    system=system,
                    keep=answers.append,
                    interrupt=interrupt,
                )
            except TunelabError as error:
                failure = error
            if failure is not None or interrupt():
                break
            if isinstance(answerer, LocalModel):
                readers[name] = answerer
    if failure is not None and not answers:
        raise failure
    positions = {prompt.id: position for position, prompt in enumerate(prompts)}
    answers.sort(
        key=lambda one: (names.index(one.model), one.temperature, positions[one.prompt], one.sample)
    )
    read = []
    for name, reader in readers.items() if len(names) > 1 and not interrupt() else ():
        read += read_answers(name, reader, prompts, answers, system=system)
    _print(
        prompts,
        answers,
        compare_open(prompts, answers),
        perplexities(read, seed=settings.seed),
        arguments.format,
    )
    if failure is not None:
        # What was answered until then is printed above.
        raise failure
    return 130 if interrupt() else 0


def _stream(answerer: Any, text: str, settings: Any, arguments: argparse.Namespace) -> int:
    import json

    from tunelab.generation.side_by_side import as_prompt

    table = arguments.format == "table"
    done = None
    with interruptible() as interrupt:
        asked = as_prompt(answerer, text, arguments.system or "")
        for step in answerer.stream([asked], settings, interrupt=interrupt):
            if table:
                print(step.text, end="", flush=True)
            done = step.done or done
    assert done is not None
    if table:
        print()
        first, each = done.first_token_seconds, done.seconds_per_token
        speed = f", first after {first:.2f} s" if first else ""
        speed += f", then {each:.3f} s each" if each else ""
        tokens = counted(len(done.tokens), "token")
        print(f"({tokens}{speed}; ended by: {done.ending})", file=sys.stderr)
    elif arguments.format == "json":
        print(json.dumps(done.to_dict(), indent=1, ensure_ascii=False))
    else:
        from tunelab.cli.tables import print_table

        print_table([{"text": done.text, "ending": done.ending}], arguments.format)
    return 130 if done.ending == "interrupted" else 0


def _print(
    prompts: Any,
    answers: Any,
    compared: list[dict[str, Any]],
    perplexity: list[dict[str, Any]],
    format: str,
) -> None:
    from tunelab.cli.tables import print_table

    whole = {
        "prompts": [prompt.to_dict() for prompt in prompts],
        "answers": [answer.to_dict() for answer in answers],
        "comparison": compared,
        "perplexity": perplexity,
    }
    texts = {prompt.id: prompt for prompt in prompts}
    if format == "table":
        listed = [
            {
                "prompt": texts[answer.prompt].text,
                "model": answer.model,
                "temperature": answer.temperature,
                "answer": answer.text.strip(),
                "right": {None: "", True: "yes", False: "no"}[
                    texts[answer.prompt].right(answer.text)
                ],
            }
            for answer in answers
        ]
        print_table(listed, format, title="Answers")
    rows = [
        {
            "model": row["model"],
            "temperature": row["temperature"],
            **{name.removeprefix("open_"): row[name]["value"] for name in _SHOWN},
        }
        for row in compared
    ]
    print_table(rows, format, title="Side by side", value=whole)
    if perplexity and format == "table":
        listed = [
            {
                "read by": row["reader"],
                "written by": row["writer"],
                "temperature": row["temperature"],
                "perplexity": row["perplexity"]["value"],
                "bits a byte": row["bits_per_byte"]["value"],
            }
            for row in perplexity
        ]
        print_table(listed, format, title="How likely each model finds the answers")
