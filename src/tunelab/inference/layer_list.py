"""The list of a model's layers, and running a part of it: from the bottom, or from given states.

Both parts run by the model's own forward pass. The layers that are not wanted return their input,
so that no family needs code of its own; a trial says whether the result is that of the whole model
(:mod:`tunelab.inference.trial`).
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tunelab.inference.virtual_tokens import virtual_tokens


@dataclass(frozen=True)
class LayerList:
    """``layers``, in order; ``parent`` is the module that runs them, ``name`` the list's there."""

    parent: Any
    name: str
    layers: Sequence[Any]


def find_layers(model: Any) -> LayerList | None:
    """The one list of all layers that a model's configuration counts, or None for another build."""
    import torch

    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    found = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == count
    ]
    # As many experts as layers would be lists inside the layers.
    outer = [name for name in found if not any(name.startswith(f"{one}.") for one in found)]
    if len(outer) != 1:
        return None
    parent, _, name = outer[0].rpartition(".")
    return LayerList(model.get_submodule(parent), name, model.get_submodule(outer[0]))


def lowest_trained(model: Any, layers: Sequence[Any]) -> int:
    """The index of the lowest layer with trained parameters; 0 where a parameter below is trained.

    An output layer that shares no weights with the embedding may be trained too.
    """
    output, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    above = set(map(id, output.parameters())) if output is not None else set()
    above -= set(map(id, embedding.parameters()))
    trained = {id(value) for value in model.parameters() if value.requires_grad} - above
    in_layers = [set(map(id, layer.parameters())) & trained for layer in layers]
    if not trained or trained - set().union(*in_layers):
        return 0
    return next(index for index, ids in enumerate(in_layers) if ids)


def lowest_adapted(model: Any, layers: Sequence[Any]) -> int:
    """The index of the lowest layer with an adapter of PEFT's, trained or frozen.

    0 for a model without one, or where something is added elsewhere than in these layers.
    """
    if not hasattr(model, "peft_config") or virtual_tokens(model):
        return 0
    from peft.tuners.tuners_utils import BaseTunerLayer

    def count(module: Any) -> int:
        return sum(isinstance(one, BaseTunerLayer) for one in module.modules())

    adapted = [count(layer) for layer in layers]
    if not any(adapted) or sum(adapted) != count(model):
        return 0
    return next(index for index, number in enumerate(adapted) if number)


def states_before(
    found: LayerList, border: int, *, training: bool = False, **arguments: Any
) -> Any:
    """Hidden states (B, S, hidden) at the input of the layer with index ``border``.

    ``arguments``: of the forward pass of the list's parent. It runs in evaluation, or with dropout
    where ``training``, whatever the model's own mode. Neither gradients nor autocast: the states
    are those of the weights' own type.
    """
    import torch

    device = next(found.parent.parameters()).device.type
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.autocast(device, enabled=False))
        stack.enter_context(_in_mode(found.parent, training))
        stack.enter_context(_passing_through(found.layers[border:]))
        seen = stack.enter_context(inputs_of(found.layers, border))
        found.parent(**arguments, use_cache=False)
    (states,) = seen
    return states


@contextmanager
def inputs_of(layers: Sequence[Any], border: int) -> Iterator[list[Any]]:
    """Within this context each forward pass adds the input of the layer ``border`` to a list."""
    seen: list[Any] = []

    def keep(_: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        seen.append(inputs[0] if inputs else named["hidden_states"])

    handle = layers[border].register_forward_pre_hook(keep, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()


@contextmanager
def begin_at(layers: Sequence[Any], border: int, states: Any) -> Iterator[None]:
    """Within this context a forward pass begins at the layer ``border``, with these states.

    ``states``: (B, S, hidden) for the B × S token ids that the model is given.
    """

    def replace(
        _: Any, inputs: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if inputs:
            return (states, *inputs[1:]), named
        return inputs, {**named, "hidden_states": states}

    with _passing_through(layers[:border]):
        handle = layers[border].register_forward_pre_hook(replace, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()


@contextmanager
def _in_mode(model: Any, training: bool) -> Iterator[None]:
    """Within this context a model is in training or in evaluation; then as each module was."""
    modes = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _passing_through(layers: Sequence[Any]) -> Iterator[None]:
    """Within this context these layers return their input."""
    for layer in layers:
        layer.forward = _return_input
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _return_input(hidden_states: Any, *_: Any, **__: Any) -> Any:
    return hidden_states
