"""Types of the values in a study file, each with its checks, and the base of its sections."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmg]?b)", re.IGNORECASE)
_UNITS = {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9}


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def _text_only(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a text; put it in quotes")
    return value


def _candidates(value: Any) -> Any:
    """Numbers to choose from, each above 0 and another."""
    if not isinstance(value, list):
        return value
    numbers = [one for one in value if isinstance(one, int | float) and not isinstance(one, bool)]
    if not value or len(set(numbers)) < len(value) or min(numbers) <= 0:
        raise ValueError("must list different numbers above 0 to choose from")
    return value


def _bytes(value: Any) -> Any:
    """A number of bytes, also as a text such as 1.5GB (10⁹ bytes) or 200 MB."""
    if not isinstance(value, str):
        return _no_boolean(value)
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise ValueError("must be a number of bytes, or one with kB, MB or GB behind it")
    return float(found[1]) * _UNITS[found[2].lower()]


Integer = Annotated[int, BeforeValidator(_no_boolean)]
Number = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)]
Text = Annotated[str, BeforeValidator(_text_only)]
Bytes = Annotated[float, BeforeValidator(_bytes), Field(gt=0, allow_inf_nan=False)]
Count = Annotated[Integer, Field(ge=1, le=10**9)]
Size = Count | Literal["all"]
# A setting of a training: a number, or chosen on a part of the training rows, among a list of one's
# own or among multiples of the default.
Positive = Annotated[Number, Field(gt=0)]
Candidate = Annotated[Positive | Literal["choose"] | list[Positive], BeforeValidator(_candidates)]


class Section(BaseModel):
    """A part of a study. Unknown keys are refused and values cannot be changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)
