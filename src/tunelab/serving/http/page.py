"""The page of the service: its paths, from the OpenAPI description, without any script."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#f2f4f5;padding:.7rem;overflow:auto}code{font-size:.95em}"
    "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2rem .5rem;"
    "text-align:left;vertical-align:top}"
)


def describe_service(schema: Mapping[str, Any], ids: Mapping[str, str]) -> str:
    """HTML of every path with its fields; ``ids``: each model's id and what it does."""
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(what)}</td></tr>"
        for name, what in ids.items()
    )
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>tunelab serve</title>"
        f"<style>{_STYLE}</style></head><body><h1>tunelab serve</h1>"
        "<p>The same for programs: <a href='/openapi.json'><code>/openapi.json</code></a> "
        "(OpenAPI).</p>"
        f"<h2>Models</h2><table><tr><th>id</th><th>what it does</th></tr>{rows}</table>"
    ]
    for path, methods in schema["paths"].items():
        for method, about in methods.items():
            parts.append(f"<h2><code>{method.upper()} {escape(path)}</code></h2>")
            parts.append(f"<p>{escape(about.get('description', about.get('summary', '')))}</p>")
            body = about.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "$ref" in body.get("schema", {}):
                name = body["schema"]["$ref"].rsplit("/", 1)[-1]
                parts.append(_fields(schema["components"]["schemas"][name]))
            if "example" in body:
                parts.append(f"<pre>{escape(json.dumps(body['example'], indent=1))}</pre>")
    return "".join([*parts, "</body></html>"])


def _fields(model: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(one.get('description', ''))}</td>"
        f"<td>{'needed' if name in model.get('required', ()) else ''}</td></tr>"
        for name, one in model["properties"].items()
    )
    return f"<table><tr><th>field</th><th>meaning</th><th></th></tr>{rows}</table>"
