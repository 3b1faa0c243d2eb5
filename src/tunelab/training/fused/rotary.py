"""Rotary positions in three passes over memory, with a backward pass of its own.

The two halves (x₁, x₂) of a head's numbers turn by the angles of their position:

    y₁ = x₁ cos₁ − x₂ sin₁        y₂ = x₂ cos₂ + x₁ sin₂

and the gradient turns back: g₁ cos₁ + g₂ sin₂ and g₂ cos₂ − g₁ sin₁.

Source: Su et al., RoFormer, 2021, https://arxiv.org/abs/2104.09864.
"""

import sys
from collections.abc import Iterator
from typing import Any

import torch

_NAME = "apply_rotary_pos_emb"


class _Rotate(torch.autograd.Function):
    """x: (…, d), its memory in any order; cos, sin: broadcast to it."""

    @staticmethod
    def forward(ctx: Any, x: Any, cos: Any, sin: Any) -> Any:
        ctx.save_for_backward(cos, sin)
        half = x.shape[-1] // 2
        out = x * cos
        out[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-1)
        out[..., half:].addcmul_(x[..., :half], sin[..., half:])
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        cos, sin = ctx.saved_tensors
        gradient = gradients[0]
        half = gradient.shape[-1] // 2
        out = gradient * cos
        out[..., :half].addcmul_(gradient[..., half:], sin[..., half:])
        out[..., half:].addcmul_(gradient[..., :half], sin[..., :half], value=-1)
        return out, None, None


def rotate(q: Any, k: Any, cos: Any, sin: Any, unsqueeze_dim: int = 1) -> tuple[Any, Any]:
    """Turn queries and keys (B, heads, T, d) by the angles of cos and sin (B, T, r).

    With r below d the first r numbers of a head turn and the others stay: partial rotary.
    """
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    return _turn(q, cos, sin), _turn(k, cos, sin)


def _turn(x: Any, cos: Any, sin: Any) -> Any:
    size = cos.shape[-1]
    if size == x.shape[-1]:
        return _Rotate.apply(x, cos, sin)
    return torch.cat([_Rotate.apply(x[..., :size], cos, sin), x[..., size:]], -1)


def replacements(model: Any) -> Iterator[tuple[Any, Any]]:
    """The source modules of a model's layers that turn all of a head's numbers so."""
    sources = {sys.modules[type(module).__module__] for module in model.modules()}
    for source in sorted(sources, key=lambda module: module.__name__):
        original = getattr(source, _NAME, None)
        if original is not None and _agrees(original):
            yield source, rotate


@torch.no_grad()
def _agrees(original: Any) -> bool:
    q, k = torch.linspace(-1, 2, 96).view(1, 2, 3, 16), torch.linspace(2, -1, 48).view(1, 1, 3, 16)
    angles = torch.linspace(0, 3, 24).view(1, 3, 8).repeat(1, 1, 2)
    try:
        found = original(q, k, angles.cos(), angles.sin())
    except (TypeError, RuntimeError):
        return False
    expected = rotate(q, k, angles.cos(), angles.sin())
    return all(map(torch.allclose, found, expected))
