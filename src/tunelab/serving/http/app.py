"""The paths of the service."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from tunelab import __version__
from tunelab.errors import TunelabError, UsageError
from tunelab.generation.outcome import Generation
from tunelab.guards.web_requests import App
from tunelab.registry import check_name
from tunelab.serving.http.bodies import (
    ChatRequest,
    ClassifyRequest,
    ClassifyResponse,
    ErrorResponse,
    read_body,
    texts_of,
)
from tunelab.serving.http.chat import Asked, Steps, read_chat, streamed_answer, whole_answer
from tunelab.serving.http.guard import Traffic, guarded, note_error
from tunelab.serving.http.labelling import TextLabel
from tunelab.serving.http.log import write_line
from tunelab.serving.http.metrics import Metrics, resident_bytes
from tunelab.serving.http.model_thread import ModelThread
from tunelab.serving.http.page import describe_service
from tunelab.serving.http.refusals import FAILED, RequestError, error_body
from tunelab.serving.http.served import Served
from tunelab.serving.http.settings import ServeSettings
from tunelab.serving.reviewed_answers import needing_review

Found = TypeVar("Found")
# What becomes a line of the log: the event and its values.
Log = Callable[[str, Mapping[str, Any]], None]

_REFUSALS: Mapping[int, str] = {
    400: "The request is not one that can be answered; the message says why.",
    401: "The token is missing or wrong.",
    403: "The request comes from a page of another site.",
    404: "There is no model of that id.",
    408: "The body did not arrive in time.",
    413: "The body, a text or the number of texts is too large.",
    415: "The body is not JSON by its headers.",
    421: "The service does not answer under that host name.",
    429: "The queue is full; Retry-After says when to ask again.",
    500: "The service or the model failed.",
    503: "The service is stopping, or too many connections are open.",
    504: "The answer took too long.",
}
_EXAMPLE = {"texts": ["what a good song", "who is there"]}
_CHAT_EXAMPLE = {
    "model": "smollm2-135m-instruct",
    "messages": [{"role": "user", "content": "What is 2 + 2?"}],
}


class Service:
    """Everything that a service holds: its models, their thread, the traffic and the metrics.

    ``log`` is given each event and its values.
    """

    def __init__(
        self, served: Mapping[str, Served], settings: ServeSettings, *, log: Log = write_line
    ) -> None:
        self.served = served
        self.settings = settings
        self.log = log
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

    @web.get("/readyz", tags=["health"], responses=_refusals(503))
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
        listed = [_listed(one, service.started) for one in service.served.values()]
        return JSONResponse({"object": "list", "data": listed})

    @web.get("/v1/models/{name}", tags=["models"], responses=_refusals(404))
    async def model(name: str) -> JSONResponse:
        """One of the models."""
        return JSONResponse(_listed(_find(service.served, name), service.started))

    @web.post(
        "/v1/classify",
        tags=["models"],
        responses={200: {"model": ClassifyResponse}, **_refusals(*_REFUSALS)},
        openapi_extra=_body("ClassifyRequest", _EXAMPLE),
    )
    async def classify(request: Request) -> JSONResponse:
        """Labels of one text or many, with probabilities and whether a person should look."""
        asked = read_body(await request.body(), ClassifyRequest)
        one = _classifier(service.served, asked.model)
        texts = texts_of(asked, service.settings)
        facts = request.scope["facts"]
        facts |= {"model": one.id, "texts": len(texts), "characters": sum(map(len, texts))}
        assert one.fitted is not None
        wanted = (asked.probabilities and one.probabilities) or one.rule is not None
        labels = await _in_time(
            asyncio.wrap_future(
                service.models.label(one.id, one.fitted, texts, probabilities=wanted)
            ),
            service.settings.request_seconds,
        )
        answer = _classified(one, labels, with_probabilities=asked.probabilities)
        _count_labels(service.metrics, one.id, answer["results"], facts)
        return JSONResponse(answer)

    @web.post(
        "/v1/chat/completions",
        tags=["models"],
        responses=_refusals(*_REFUSALS),
        openapi_extra=_body("ChatRequest", _CHAT_EXAMPLE),
    )
    async def chat(request: Request) -> Response:
        """An answer to a conversation, as OpenAI's clients ask for it, whole or as a stream."""
        body = read_body(await request.body(), ChatRequest)
        one = _find(service.served, body.model)
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
                _told(service.metrics, asked, steps, deadline, facts),
                media_type="text/event-stream",
            )
        answer = await _unless_gone(request, whole_answer(asked, steps, deadline), steps)
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
        ids = {name: _ability(one) for name, one in service.served.items()}
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

    schema = _described(web, service)
    return web


_METHOD = "this path has another method; the header Allow names it."


def _described(web: FastAPI, service: Service) -> dict[str, Any]:
    """The OpenAPI description, with the fields of the bodies that are read by hand."""
    schema = get_openapi(
        title="tunelab serve",
        version=__version__,
        description="Classifiers and language models that tunelab serves.",
        routes=web.routes,
    )
    _, extra = models_json_schema(
        [(ClassifyRequest, "validation"), (ChatRequest, "validation")],
        ref_template="#/components/schemas/{model}",
    )
    parts = schema.setdefault("components", {}).setdefault("schemas", {})
    parts |= extra["$defs"]
    # FastAPI's own errors of validation, which it never gives as bodies are read by hand.
    for name in ("HTTPValidationError", "ValidationError"):
        parts.pop(name, None)
    for methods in schema["paths"].values():
        for about in methods.values():
            about["responses"].pop("422", None)
    if service.settings.token is not None:
        schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}]
    return schema


