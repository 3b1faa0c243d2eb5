"""Open the web pages: tokenize, compare, classify, label, memory, fine-tune, finished studies.

The pages listen on this machine alone. With --host they can be reached from others, and then ask
for a password, which is read from --password-file or TUNELAB_APP_PASSWORD; use a proxy with TLS
in front, since it would travel in the open otherwise. They need the extra: pip install
"tunelab[app]".
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tunelab.cli.listening import free_port, read_secret, shown_host
from tunelab.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab app`."""
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="DIR", help="the runs (default: runs)"
    )
    parser.add_argument(
        "--labels",
        type=Path,
        default=Path("labels"),
        metavar="DIR",
        help="the labelling projects (default: labels)",
    )
    parser.add_argument(
        "--port", type=int, default=7860, metavar="N", help="default: 7860; 0 picks a free one"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="default: 127.0.0.1, this machine alone"
    )
    parser.add_argument(
        "--password-file", type=Path, metavar="FILE", help="its first line is the password"
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME",
        help="a model, a folder or owner/name on the Hub to offer as well; repeatable",
    )
    parser.add_argument(
        "--max-upload", type=float, default=20, metavar="MB", help="of a file (default: 20)"
    )
    parser.add_argument(
        "--queue", type=int, default=16, metavar="N", help="requests that may wait (default: 16)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def execute(arguments: argparse.Namespace) -> int:
    """Serve the pages until interrupted."""
    from importlib.util import find_spec

    from tunelab.app.settings import AppSettings
    from tunelab.models.kinds import find_language_model
    from tunelab.runs.results import make_folder

    if find_spec("gradio") is None:
        raise UsageError('the web pages need an extra: pip install "tunelab[app]".')
    for name, value in (("--max-upload", arguments.max_upload), ("--queue", arguments.queue)):
        if not value > 0:
            raise UsageError(f"{name} must be above 0.")
    for name in arguments.model:
        find_language_model(name)
    port = free_port(arguments.host, arguments.port)
    password = read_password(arguments.password_file)
    with tempfile.TemporaryDirectory(prefix="tunelab-app-") as scratch:
        settings = AppSettings(
            runs=arguments.runs.resolve(),
            scratch=Path(scratch).resolve(),
            labels=arguments.labels.resolve(),
            models=tuple(arguments.model),
            host=arguments.host,
            port=port,
            password=password,
            max_upload=int(arguments.max_upload * 1e6),
            queue=arguments.queue,
            device=arguments.device,
        )
        from tunelab.app.server import check_settings, serve

        check_settings(settings)
        make_folder(settings.runs)
        print(f"http://{shown_host(arguments.host)}:{port}  (Ctrl-C ends it)", file=sys.stderr)
        serve(settings)
    return 0


def read_password(file: Path | None) -> str | None:
    """The password of ``file``, else of the environment, else None.

    Raises:
        UsageError: the file cannot be read or holds none, or the password is too short.
    """
    return read_secret(file, "TUNELAB_APP_PASSWORD", "password")
