"""Values checked against a pydantic model; one sentence says what is wrong."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tunelab.errors import UsageError

Model = TypeVar("Model", bound=BaseModel)


def validated(
    model: type[Model], values: Mapping[str, Any], *, prefix: str = "", where: str = ""
) -> Model:
    """Nested dictionaries as an instance of a model.

    ``prefix`` stands before each key that is named, and ``where`` before the sentence.

    Raises:
        UsageError: an unknown key, with the near matches, or a value of the wrong type.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise UsageError(where + _explain(error, model, prefix)) from None


def _explain(error: ValidationError, model: type[BaseModel], prefix: str) -> str:
    """The first problem of a validation as one sentence that names the key."""
    problem = next(
        (item for item in error.errors() if item["type"] == "extra_forbidden"), error.errors()[0]
    )
    path = _path(problem["loc"], problem["type"])
    key = prefix + ".".join(str(part) for part in path)
    if problem["type"] == "extra_forbidden":
        known = _keys_at(model, path[:-1])
        near = get_close_matches(str(path[-1]), known, n=2, cutoff=0.5)
        stem = "".join(f"{part}." for part in path[:-1])
        hint = (
            f"did you mean {' or '.join(prefix + stem + word for word in near)}?"
            if near
            else f"known are: {', '.join(known)}."
        )
        return f"unknown key {key!r}: {hint}"
    if problem["type"] == "missing":
        return f"the key {key!r} is missing."
    alternatives = [
        item["msg"]
        .replace("Value error, ", "")
        .replace("Input should be ", "")
        .replace("a valid dictionary or instance of", "keys and values:")
        for item in error.errors()
        if _path(item["loc"], item["type"]) == path
    ]
    given = json.dumps(problem["input"], default=str, ensure_ascii=False)
    shown = given if len(given) <= 60 else given[:57] + "..."
    if problem["type"] == "value_error" and not path:
        return f"{prefix.rstrip('.') or 'it'} {alternatives[0]}."
    if problem["type"] == "value_error":
        return f"{key} = {shown} is wrong: it {alternatives[0]}."
    return f"{key} = {shown} is wrong: it should be {' or '.join(dict.fromkeys(alternatives))}."


def _path(loc: tuple[Any, ...], kind: str) -> list[Any]:
    """The keys that lead to a problem, without the branches of unions between them."""
    ends = len(loc)
    # The last part is the user's word then, however much it looks like a branch.
    if kind in ("extra_forbidden", "missing"):
        ends -= 1
    return [*(part for part in loc[:ends] if not _is_union_tag(part)), *loc[ends:]]


def _is_union_tag(part: Any) -> bool:
    """Pydantic adds the name of a union's branch to the path of an error."""
    return isinstance(part, str) and (
        "[" in part
        or part in {"int", "float", "str", "bool", "none"}
        or part.startswith("function")
    )


def _keys_at(model: type[BaseModel], path: list[Any]) -> list[str]:
    here: Any = model
    for part in path:
        if isinstance(part, int) or here is None:
            continue
        here = section_of(here.model_fields[part].annotation)
    return sorted(here.model_fields) if here is not None else []


def section_of(annotation: Any) -> Any:
    """The pydantic model that an annotation names, bare or inside of a union or a list, or None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = section_of(inner)
        if found is not None:
            return found
    return None
