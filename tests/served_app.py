"""The web pages in a process of their own, and a browser that looks at them."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

HOSTILE = (
    '<script>alert(1)</script><img src=x onerror="window.hacked=1"> <|im_end|> ${alert(1)} '
    "{{ 7*7 }} ../../etc/passwd"
)

# What Gradio's client prints for a stream that ends as its page is left.
_ENDED_STREAM = ("AbortError: signal is aborted", "Connection errored out")


def why_no_browser() -> str | None:
    """Why the pages cannot be looked at here, or None."""
    for package in ("gradio", "playwright", "axe_playwright_python"):
        if find_spec(package) is None:
            return f"{package} is not installed"
    return None if chromium() else "there is no Chromium (apt-get install chromium)"


def chromium() -> str | None:
    """The browser's program: the system's, or the one that Playwright fetched."""
    own = next((path for name in ("chromium", "chromium-browser") if (path := which(name))), None)
    if own is not None:
        return own
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache/ms-playwright"))
    found = sorted(folder.glob("chromium-*/chrome-linux*/chrome"))
    return str(found[-1]) if found else None


@contextmanager
def served(runs: Path, *words: str, environment: dict[str, str] | None = None) -> Iterator[str]:
    """Serve the pages on a free port; give the address."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    command = [sys.executable, "-m", "tunelab", "app", "--runs", str(runs), "--port", str(port)]
    log = runs.parent / f"app-{port}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, *words],
            stdout=stream,
            stderr=stream,
            env={**os.environ, "PYTHONPATH": ":".join(sys.path), **(environment or {})},
        )
    try:
        _wait(f"http://127.0.0.1:{port}/", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


@contextmanager
def browsing() -> Iterator[Any]:
    """A headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """A person with a browser window of their own; everything that goes wrong in it is kept."""

    def __init__(self, browser: Any, address: str, *, width: int = 1280, **options: Any) -> None:
        self.address = address
        self.troubles: list[str] = []
        self._leaving = False
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(90_000)
        # Of the window and of every one that it opens.
        self.context.on("console", self._console)
        self.context.on("weberror", lambda one: self.troubles.append(f"error: {one.error}"))
        self.context.on("dialog", self._dialog)
        self.context.on("request", self._request)

    def open(self, path: str) -> Any:
        """Go to a page and wait until it stands."""
        self._close_page()
        self.page.goto(f"{self.address}/{path}")
        self.page.wait_for_selector("h1")
        return self.page

    def faults(self) -> list[str]:
        """Serious and critical findings of axe-core on the page."""
        from axe_playwright_python.sync_playwright import Axe

        return [
            f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}"
            for one in Axe().run(self.page).response["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    def leave(self) -> list[str]:
        """Close the window; what went wrong in it."""
        if self.page.evaluate("window.hacked"):
            self.troubles.append("a text became markup")
        self._close_page()
        self.context.close()
        return self.troubles

    def _close_page(self) -> None:
        """Leave the page; Gradio's client reports the streams that this ends as errors."""
        self._leaving = True
        self.page.goto("about:blank")
        self._leaving = False

    def _console(self, message: Any) -> None:
        if message.type != "error":
            return
        if self._leaving and any(text in message.text for text in _ENDED_STREAM):
            return
        self.troubles.append(f"console: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.troubles.append(f"network: {request.url}")
