"""The space of a sweep: each key with a range of numbers or a list of choices."""

import json
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from tunelab.errors import UsageError

_NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?::\s*(log|{_NUMBER})\s*)?")
_WHOLE = re.compile(r"[-+]?\d+")
# A space with more settings than this is drawn from and never listed.
_LISTED = 10_000


@dataclass(frozen=True)
class Choices:
    """A key with values to choose from, as JSON texts, since they may be lists or null."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Range:
    """A key with numbers from ``low`` to ``high``, both included, in steps or on a log scale."""

    key: str
    low: float
    high: float
    whole: bool
    log: bool = False
    step: float | None = None


Axis = Choices | Range
# What a storage holds of a setting: JSON texts of choices, and numbers.
Stored = str | int | float


def parse_space(space: Mapping[str, Any]) -> tuple[Axis, ...]:
    """Every key of a space, in its order.

    Raises:
        UsageError: a value is neither a range nor choices, a range is empty, or one key lies
            within another.
    """
    axes = tuple(_axis(key, value) for key, value in space.items())
    for one in space:
        for other in space:
            if other.startswith(f"{one}."):
                raise UsageError(f"space: {other} is a part of {one}; search one of the two.")
    return axes


def to_value(axis: Axis, stored: Stored) -> Any:
    """The value that a key of the study gets."""
    if isinstance(axis, Choices):
        return json.loads(str(stored))
    if axis.whole:
        return int(stored)
    # Adding steps leaves the last digits of floating point.
    return float(f"{stored:.12g}") if axis.step is not None else float(stored)


def to_values(axes: Sequence[Axis], stored: Mapping[str, Stored]) -> dict[str, Any]:
    """The values of a whole setting."""
    return {axis.key: to_value(axis, stored[axis.key]) for axis in axes}


def to_stored(axis: Axis, value: Any) -> Stored | None:
    """How a value is stored, or None where the axis does not hold it."""
    if isinstance(axis, Choices):
        text = _json(value)
        return text if text in axis.values else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not axis.low <= value <= axis.high or (axis.whole and value != int(value)):
        return None
    if axis.step is not None:
        steps = (value - axis.low) / axis.step
        if abs(steps - round(steps)) > 1e-9:
            return None
    return int(value) if axis.whole else float(value)


def edges(axis: Axis) -> list[Any]:
    """The values that are checked before anything runs: every choice, or both ends."""
    if isinstance(axis, Choices):
        return [json.loads(text) for text in axis.values]
    return [to_value(axis, axis.low), to_value(axis, axis.high)]


def canonical(axes: Sequence[Axis], stored: Mapping[str, Stored]) -> str:
    """A text that two settings share if they are the same."""
    return _json(to_values(axes, stored))


def unseen(axes: Sequence[Axis], seen: Sequence[Mapping[str, Stored]], seed: int) -> Any:
    """A setting that is not among ``seen``, at random, or None where none is left."""
    known = {canonical(axes, setting) for setting in seen}
    generator = random.Random(seed)  # noqa: S311 - sampling, not secrets
    counts = [_count(axis) for axis in axes]
    if None not in counts and math.prod(count or 1 for count in counts) <= _LISTED:
        left = [setting for setting in _all(axes) if canonical(axes, setting) not in known]
        return generator.choice(left) if left else None
    for _ in range(_LISTED):
        setting = {axis.key: _draw(axis, generator) for axis in axes}
        if canonical(axes, setting) not in known:
            return setting
    return None


def _axis(key: str, value: Any) -> Axis:
    if isinstance(value, list):
        texts = tuple(map(_json, value))
        if len(texts) < 2 or len(set(texts)) < len(texts):
            raise UsageError(f"space: {key} needs two choices or more, no two alike.")
        return Choices(key, texts)
    found = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise UsageError(
            f"space: {key} = {_json(value)[:60]} is neither a range, as 4..64, 1e-5..1e-2:log or "
            "0..1:0.25, nor a list of choices."
        )
    return _range(key, *found.groups())


def _range(key: str, first: str, last: str, form: str | None) -> Range:
    low, high = float(first), float(last)
    log = form == "log"
    step = None if log or form is None else float(form)
    shown = f"space: {key} = {first}..{last}"
    written = [first, last] if log or form is None else [first, last, form]
    whole = all(_WHOLE.fullmatch(text) for text in written)
    if not low < high or not math.isfinite(high - low):
        raise UsageError(f"{shown} must begin below its end.")
    if log and low <= 0:
        raise UsageError(f"{shown}:log must begin above 0.")
    if step is not None:
        if step <= 0:
            raise UsageError(f"{shown}:{form} needs a step above 0.")
        steps = (high - low) / step
        if abs(steps - round(steps)) > 1e-9 or round(steps) < 1:
            raise UsageError(f"{shown}:{form} must end on a step.")
    if whole and max(abs(low), abs(high)) > 2**53:
        raise UsageError(f"{shown} is too large a range.")
    return Range(key, low, high, whole, log, step)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _count(axis: Axis) -> int | None:
    """How many values an axis has, or None where they are not countable."""
    if isinstance(axis, Choices):
        return len(axis.values)
    step = axis.step or (1.0 if axis.whole else None)
    return None if step is None else round((axis.high - axis.low) / step) + 1


def _all(axes: Sequence[Axis]) -> Iterator[dict[str, Stored]]:
    columns = [
        [_position(axis, position) for position in range(_count(axis) or 0)] for axis in axes
    ]
    for values in product(*columns):
        yield {axis.key: value for axis, value in zip(axes, values, strict=True)}


def _position(axis: Axis, position: int) -> Stored:
    if isinstance(axis, Choices):
        return axis.values[position]
    value = min(axis.high, axis.low + position * (axis.step or 1.0))
    return int(value) if axis.whole else value


def _draw(axis: Axis, generator: random.Random) -> Stored:
    if isinstance(axis, Choices):
        return generator.choice(axis.values)
    if axis.log:
        # Half a step beyond both ends, so that rounding leaves them as likely as the others.
        beyond = 0.5 if axis.whole else 0.0
        ends = math.log(max(axis.low - beyond, axis.low / 2)), math.log(axis.high + beyond)
        value = min(axis.high, max(axis.low, math.exp(generator.uniform(*ends))))
        return round(value) if axis.whole else value
    count = _count(axis)
    if count is not None:
        return _position(axis, generator.randrange(count))
    return generator.uniform(axis.low, axis.high)
