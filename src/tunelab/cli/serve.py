"""Serve classifiers and language models over HTTP.

  tunelab serve runs/mine/adapters/lora
  tunelab serve runs/mine/adapters/lora other=runs/theirs/adapters/lora
      --model smollm2-135m-instruct

CLASSIFIER is the folder of a saved classifier, or a run that holds one; ID= before it is what
requests call it. POST /v1/classify labels texts, POST /v1/chat/completions answers as OpenAI's
service does, and GET / describes all paths. Adapters on one base model share its weights.

The service listens on this machine alone. With --host it can be reached from others, and then
asks for a token, which is read from --token-file or TUNELAB_SERVE_TOKEN; use a proxy with TLS in
front, since it would travel in the open otherwise. Every option can be set by the environment as
well, as in TUNELAB_SERVE_BATCH_TEXTS=128. The log on standard output has a JSON object a line and
no texts. It needs the extra: pip install "tunelab[serve]".
"""

import argparse
import os
from importlib.util import find_spec
from pathlib import Path

from tunelab.cli.listening import free_port, read_secret, shown_host
from tunelab.errors import UsageError
from tunelab.serving.http.settings import OPTIONS, TOKEN_VARIABLE, read_settings

_NEEDED = ("fastapi", "uvicorn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab serve`."""
    parser.add_argument(
        "classifiers", nargs="*", metavar="CLASSIFIER", help="a folder, or ID=FOLDER; repeatable"
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME",
        help="a language model for chat completions, or ID=NAME; repeatable",
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="its first line is the token"
    )
    for name, text in OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="X", help=text)


def execute(arguments: argparse.Namespace) -> int:
    """Serve until a signal says to stop."""
    if any(find_spec(package) is None for package in _NEEDED):
        raise UsageError('the service needs an extra: pip install "tunelab[serve]".')
    if not arguments.classifiers and not arguments.model:
        raise UsageError(
            "name the folder of a classifier, as in runs/mine/adapters/lora, or a --model."
        )
    token = read_secret(arguments.token_file, TOKEN_VARIABLE, "token")
    given = {name: getattr(arguments, name) for name in OPTIONS}
    settings = read_settings(given, os.environ, token)
    from dataclasses import replace

    settings = replace(settings, port=free_port(settings.host, settings.port))
    from tunelab.serving.http.server import serve

    address = f"http://{shown_host(settings.host)}:{settings.port}"
    serve(arguments.classifiers, arguments.model, settings, address=address)
    return 0
