"""A PostgreSQL of the test's own: Debian's programs, a folder that goes away, loopback alone."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


def programs() -> Path | None:
    """The folder of initdb and postgres, or None where they are not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def serving() -> Iterator[str]:
    """The address of a fresh, empty server; skips where none can be started."""
    bin = programs()
    if bin is None:
        pytest.skip("no PostgreSQL is installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="tunelab-postgresql-"))
    as_user: dict[str, Any] = {}
    if os.getuid() == 0:
        # PostgreSQL refuses to run as root.
        try:
            account = pwd.getpwnam("postgres")
        except KeyError:
            account = pwd.getpwnam("nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = None
    try:
        subprocess.run(
            [
                *(bin / "initdb", "-D", folder / "data", "-U", "tunelab", "-A", "trust"),
                *("-E", "UTF8", "--locale=C", "--no-sync"),
            ],
            cwd=folder,
            capture_output=True,
            check=True,
            **as_user,
        )
        server = subprocess.Popen(
            [
                *(bin / "postgres", "-D", folder / "data", "-p", str(port), "-h", "127.0.0.1"),
                *("-k", "", "-c", "fsync=off"),
            ],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_user,
        )
        _wait(bin, port, server)
        yield f"postgresql://tunelab@127.0.0.1:{port}/postgres"
    finally:
        if server is not None:
            # A fast shutdown: sessions are closed, and nothing is left in shared memory.
            server.send_signal(signal.SIGINT)
            server.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(bin: Path, port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        words = [str(bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        if subprocess.run(words, check=False).returncode == 0:
            return
        assert server.poll() is None, "PostgreSQL ended at once"
        time.sleep(0.1)
    raise AssertionError("PostgreSQL did not begin to answer")
