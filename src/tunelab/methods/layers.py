"""Which layers of a model a method acts in: all of them, or the top ones alone.

Where only the top K layers are trained, everything below them is the same in every step, and
gradients end at the lowest trained layer.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from tunelab.errors import UsageError
from tunelab.methods.settings import MethodSettings
from tunelab.models.description import LinearLayer, ModelShape

_TOP = "top-"
# More layers than any model has.
_MOST = 10_000


def _check(value: str) -> str:
    number = value.removeprefix(_TOP)
    known = value.startswith(_TOP) and number.isdecimal() and number.isascii()
    if value != "all" and not (known and 0 < int(number) <= _MOST):
        raise ValueError("should be all, or top-K with a number of layers, as in top-10")
    return value


Layers = Annotated[str, AfterValidator(_check)]


class LayeredSettings(MethodSettings):
    """The key of every method that acts in layers."""

    # Left out of records and stage keys where it is "all", so that those of older studies stand.
    layers: Layers = Field(
        "all",
        description="all, or top-K for the last K layers of the model alone, as in top-10",
        exclude_if=lambda value: value == "all",
    )


def top_layers(settings: LayeredSettings) -> int | None:
    """How many layers, counted from the output, are adapted; None for all."""
    return None if settings.layers == "all" else int(settings.layers.removeprefix(_TOP))


def chosen_layers(
    linears: Iterable[LinearLayer], kinds: Sequence[str], layers: int, top: int | None
) -> list[LinearLayer]:
    """The linear layers of these kinds in the ``top`` last of a model's ``layers``, or in all.

    Raises:
        UsageError: the model has fewer layers, its layers are not one list, or none of the top
            ones has a linear layer of these kinds.
    """
    found = [linear for linear in linears if linear.kind in kinds]
    if top is None:
        return found
    if top > layers:
        raise UsageError(
            f"layers=top-{top} is more than this model's {layers} layers; use top-{layers} or "
            "fewer, or layers=all."
        )
    lists = sorted({_position(linear.name)[0] for linear in found} - {""})
    if len(lists) > 1:
        raise UsageError(
            f"layers=top-{top} needs a model whose layers are one list, and this one has "
            f"{', '.join(lists)}; use layers=all."
        )
    inside = [linear for linear in found if _position(linear.name)[1] >= layers - top]
    if found and not inside:
        raise UsageError(
            f"the top {top} of this model's layers have no {', '.join(kinds)}; use layers=all, or "
            "other targets."
        )
    return inside


def trained_layers(shape: ModelShape, top: int | None) -> int:
    """How many layers a training step keeps something of; ``top`` as of :func:`top_layers`."""
    return shape.layers if top is None else min(top, shape.layers)


def _position(name: str) -> tuple[str, int]:
    """The list that a module is in and its index there, from its full name; -1 for no list."""
    parts = name.split(".")
    for place, part in enumerate(parts):
        if part.isdecimal():
            return ".".join(parts[:place]), int(part)
    return "", -1
