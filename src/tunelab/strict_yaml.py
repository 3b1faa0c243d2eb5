"""YAML read strictly: no tags, no key given twice, 1e-3 is a number; and overrides put into it."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tunelab.errors import UsageError


def read_keys(path: Path) -> dict[str, Any]:
    """Read a YAML file of keys and values as nested dictionaries, without checking the keys.

    Raises:
        UsageError: the file is missing, not UTF-8, not YAML, empty, or names a key twice.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise UsageError(f"there is no study file {str(path)!r}.") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8.") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}.") from None
    try:
        value = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a subclass of SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).split("\n")[0] or "nested too deep"
        line = f", line {where.line + 1}" if where is not None else ""
        raise UsageError(f"{path}{line}: not YAML that tunelab reads ({problem}).") from None
    if value is None:
        raise UsageError(f"{path} is empty; a study has keys such as data, models and methods.")
    if not isinstance(value, dict):
        raise UsageError(f"{path} must hold keys and values, as 'seed: 42'.")
    return value


def apply_overrides(study: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return ``study`` with each dotted ``key=value`` put in.

    Values are YAML, so that ``data.sample.train=100`` is a number. A number in the path picks an
    entry of a list: ``methods.0.r=8``.

    Raises:
        UsageError: an override is not ``key=value``, or its path leads through a plain value.
    """
    result: dict[str, Any] = json.loads(json.dumps(study, default=str))
    for override in overrides:
        path, separator, text = override.partition("=")
        if not separator or not path.strip():
            raise UsageError(f"{override!r} is not key=value, as in training.epochs=2.")
        try:
            value = yaml.load(text, Loader=_StrictLoader) if text else ""  # noqa: S506
        except (yaml.YAMLError, ValueError, RecursionError):
            value = text
        _put(result, path.strip().split("."), value, override)
    return result


class _StrictLoader(yaml.SafeLoader):
    """YAML's safe loader that also reads 1e-3 as a number and refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            if isinstance(key.value, str):
                seen.add(key.value)
        return dict(super().construct_mapping(node, deep=deep))

    def construct_scalar(self, node: Any) -> Any:
        value = super().construct_scalar(node)
        if isinstance(value, str) and len(value) > 100_000:
            raise yaml.constructor.ConstructorError(
                None, None, "a text of more than 100,000 characters", node.start_mark
            )
        return value


def _plain_float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    value = float(str(node.value))
    if not math.isfinite(value):
        raise ValueError(f"{node.value} is too large a number")
    return value


_EXPONENT = "!exponent"
_StrictLoader.add_constructor(_EXPONENT, _plain_float)
_StrictLoader.add_implicit_resolver(
    _EXPONENT,
    re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+0123456789."),
)


def _put(values: Any, path: list[str], value: Any, override: str) -> None:
    for part in path[:-1]:
        values = _step(values, part, override)
    last = path[-1]
    if isinstance(values, list):
        values[_index(values, last, override)] = value
    elif isinstance(values, dict):
        values[last] = value
    else:
        raise UsageError(f"{override!r}: {path[-2]!r} holds a plain value, not keys.")


def _step(values: Any, part: str, override: str) -> Any:
    if isinstance(values, list):
        return values[_index(values, part, override)]
    if not isinstance(values, dict):
        raise UsageError(f"{override!r}: the key before {part!r} holds a plain value, not keys.")
    if values.get(part) is None:
        values[part] = {}
    return values[part]


def _index(values: list[Any], part: str, override: str) -> int:
    if not part.isdecimal() or int(part) >= len(values):
        raise UsageError(
            f"{override!r}: {part!r} must be a number from 0 to {len(values) - 1} here."
        )
    return int(part)
