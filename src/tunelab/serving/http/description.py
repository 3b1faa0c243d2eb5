"""The OpenAPI description of the service."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from tunelab import __version__
from tunelab.serving.http.bodies import ChatRequest, ClassifyRequest, ErrorResponse

# What each status of a refusal means.
REFUSALS: Mapping[int, str] = {
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
CLASSIFY_EXAMPLE = {"texts": ["what a good song", "who is there"]}
CHAT_EXAMPLE = {
    "model": "smollm2-135m-instruct",
    "messages": [{"role": "user", "content": "What is 2 + 2?"}],
}


def describe(web: FastAPI, *, token: bool) -> dict[str, Any]:
    """The OpenAPI description, with the fields of the bodies that are read by hand.

    ``token``: whether requests need one.
    """
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
    if token:
        schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}]
    return schema


def body_of(model: str, example: Mapping[str, Any]) -> dict[str, Any]:
    """The description of a body that is read by hand, with an example."""
    content = {"schema": {"$ref": f"#/components/schemas/{model}"}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def refusals_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The description of the refusals of a path."""
    return {
        status: {"model": ErrorResponse, "description": REFUSALS[status]} for status in statuses
    }
