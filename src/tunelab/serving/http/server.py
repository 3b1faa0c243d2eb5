"""Serve until a signal says to stop."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from uvicorn import Config

from tunelab.errors import UsageError
from tunelab.serving.http.app import Service
from tunelab.serving.http.connections import StoppingServer, bounded_protocol
from tunelab.serving.http.log import write_line
from tunelab.serving.http.record import AnswerRecord
from tunelab.serving.http.served import Served, open_served
from tunelab.serving.http.settings import ServeSettings


def serve(
    classifiers: Sequence[str], models: Sequence[str], settings: ServeSettings, *, address: str
) -> None:
    """Open the models and answer requests; ``address`` is shown when they can be sent.

    Raises:
        UsageError: a classifier or a model cannot be opened.
        RunError: one is damaged, or the port was taken in between.
    """
    served = open_served(classifiers, models, device=settings.device)
    record = open_record(served, settings)
    service = Service(served, settings, record=record)
    server = make_server(service)
    listener = server.bind()
    write_line("start", {"models": list(service.served), "address": address})
    sys.stderr.write(f"ready: {address}  (Ctrl-C ends it)\n")
    sys.stderr.flush()
    server.listen(listener)
    service.models.stop(settings.request_seconds)
    write_line("stop", {})


def open_record(served: Mapping[str, Served], settings: ServeSettings) -> AnswerRecord | None:
    """The record that the settings ask for, or None.

    Raises:
        UsageError: a classifier has nothing to be compared with, or the file cannot be written.
    """
    if not settings.record:
        return None
    classifiers = [one for one in served.values() if one.fitted is not None]
    without = [one.id for one in classifiers if one.unit is None]
    if without:
        raise UsageError(
            f"{without[0]} has no reference.json, so that a record of its answers could not be "
            "compared with anything; run its study with evaluation.drift_reference: true, or "
            "serve without --record."
        )
    units = {one.id: one.unit for one in classifiers if one.unit is not None}
    return AnswerRecord(Path(settings.record), units, texts=settings.record_as == "texts")


def make_server(service: Service) -> StoppingServer:
    """The server of a service, which ``listen`` starts."""
    settings = service.settings
    config = Config(
        service.app(),
        host=settings.host,
        port=settings.port,
        http=bounded_protocol(seconds=settings.body_seconds, connections=settings.connections),
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # Every request has a time of its own, which ends before this does.
        timeout_graceful_shutdown=int(settings.request_seconds + settings.body_seconds) + 5,
    )
    return StoppingServer(config, service.stop)
