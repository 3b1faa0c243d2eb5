"""The app: the Gradio pages and the reports, behind the guard."""

import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

from tunelab.app.guard import guarded
from tunelab.app.heap import freeze_long_lived_objects, share_one_heap
from tunelab.app.names import report_path
from tunelab.app.settings import AppSettings
from tunelab.errors import UsageError
from tunelab.guards.web_requests import LOOPBACK, App

# A report scripts itself and nothing else: it has an origin of its own, and no network.
_REPORT_POLICY = (
    "sandbox allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox; "
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
# What a request holds besides the file.
_ENVELOPE = 1_000_000


def check_settings(settings: AppSettings) -> None:
    """Refuse to be reached from other machines without a password.

    Raises:
        UsageError: as said.
    """
    if settings.host not in LOOPBACK and not settings.password:
        raise UsageError(
            f"--host {settings.host} lets other machines connect, which needs a password: write "
            "one into a file and name it with --password-file, or set TUNELAB_APP_PASSWORD."
        )


def build_app(settings: AppSettings) -> App:
    """The whole app as ASGI.

    Raises:
        UsageError: other machines are let in without a password.
    """
    check_settings(settings)
    _set_up_gradio(settings.scratch)

    import gradio
    from fastapi import FastAPI
    from fastapi.responses import FileResponse, PlainTextResponse, Response

    from tunelab.app.look import STYLE, theme
    from tunelab.app.pages.all import build_pages

    web = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @web.get("/report/{name}")
    def report(name: str) -> Response:
        try:
            path = report_path(settings.runs, name)
        except UsageError:
            path = None
        if path is None:
            return PlainTextResponse("There is no such report.", status_code=404)
        return FileResponse(
            path,
            media_type="text/html; charset=utf-8",
            headers={"content-security-policy": _REPORT_POLICY, "cache-control": "no-store"},
        )

    pages: Any = build_pages(settings)
    pages.queue(max_size=settings.queue, default_concurrency_limit=4, api_open=False)
    with warnings.catch_warnings():
        # It says that several pages are not rendered on the server, which nobody asked for.
        warnings.simplefilter("ignore", UserWarning)
        gradio.mount_gradio_app(
            web,
            pages,
            path="/",
            server_name=settings.host,
            server_port=settings.port,
            footer_links=[],
            run_history=False,
            show_error=False,
            max_file_size=settings.max_upload,
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            theme=theme(),
            # As css, Gradio would let it reach what is in its container alone.
            head=f"<style>{STYLE}</style>",
        )
    hosts = None if settings.host not in LOOPBACK else frozenset(LOOPBACK)
    return guarded(
        web, hosts=hosts, password=settings.password, max_body=settings.max_upload + _ENVELOPE
    )


def handle_interrupts() -> None:
    """Handle interrupts also where the shell that started the app set them to be ignored.

    What the app starts would ignore them as well, and could not be stopped. A request to end
    unwinds too, so that uploads are removed.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def serve(settings: AppSettings) -> None:
    """Serve until interrupted."""
    import uvicorn

    handle_interrupts()
    share_one_heap()
    app = build_app(settings)
    freeze_long_lived_objects()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )


def _set_up_gradio(scratch: Path) -> None:
    """Set Gradio's settings in the environment, which it reads when it is imported."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(scratch)
    os.environ["GRADIO_MCP_SERVER"] = "False"
    os.environ["GRADIO_SHARE"] = "False"
    # It keeps a record of every request, for a monitor that is shut here.
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
    os.environ.pop("GRADIO_ALLOWED_PATHS", None)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
