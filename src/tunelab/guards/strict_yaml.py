"""YAML read strictly, and overrides put into it.

There are no tags, no anchors and no key given twice; keys are words, texts can be written again,
numbers are finite and of a size that people write, and 1e-3 is one.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tunelab.errors import UsageError
from tunelab.guards.bounded_files import read_bounded

# Bytes of a file, and the keys and values in it: the parser takes seconds for as many.
_LARGEST = 2_000_000
_MOST_VALUES = 30_000
_DEEPEST = 100


def read_keys(path: Path) -> dict[str, Any]:
    """Read a YAML file of keys and values as nested dictionaries, without checking the keys.

    Raises:
        UsageError: the file is missing, too large, not UTF-8, not YAML, empty, or names a key
            twice.
    """
    try:
        text = read_bounded(path, _LARGEST).decode("utf-8")
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
        if not separator or not path.strip() or not _is_writable(override):
            raise UsageError(f"{override!r} is not key=value, as in training.epochs=2.")
        try:
            value = yaml.load(text, Loader=_StrictLoader) if text else ""  # noqa: S506
        except (yaml.YAMLError, ValueError, RecursionError):
            value = text
        _put(result, path.strip().split("."), value, override)
    return result


class _StrictLoader(yaml.SafeLoader):
    """YAML's safe loader without what a stranger could use: see the module."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = self._count = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        self._count += 1
        if self._count > _MOST_VALUES:
            raise _refusal(f"more than {_MOST_VALUES:,} keys and values", event)
        if self._depth > _DEEPEST:
            raise _refusal("nested too deep", event)
        # An anchor that is used again and again makes much of little.
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refusal("anchors are not read; write the value out", event)
        if getattr(event, "tag", None) is not None:
            raise _refusal(f"the tag {event.tag[:60]!r} is not read; leave it out", event)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refusal("a key must be a word", key)
            if key.value in seen:
                raise _refusal(f"the key {key.value[:60]!r} stands twice", key)
            seen.add(key.value)
        values = super().construct_mapping(node, deep=deep)
        if not all(isinstance(key, str) for key in values):
            raise _refusal("a key must be a word; put it in quotes", node)
        return dict(values)

    def construct_scalar(self, node: Any) -> Any:
        value = super().construct_scalar(node)
        if isinstance(value, str):
            if len(value) > 100_000:
                raise _refusal("a text of more than 100,000 characters", node)
            if not _is_writable(value):
                raise _refusal("a text with half a character, which cannot be written", node)
        return value

    def construct_yaml_int(self, node: Any) -> int:
        if len(str(node.value)) > 40:
            raise _refusal("a number of more than 40 digits", node)
        return int(super().construct_yaml_int(node))


def _refusal(problem: str, where: Any) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, where.start_mark)


def _is_writable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _plain_float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    value = float(str(node.value))
    if not math.isfinite(value):
        raise ValueError(f"{node.value} is too large a number")
    return value


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_yaml_int)
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
        raise UsageError(f"{override[:100]!r}: {path[-2][:60]!r} holds a plain value, not keys.")


def _step(values: Any, part: str, override: str) -> Any:
    if isinstance(values, list):
        return values[_index(values, part, override)]
    if not isinstance(values, dict):
        raise UsageError(
            f"{override[:100]!r}: the key before {part[:60]!r} holds a plain value, not keys."
        )
    if values.get(part) is None:
        values[part] = {}
    return values[part]


def _index(values: list[Any], part: str, override: str) -> int:
    if not part.isdecimal() or len(part) > 9 or int(part) >= len(values):
        raise UsageError(
            f"{override[:100]!r}: {part[:60]!r} must be a number from 0 to {len(values) - 1} here."
        )
    return int(part)
