"""Commands of tunelab in processes of their own that need not import torch again.

``python forked.py serve SOCKET`` imports what commands import, and then forks a process for each
request. ``python forked.py run SOCKET WORDS…`` is the command line that tests start: it hands its
standard streams, environment and folder to such a process, passes signals on, and ends with its
exit code. Where it is killed itself, the process is killed as well, by the same signal.

A fork is a process like any other, but begins at once. What depends on how a fresh interpreter
begins, such as a variable that libraries read when they are imported, needs a plain command.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import Any

_LARGEST = 2**20


def run(path: str, words: list[str]) -> int:
    """Ask the server for a process that carries out the command, and wait for its end."""
    request = {"words": words, "environment": dict(os.environ), "folder": str(Path.cwd())}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        content = json.dumps(request).encode()
        socket.send_fds(connection, [len(content).to_bytes(4, "big")], [0, 1, 2])
        connection.sendall(content)
        pid = int(_received(connection, 8))

        def forward(number: int, frame: Any) -> None:
            os.kill(pid, number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # A signal that is ignored stays so, as for a process of its own.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, forward)
        code = int(_received(connection, 8))
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def serve(path: str, ready: int) -> None:
    """Fork a process for each request, until standard input is closed; ``ready`` is a pipe."""
    _preload()
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    running: dict[int, socket.socket] = {}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(64)
        os.write(ready, b"r")
        os.close(ready)
        with selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(0, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while True:
                # Command lines that were killed first: whoever comes next finds their process gone.
                ready_now = [key for key, _ in selector.select()]
                for key in sorted(ready_now, key=lambda key: key.fileobj in (0, wake, listener)):
                    if key.fileobj == 0:
                        return
                    if key.fileobj == wake:
                        os.read(wake, 1024)
                        _collect(running, selector)
                    elif key.fileobj is listener:
                        connection, _ = listener.accept()
                        running[_begin(connection)] = connection
                        selector.register(connection, selectors.EVENT_READ)
                    else:
                        pid = next(pid for pid, one in running.items() if one is key.fileobj)
                        selector.unregister(key.fileobj)
                        os.kill(pid, signal.SIGKILL)
                        os.waitpid(pid, 0)
                        running.pop(pid).close()


def _preload() -> None:
    """Import what commands import; nothing is computed, so that no thread is started."""
    import peft
    import sklearn.svm
    import torch
    import transformers

    import tunelab.cli.main
    import tunelab.report.build
    import tunelab.serving.predict
    import tunelab.study.run
    import tunelab.training.train  # noqa: F401

    assert peft
    assert sklearn
    assert torch
    assert transformers
    # Else each collection of a command would visit all that was imported.
    gc.collect()
    gc.freeze()


def _begin(connection: socket.socket) -> int:
    """Fork the process of a request; its number is sent to the command line."""
    size, streams, _, _ = socket.recv_fds(connection, 4, 3)
    content = _received(connection, int.from_bytes(size, "big"), text=False)
    pid = os.fork()
    if pid == 0:
        _become(json.loads(content), streams)
    for stream in streams:
        os.close(stream)
    connection.sendall(f"{pid:>8}".encode())
    return pid


def _collect(running: dict[int, socket.socket], selector: selectors.BaseSelector) -> None:
    """Send the exit codes of processes that ended."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        connection = running.pop(pid)
        try:
            selector.unregister(connection)
            connection.sendall(f"{os.waitstatus_to_exitcode(status):>8}".encode())
        except (KeyError, OSError):
            # The command line is gone.
            pass
        connection.close()


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """Carry out a command in the forked process, which ends with its exit code."""
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, 4096)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        sys.argv = ["tunelab", *request["words"]]
        from tunelab.cli.main import main

        code = main(request["words"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def _received(connection: socket.socket, size: int, *, text: bool = True) -> Any:
    parts = b""
    while len(parts) < size:
        part = connection.recv(min(size - len(parts), _LARGEST))
        if not part:
            raise ConnectionError("the server of forked commands is gone")
        parts += part
    return parts.decode() if text else parts


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(run(sys.argv[2], sys.argv[3:]))
