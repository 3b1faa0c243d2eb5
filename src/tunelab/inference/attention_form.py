"""Another form of attention instead of a model's own, within a context."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

_Batch = TypeVar("_Batch")
_Model = TypeVar("_Model")

# What changes attention in ways that tunelab's forms do not follow.
_UNKNOWN = ("softcap", "s_aux", "position_bias")


def with_known_attention(make: Callable[[str], _Model]) -> _Model:
    """What ``make`` returns for PyTorch's own attention, or for the plain one.

    ``make`` gets transformers' name of the attention. A family that does not know PyTorch's (GPT-J,
    BLOOM, MPT, Mamba) is built with its own. A name is always given, since a configuration could
    name a kernel that would be fetched.
    """
    try:
        return make("sdpa")
    except ValueError as error:
        if "attention implementation" not in str(error):
            raise
        return make("eager")


@contextmanager
def attention_form(model: Any, name: str) -> Iterator[None]:
    """Within this context a model asks transformers for the attention of that name."""
    config = model.config
    before = config._attn_implementation
    config._attn_implementation = name
    try:
        yield
    finally:
        config._attn_implementation = before


def check_call(
    given: _Batch | None, arguments: Mapping[str, Any], *, within: str, takes: str, form: str
) -> _Batch:
    """What a form of attention needs of its caller, once it is seen that it can answer.

    ``arguments`` is what the layer asks for besides.

    Raises:
        RuntimeError: nothing was given.
        NotImplementedError: the layer asks for attention that tunelab's forms do not follow.
    """
    if given is None:
        raise RuntimeError(f"within {within}() a model takes {takes} alone.")
    if any(arguments.get(name) is not None for name in _UNKNOWN):
        raise NotImplementedError(f"this model's attention has no {form}.")
    return given


def scale_of(query: Any, scaling: float | None) -> float:
    """What queries are multiplied with; without a word of the model 1 / √D."""
    return float(query.shape[-1] ** -0.5) if scaling is None else scaling
