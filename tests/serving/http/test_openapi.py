"""The OpenAPI description, and a service that keeps to it whatever schemathesis sends."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from served_http import Running, serving, write_classical


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = write_classical(tmp_path_factory.mktemp("described"), "tfidf-logistic")
    with serving([Path(folder)]) as found:
        yield found


def test_the_description_names_paths_fields_and_errors(running: Running) -> None:
    schema = running.client.get("/openapi.json").json()
    assert {"/v1/classify", "/v1/chat/completions", "/v1/models", "/metrics"} <= set(
        schema["paths"]
    )
    parts = schema["components"]["schemas"]
    assert {"text", "texts", "model"} <= set(parts["ClassifyRequest"]["properties"])
    assert set(parts["ErrorDetail"]["properties"]) == {"message", "type"}
    asked = schema["paths"]["/v1/classify"]["post"]
    assert {"200", "400", "401", "413", "429"} <= set(asked["responses"])
    assert "HTTPValidationError" not in json.dumps(schema)
    example = asked["requestBody"]["content"]["application/json"]["example"]
    assert len(running.client.post("/v1/classify", json=example).json()["results"]) == 2


def test_answers_keep_to_the_description(running: Running) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings

    schema = schemathesis.openapi.from_url(f"{running.address}/openapi.json")
    checks = schemathesis.checks
    kept = [
        checks.not_a_server_error,
        *(checks.CHECKS.get_by_names(["status_code_conformance", "response_schema_conformance"])),
    ]
    for path in ("/v1/classify", "/v1/chat/completions"):
        about = schema[path]["POST"]

        @settings(
            max_examples=10,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=about.as_strategy())
        def keeps(case: object) -> None:
            case.call_and_validate(checks=kept)  # type: ignore[attr-defined]

        keeps()
