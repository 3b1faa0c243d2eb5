"""The paths of the service."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from tunelab.errors import TunelabError, UsageError
from tunelab.guards.web_requests import App
from tunelab.serving.http.bodies import (
    ChatRequest,
    ClassifyRequest,
    ClassifyResponse,
    read_body,
    texts_of,
)
from tunelab.serving.http.chat import Steps, read_chat, whole_answer
from tunelab.serving.http.classified import classified, count_labels
from tunelab.serving.http.description import (
    CHAT_EXAMPLE,
    CLASSIFY_EXAMPLE,
    REFUSALS,
    body_of,
    describe,
    refusals_of,
)
from tunelab.serving.http.guard import Traffic, guarded
from tunelab.serving.http.log import write_line
from tunelab.serving.http.metrics import Metrics, resident_bytes
from tunelab.serving.http.model_thread import ModelThread
from tunelab.serving.http.models import ability, find_classifier, find_model, listed
from tunelab.serving.http.page import describe_service
from tunelab.serving.http.record import AnswerRecord
from tunelab.serving.http.refusals import FAILED, RequestError, error_body
from tunelab.serving.http.served import Served
from tunelab.serving.http.settings import ServeSettings
from tunelab.serving.http.waiting import counted_stream, in_time, unless_gone

# What becomes a line of the log: the event and its values.
Log = Callable[[str, Mapping[str, Any]], None]
_METHOD = "this path has another method; the header Allow names it."


class Service:
    """Everything that a service holds: its models, their thread, the traffic and the metrics.

    ``log`` is given each event and its values, ``record`` each label.
    """

    def __init__(
        self,
        served: Mapping[str, Served],
        settings: ServeSettings,
        *,
        log: Log = write_line,
        record: AnswerRecord | None = None,
    ) -> None:
        self.served = served
        self.settings = settings
        self.log = log
        self.record = record
        self.traffic = Traffic()
        self.started = int(time.time())
        self.models = ModelThread(
            batch_texts=settings.batch_texts,
            batch_wait=settings.batch_wait / 1000,
            on_batch=self._count_batch,
        )
        self.metrics = Metrics(
            {
                "tunelab_requests_in_flight": (
                    "Requests that are read, wait or are being answered.",
                    lambda: self.traffic.in_flight,
                ),
                "tunelab_texts_waiting": (
                    "Texts that wait for their labels.",
                    lambda: self.models.waiting_texts,
                ),
                "process_resident_memory_bytes": ("Memory of the process.", resident_bytes),
            }
        )

    def _count_batch(self, model: str, requests: int, texts: int, seconds: float) -> None:
        self.metrics.count("tunelab_batches_total", model=model)
        self.metrics.observe("tunelab_batch_seconds", seconds, model=model)
        self.metrics.observe("tunelab_batch_size_texts", texts, model=model)

    def keep(self, one: Served, texts: Sequence[str], results: Sequence[Mapping[str, Any]]) -> None:
        """Record the labels of a request. A record that cannot be written stops no answer."""
        if self.record is None:
            return
        try:
            self.record.write(one.id, one.about["classifier_hash"], texts, results)
        except OSError as error:
            self.metrics.count("tunelab_errors_total", path="record", error=type(error).__name__)
            self.log("record", {"error": error.strerror or str(error), "lost": len(texts)})

    def ready(self) -> str | None:
        """Why no request should be sent now, or None."""
        if self.traffic.stopping:
            return "the service is stopping."
        return None if self.models.alive else "the models do not work any more; restart it."

    def app(self) -> App:
        """The whole service as ASGI."""
        web = build_paths(self)
        paths = frozenset(route.path for route in web.routes if hasattr(route, "path"))
        return guarded(
            web,
            settings=self.settings,
            paths=paths,
            traffic=self.traffic,
            metrics=self.metrics,
            advised_wait=lambda: self.models.advised_wait,
            log=self.log,
        )

    def stop(self) -> None:
        """Close connections behind their answers from now on."""
        self.traffic.stopping = True


def build_paths(service: Service) -> FastAPI:
    """The paths without their guard."""
    web = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        title="tunelab serve",
        redirect_slashes=False,
    )

    @web.get("/healthz", tags=["health"])
    async def healthz() -> JSONResponse:
        """Whether the process answers."""
        return JSONResponse({"status": "ok"})

    @web.get("/readyz", tags=["health"], responses=refusals_of(503))
    async def readyz() -> JSONResponse:
        """Whether requests should be sent: 503 while the service stops."""
        reason = service.ready()
        if reason is not None:
            raise RequestError(503, reason)
        return JSONResponse({"status": "ready"})

    @web.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts and times in the text format of Prometheus."""
        return Response(
            service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    @web.get("/v1/models", tags=["models"])
    async def models() -> JSONResponse:
        """The models that requests can name, and what each does."""
        data = [listed(one, service.started) for one in service.served.values()]
        return JSONResponse({"object": "list", "data": data})

    @web.get("/v1/models/{name}", tags=["models"], responses=refusals_of(404))
    async def model(name: str) -> JSONResponse:
        """One of the models."""
        return JSONResponse(listed(find_model(service.served, name), service.started))

    @web.post(
        "/v1/classify",
        tags=["models"],
        responses={200: {"model": ClassifyResponse}, **refusals_of(*REFUSALS)},
        openapi_extra=body_of("ClassifyRequest", CLASSIFY_EXAMPLE),
    )
    async def classify(request: Request) -> JSONResponse:
        """Labels of one text or many, with probabilities and whether a person should look."""
        asked = read_body(await request.body(), ClassifyRequest)
        one = find_classifier(service.served, asked.model)
        texts = texts_of(asked, service.settings)
        facts = request.scope["facts"]
        facts |= {"model": one.id, "texts": len(texts), "characters": sum(map(len, texts))}
        assert one.fitted is not None
        wanted = (asked.probabilities and one.probabilities) or one.rule is not None
        labels = await in_time(
            asyncio.wrap_future(
                service.models.label(one.id, one.fitted, texts, probabilities=wanted)
            ),
            service.settings.request_seconds,
        )
        answer = classified(one, labels, with_probabilities=asked.probabilities)
        count_labels(service.metrics, one.id, answer["results"], facts)
        service.keep(one, texts, answer["results"])
        return JSONResponse(answer)

    @web.post(
        "/v1/chat/completions",
        tags=["models"],
        responses=refusals_of(*REFUSALS),
        openapi_extra=body_of("ChatRequest", CHAT_EXAMPLE),
    )
    async def chat(request: Request) -> Response:
        """An answer to a conversation, as OpenAI's clients ask for it, whole or as a stream."""
        body = read_body(await request.body(), ChatRequest)
        one = find_model(service.served, body.model)
        if one.answerer is None:
            raise RequestError(400, f"{one.id} labels texts and writes none; use /v1/classify.")
        asked = read_chat(body, one.id, one.answerer, service.settings)
        facts = request.scope["facts"]
        facts |= {"model": one.id, "stream": bool(body.stream)}
        deadline = asyncio.get_running_loop().time() + service.settings.request_seconds
        steps = Steps(asked, service.models)
        if body.stream:
            await steps.begin(deadline)
            return StreamingResponse(
                counted_stream(service.metrics, asked, steps, deadline, facts),
                media_type="text/event-stream",
            )
        answer = await unless_gone(request, whole_answer(asked, steps, deadline), steps)
        written = answer["usage"]["completion_tokens"]
        service.metrics.count("tunelab_written_tokens_total", written, model=one.id)
        facts |= {"tokens": written}
        return JSONResponse(answer)

    @web.get("/openapi.json", tags=["description"])
    async def openapi() -> JSONResponse:
        """This description."""
        return JSONResponse(schema)

    @web.get("/", tags=["description"], response_class=HTMLResponse)
    @web.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    async def page() -> HTMLResponse:
        """A page that describes the service."""
        ids = {name: ability(one) for name, one in service.served.items()}
        return HTMLResponse(describe_service(schema, ids))

    @web.exception_handler(RequestError)
    async def refused(request: Request, error: RequestError) -> Response:
        return Response(
            error_body(error.status, error.message),
            error.status,
            dict(error.headers),
            "application/json",
        )

    @web.exception_handler(TunelabError)
    async def failed(request: Request, error: TunelabError) -> Response:
        request.scope["facts"]["error"] = type(error).__name__
        status = 400 if isinstance(error, UsageError) else 500
        return Response(error_body(status, str(error)), status, media_type="application/json")

    @web.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        # It is raised again behind this answer, so that the guard writes it to the log.
        return Response(error_body(500, FAILED), 500, media_type="application/json")

    @web.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        told = {404: "there is nothing at this path; GET / describes the service.", 405: _METHOD}
        message = told.get(error.status_code, str(error.detail))
        return Response(
            error_body(error.status_code, message),
            error.status_code,
            dict(error.headers or {}),
            "application/json",
        )

    schema = describe(web, token=service.settings.token is not None)
    return web
