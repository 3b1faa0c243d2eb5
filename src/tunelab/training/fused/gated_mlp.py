"""The gate of an MLP, act(gate) ∘ up, in few passes over memory and with little kept.

With a = act(gate) and g the gradient of a ∘ up: of up it is g ∘ a, and of gate g ∘ up ∘ act'(gate).
Only gate and up are kept; a is computed again. Tokens are taken a block at a time, so that what
one pass writes is still in the processor's cache when the next one reads it.

Source: Shazeer, GLU Variants Improve Transformer, 2020, https://arxiv.org/abs/2002.05202.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

# Numbers in a block: 1 MiB in float32, of which a pass touches two or three.
_BLOCK = 2**18


@dataclass(frozen=True)
class _Activation:
    """act(x) into ``out``, and its backward pass: the gradient of x into ``out``."""

    forward: Any
    backward: Any


def _activations() -> dict[str, _Activation]:
    aten = torch.ops.aten
    tanh = {"approximate": "tanh"}
    return {
        "silu": _Activation(aten.silu.out, aten.silu_backward.grad_input),
        "gelu": _Activation(
            partial(aten.gelu.out, **tanh), partial(aten.gelu_backward.grad_input, **tanh)
        ),
    }


class _Gate(torch.autograd.Function):
    """gate, up: (…, m); the result has their shape."""

    @staticmethod
    def forward(ctx: Any, gate: Any, up: Any, name: str) -> Any:
        ctx.save_for_backward(gate, up)
        ctx.name = name
        activation = _activations()[name]
        out = torch.empty_like(up)
        for part, gates, ups in _blocks(out, gate, up):
            activation.forward(gates, out=part)
            part.mul_(ups)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        gate, up = ctx.saved_tensors
        activation = _activations()[ctx.name]
        of_gate, of_up = torch.empty_like(gate), torch.empty_like(up)
        for gate_part, up_part, gradient, gates, ups in _blocks(
            of_gate, of_up, gradients[0], gate, up
        ):
            torch.mul(gradient, ups, out=up_part)
            activation.backward(up_part, gates, grad_input=gate_part)
            activation.forward(gates, out=up_part)
            up_part.mul_(gradient)
        return of_gate, of_up, None


def _blocks(*tensors: Any) -> Iterator[tuple[Any, ...]]:
    flat = [tensor.view(-1, tensor.shape[-1]) for tensor in tensors]
    step = max(1, _BLOCK // flat[0].shape[1])
    return zip(*(tensor.split(step) for tensor in flat), strict=True)


def replacements(model: Any) -> Iterator[tuple[Any, Any]]:
    """The gated MLPs of a model, each with the forward pass to give it."""
    for module in model.modules():
        parts = [getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj")]
        act = getattr(module, "act_fn", None)
        if any(part is None for part in parts) or act is None:
            continue
        name = _name_of(act)
        known = {"gate_proj", "up_proj", "down_proj", "act_fn"}
        if name is not None and {child for child, _ in module.named_children()} <= known:
            yield module, partial(_answer, module, name)


def _answer(module: Any, name: str, x: Any) -> Any:
    return module.down_proj(_Gate.apply(module.gate_proj(x), module.up_proj(x), name))


@torch.no_grad()
def _name_of(act: Any) -> str | None:
    x = torch.linspace(-4.0, 4.0, 101)
    out = torch.empty_like(x)
    for name, activation in _activations().items():
        activation.forward(x, out=out)
        if torch.allclose(act(x), out, rtol=1e-6, atol=1e-6):
            return name
    return None
