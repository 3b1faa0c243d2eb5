"""The contract of a method: one typed object that says all that the rest of tunelab asks of it.

A method's file ends with ``METHOD = Method(...)``. No other file asks for a method's name: what
differs between methods is an attribute or a function of this object. Packages of others add
methods by an entry point of the group ``tunelab.methods``.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

from tunelab import registry
from tunelab.errors import UsageError
from tunelab.guards.plug_ins import check_plug_in
from tunelab.methods.counting import ParameterCount
from tunelab.methods.settings import MethodSettings
from tunelab.models.description import ModelShape

S = TypeVar("S", bound=MethodSettings)
S_contra = TypeVar("S_contra", bound=MethodSettings, contravariant=True)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


class Adapt(Protocol[S_contra]):
    """Makes a model trainable. ``instruction``: the token ids of the study's instruction, for
    methods that begin at real tokens.
    """

    def __call__(
        self, model: Any, settings: S_contra, instruction: Sequence[int] = ()
    ) -> Any:  # pragma: no cover
        """The adapted model."""


@dataclass(frozen=True)
class Kept:
    """What each block keeps of a forward pass for this method, until the backward pass.

    A linear layer is named by its kind, as in ``ModelShape.kinds``.

    ``inputs``: layers whose input is kept, because it is multiplied with something trained.
    ``outputs``: layers whose output is kept, each with how many times. ``rank``: numbers of a token
    between the two trained factors beside each layer of ``inputs``; such a change can be merged
    into a copy of the weights for a long step. ``dropout``: whether inputs are dropped, which keeps
    them a second time with their mask. ``float32``: whether all this is kept in float32 whatever
    the precision of the step is.
    """

    inputs: Collection[str] = ()
    outputs: Mapping[str, int] = field(default_factory=dict)
    rank: int = 0
    dropout: bool = False
    float32: bool = False


@dataclass(frozen=True)
class AdapterFiles:
    """What the files of an adapter may hold, as it may come from a stranger.

    ``peft_type``: PEFT's own name of the method in adapter_config.json. ``settings``: the keys
    there that may differ from PEFT's defaults. ``fits(values, shapes)`` says whether the
    configuration's sizes are those of the weights; ``shapes``: sizes by the weights' names.
    """

    peft_type: str
    settings: frozenset[str]
    fits: Callable[[Mapping[str, Any], Mapping[str, Sequence[int]]], bool]


@dataclass(frozen=True)
class Drawing:
    """Where a method acts. ``words`` say it in a sentence; ``parts`` are drawn in a block, each one
    that :mod:`tunelab.report.drawings` has.
    """

    words: str
    parts: tuple[str, ...] = ()


def keep_all_inputs(kinds: Sequence[str], settings: Any, fused: bool) -> Kept:
    """The input of every linear layer: the most that a method with its own weights keeps."""
    return Kept(inputs=kinds)


def in_all_layers(settings: Any) -> None:
    """None, as most methods act in every layer or in none."""


def no_virtual_tokens(settings: Any) -> int:
    """0, as most methods put no tokens before a row."""
    return 0


@dataclass(frozen=True)
class Method(Generic[S]):
    """A way to adapt a model.

    ``name``: what a study calls it. ``Settings``: its keys in a study and their defaults.
    ``count(shape, settings)``: the number of parameters from the model's shape alone; it refuses
    settings that the model cannot have with a ``UsageError``. ``save(model, folder)`` and
    ``load(model, folder)`` keep and restore what was trained. ``merge(model)`` writes it into the
    model's weights; None where that is impossible. ``explanation``: the docstring of its file, how
    it works, what it trains, where it acts, with the paper. ``learning_rate``: its own, None for
    the study's. ``weights``: the type that the model's weights must have, None for the device's.
    ``adapter``: what its saved files may hold, None for a method that saves a whole model.

    ``trains_all_weights``: whether the model's own weights are trained and nothing is added.
    ``virtual_tokens(settings)``: tokens that it puts before every row; they are in attention
    alone, and pass no other layer, where ``virtual_in_attention_alone``. ``kept(kinds, settings,
    fused)``: what a block keeps for it, of the linear layers that the model has; ``fused``: whether
    layers run in the fused form. ``top_layers(settings)``: how many of the last layers it acts
    in, None for all.
    """

    name: str
    Settings: type[S]
    adapt: Adapt[S]
    count: Callable[[ModelShape, S], ParameterCount]
    save: Callable[[Any, Path], None]
    load: Callable[[Any, Path], Any]
    merge: Callable[[Any], Any] | None
    explanation: str
    drawing: Drawing
    adapter: AdapterFiles | None
    learning_rate: float | None = None
    weights: str | None = None
    trains_all_weights: bool = False
    virtual_tokens: Callable[[S], int] = no_virtual_tokens
    virtual_in_attention_alone: bool = False
    kept: Callable[[Sequence[str], S, bool], Kept] = keep_all_inputs
    top_layers: Callable[[S], int | None] = in_all_layers


def find_method(name: str) -> Method[Any]:
    """The method of this name.

    Raises:
        UsageError: there is none; the near matches are named.
    """
    return cast(Method[Any], registry.resolve("method", name, registry.METHODS))


def check_method(name: str, found: object) -> None:
    """Refuse what an entry point gives if it is not a method with the entry point's name.

    Raises:
        UsageError: as said, or the name is not written as a name of tunelab's.
    """
    check_plug_in(name, found, Method, "name")
    if not _NAME.fullmatch(name):
        raise UsageError("a name has lower-case letters, digits and _ alone")