def _body(model: str, example: Mapping[str, Any]) -> dict[str, Any]:
    content = {"schema": {"$ref": f"#/components/schemas/{model}"}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {
        status: {"model": ErrorResponse, "description": _REFUSALS[status]} for status in statuses
    }


def _find(served: Mapping[str, Served], name: str) -> Served:
    try:
        check_name("model", name, list(served))
    except UsageError as error:
        raise RequestError(404, str(error)) from None
    return served[name]


def _classifier(served: Mapping[str, Served], name: str | None) -> Served:
    """The classifier that a request names, or the only one.

    Raises:
        RequestError: there is none of that name, it labels no texts, or none is named of several.
    """
    classifiers = [one for one in served.values() if one.fitted is not None]
    if name is None:
        if len(classifiers) == 1:
            return classifiers[0]
        known = ", ".join(one.id for one in classifiers) or "none"
        raise RequestError(400, f"name a model; those that label texts are: {known}.")
    found = _find(served, name)
    if found.fitted is None:
        raise RequestError(400, f"{name} labels no texts; use /v1/chat/completions.")
    return found


def _classified(
    one: Served, labels: Sequence[TextLabel], *, with_probabilities: bool
) -> dict[str, Any]:
    """The answer to a request for labels, as :class:`ClassifyResponse`."""
    assert one.fitted is not None
    names = one.fitted.labels
    shown, review = _reviewed(one, labels)
    return {
        "model": one.id,
        **one.about,
        "labels": list(names),
        "threshold": None if one.rule is None else one.rule.threshold,
        "results": [
            {
                "label": label.label,
                "reason": label.reason,
                "probabilities": dict(zip(names, row, strict=True))
                if with_probabilities and row is not None
                else None,
                "confidence": None if row is None or look is None else max(row),
                "needs_review": look,
            }
            for label, row, look in zip(labels, shown, review, strict=True)
        ],
    }


def _reviewed(
    one: Served, labels: Sequence[TextLabel]
) -> tuple[Sequence[Sequence[float] | None], Sequence[bool | None]]:
    """The probabilities of each text, and whether a person should look at it.

    As `tunelab predict` gives them: calibrated where there is a rule. Without a rule nothing says
    who should look, which is None.
    """
    rows = [label.probabilities for label in labels]
    if one.rule is None or one.fitted is None or any(row is None for row in rows):
        return rows, [None] * len(labels)
    import numpy as np

    given = np.array(rows, dtype=float)
    answers = [label.label for label in labels]
    look = needing_review(one.rule, one.fitted.labels, answers, given)
    return one.rule.calibrated(given).tolist(), look


def _count_labels(
    metrics: Metrics, model: str, results: Sequence[Mapping[str, Any]], facts: dict[str, Any]
) -> None:
    """Count labels for the metrics and for the line of the log, which holds no text."""
    counts = Counter(one["label"] or "" for one in results)
    metrics.count("tunelab_texts_total", len(results), model=model)
    for label, number in counts.items():
        metrics.count("tunelab_labels_total", number, model=model, label=label)
    facts["labels"] = dict(counts)
    review = [one["needs_review"] for one in results if one["needs_review"] is not None]
    if review:
        metrics.count("tunelab_needs_review_total", sum(review), model=model)
        facts["needs_review"] = sum(review)


def _listed(one: Served, started: int) -> dict[str, Any]:
    """A model as OpenAI's clients list it, and what it does."""
    return {
        "id": one.id,
        "object": "model",
        "created": started,
        "owned_by": "tunelab",
        "classifies": one.fitted is not None,
        "chats": one.answerer is not None,
        "labels": None if one.fitted is None else list(one.fitted.labels),
        "probabilities": one.probabilities,
        "threshold": None if one.rule is None else one.rule.threshold,
        **one.about,
    }


def _ability(one: Served) -> str:
    parts = [
        "labels texts" if one.fitted is not None else "",
        "writes text" if one.answerer is not None else "",
    ]
    return ", ".join(part for part in parts if part)


async def _in_time(answer: "asyncio.Future[Found]", seconds: float) -> Found:
    """The answer, which is given up after ``seconds``.

    Raises:
        RequestError: it takes longer.
    """
    try:
        return await asyncio.wait_for(answer, seconds)
    except TimeoutError:
        raise RequestError(
            504, f"there was no answer after {seconds:g} seconds; send fewer texts, or ask later."
        ) from None


async def _unless_gone(request: Request, answer: Any, steps: Steps) -> dict[str, Any]:
    """The answer, which is no longer written when who asked is gone."""

    async def watch() -> None:
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                steps.give_up()
                return

    watching = asyncio.create_task(watch())
    try:
        found: dict[str, Any] = await answer
        return found
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _told(
    metrics: Metrics, asked: Asked, steps: Steps, deadline: float, facts: dict[str, Any]
) -> AsyncIterator[bytes]:
    """A stream, whose tokens are counted at its end."""
    done: list[Generation] = []
    try:
        async for part in streamed_answer(
            asked, steps, deadline, done, on_failure=lambda error: note_error(facts, error)
        ):
            yield part
    finally:
        steps.give_up()
        written = sum(len(one.tokens) for one in done)
        metrics.count("tunelab_written_tokens_total", written, model=asked.model)
        facts["tokens"] = written
