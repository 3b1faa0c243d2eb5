"""The entry point: pick the verb, run it, turn errors into one sentence."""

import argparse
import logging
import re
import sys
from collections.abc import Container, Sequence
from importlib import import_module
from typing import NoReturn

from tunelab import __version__
from tunelab.errors import RunError, TunelabError, UsageError
from tunelab.guards.visible_text import visible

# Characters of an error.
_LONGEST = 2_000
_WHOLE_NUMBER = re.compile(r"[-+]?[0-9]+")

VERBS = {
    "init": "look at a file of labelled texts, and write a study for it",
    "run": "the whole study, resuming what is finished",
    "tokenize": "compare tokenizers on a text, a file, parallel files or a corpus; train some",
    "generate": "answer prompts with one model or several side by side",
    "chat": "talk with a model, or play a conversation file",
    "template": "show what a chat template makes of a conversation, and find its faults",
    "prepare": "load, check, sample and encode the data; --show N is the mask viewer",
    "estimate": "parameters and memory of a method on a model; --trace, --measure run the step",
    "train": "train the methods of a study",
    "sweep": "search the settings of a method, and compare the best with the study's own",
    "evaluate": "measure models and classifiers on a labelled file",
    "predict": "label files with any saved classifier",
    "serve": "answer requests over HTTP with classifiers and language models",
    "monitor": "test whether texts and answers of a classifier in use have changed",
    "export": "write a classifier as ONNX, GGUF, skops or a merged model, and prove it",
    "report": "rebuild report.html of a run folder, or compare several runs",
    "app": "the web pages: tokenize, compare, classify, label, memory, fine-tune, finished studies",
    "doctor": "device, memory, token, cache, what is installed, what can run here",
}


class Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of printing the usage and exiting."""

    def error(self, message: str) -> NoReturn:
        """Raise argparse's message as a UsageError."""
        raise UsageError(f"{message} (see {self.prog} --help).")

    def parse_numbers_and_words(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse ``words``, in which key=value may stand before and after options.

        An option that takes several whole numbers ends at the first word that is none, so that
        ``--seeds 1 2 training.epochs=1`` has two seeds and an override.
        """
        several = {
            name
            for action in self._actions
            if action.nargs == "+" and action.type is int
            for name in action.option_strings
        }
        return self.parse_intermixed_args(_numbers_last(words, several))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 a run failed, 2 a wrong call."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        return _dispatch([word for word in given if word != "--debug"], debug)
    except TunelabError as error:
        if debug:
            raise
        _tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        print("tunelab: interrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of the output left, as `head` does.
        sys.stderr.close()
        return 0
    except Exception as error:
        if debug:
            raise
        first = (str(error).splitlines() or [""])[0][:300]
        failure = RunError(f"{type(error).__name__}: {first} (--debug shows where).")
        _tell(failure)
        return failure.exit_code


def _tell(error: TunelabError) -> None:
    """Print an error as one line, shortened, without control characters of the terminal."""
    line = " ".join(visible(str(error)).split())
    shown = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
    print(f"tunelab: {shown}".encode("utf-8", "replace").decode("utf-8"), file=sys.stderr)


def _dispatch(given: list[str], debug: bool) -> int:
    if not given or given[0] in {"-h", "--help"}:
        print(usage())
        return 0 if given else 2
    if given[0] == "--version":
        print(f"tunelab {__version__}")
        return 0
    verb = given[0]
    if verb not in VERBS:
        from tunelab.registry import unknown

        raise unknown("verb", verb, VERBS)
    _set_up_logging(debug)
    _check_processes(verb)
    module = import_module(f"tunelab.cli.{verb}")
    return int(module.execute(make_parser(verb).parse_numbers_and_words(given[1:])))


def _numbers_last(words: Sequence[str], options: Container[str]) -> list[str]:
    """``words``, with each of ``options`` and the integers after it moved to the end."""
    first: list[str] = []
    last: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*first, *last, word, *rest]
        if word not in options:
            first.append(word)
            continue
        last.append(word)
        while rest and _WHOLE_NUMBER.fullmatch(rest[0]):
            last.append(rest.pop(0))
    return [*first, *last]


def _check_processes(verb: str) -> None:
    """Only training uses several processes, of which the first one prints."""
    from tunelab.training.processes import is_first, process_count

    if process_count() > 1 and verb != "train":
        raise UsageError(
            f"torchrun and accelerate launch are for tunelab train; run {verb} without them."
        )
    if not is_first():
        logging.getLogger("tunelab").setLevel(logging.ERROR)


def make_parser(verb: str) -> Parser:
    """The parser of a verb."""
    module = import_module(f"tunelab.cli.{verb}")
    parser = Parser(
        prog=f"tunelab {verb}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show the trace of an error")
    return parser


def usage() -> str:
    """The help of the whole program."""
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {text}" for verb, text in VERBS.items()]
    return "\n".join(
        [
            "usage: tunelab VERB [STUDY] [key=value ...] [options]",
            "",
            "From labelled text to a fine-tuned model that is compared with evidence.",
            "STUDY is a YAML file, a file of labelled texts, or a preset:",
            "starter, own, emotion-cpu, emotion-cpu-full, llama-3.2-1b.",
            "",
            *lines,
            "",
            "tunelab VERB --help tells more; --version, --debug (show the trace of an error).",
        ]
    )


def _set_up_logging(debug: bool) -> None:
    import os
    import warnings

    logging.basicConfig(
        level=logging.INFO if not debug else logging.DEBUG,
        format="%(message)s",
        stream=sys.stderr,
        force=True,
    )
    for noisy in ("httpx", "httpcore", "urllib3", "filelock", "fsspec", "asyncio", "absl"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if not debug:
        warnings.filterwarnings("ignore", category=FutureWarning)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
