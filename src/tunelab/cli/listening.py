"""What the verbs that listen on a port share: the port, the address, and the secret."""

import os
import socket
from pathlib import Path

from tunelab.errors import UsageError

_SHORTEST_SECRET = 8


def free_port(host: str, port: int) -> int:
    """The port, checked to be free; 0 picks a free one.

    Raises:
        UsageError: it is taken, or this machine has no such address.
    """
    if not 0 <= port <= 65535:
        raise UsageError("--port must be from 0 to 65535.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
            return int(trial.getsockname()[1])
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}, port {port} ({error.strerror}); name another with --port."
        ) from None


def shown_host(host: str) -> str:
    """A host as it is in an address."""
    return f"[{host}]" if ":" in host else host


def read_secret(file: Path | None, variable: str, noun: str) -> str | None:
    """The first line of ``file``, else what the environment holds, else None.

    ``noun`` is what messages call it. The variable is taken out of the environment, so that no
    process that is started from here has it.

    Raises:
        UsageError: the file cannot be read or holds none, or the secret is too short.
    """
    secret = os.environ.pop(variable, None)
    where = variable
    if file is None:
        secret = None if secret is None else secret.strip()
    else:
        where = str(file)
        try:
            secret = (file.read_text(encoding="utf-8").splitlines() or [""])[0].strip()
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"cannot read the {noun} file {file}.") from None
    if secret is not None and len(secret) < _SHORTEST_SECRET:
        raise UsageError(f"the {noun} of {where} must have {_SHORTEST_SECRET} characters or more.")
    return secret
