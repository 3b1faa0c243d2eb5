"""RMS normalization in few passes over memory, with a backward pass of its own.

y = w ∘ x / sqrt(mean(x²) + ε). With x̂ = x / sqrt(…), h numbers a token, and g the gradient of y:

    of x:  (w ∘ g − x̂ · mean(w ∘ g ∘ x̂)) / sqrt(…)        of w:  Σ over tokens of g ∘ x̂

Only x and one number a token are kept from the forward pass.

Source: Zhang and Sennrich, Root Mean Square Layer Normalization, 2019,
https://arxiv.org/abs/1910.07467.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch


class _RMSNorm(torch.autograd.Function):
    """x: (…, h); weight: (h,); the result has the shape of x."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, epsilon: float) -> Any:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        inverse = length.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        return torch.mul(x, inverse).mul_(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x, weight, inverse = ctx.saved_tensors
        gradient = gradients[0]
        of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = (gradient * x).mul_(inverse).flatten(0, -2).sum(0)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = gradient * weight
            share = (of_x * x).sum(-1, keepdim=True).mul_(inverse.pow(3)).div_(x.shape[-1])
            of_x.mul_(inverse).addcmul_(x, share, value=-1)
        return of_x, of_weight, None


def replacements(model: Any) -> Iterator[tuple[Any, Any]]:
    """The RMS norms of a model, each with the forward pass to give it."""
    for module in model.modules():
        weight = getattr(module, "weight", None)
        epsilon = getattr(module, "variance_epsilon", getattr(module, "eps", None))
        named = type(module).__name__.endswith("RMSNorm")
        if not named or not isinstance(epsilon, float) or not isinstance(weight, torch.Tensor):
            continue
        # Gemma keeps the weight's distance from 1.
        for shift in (0.0, 1.0):
            forward = partial(_normalize, module, epsilon, shift)
            if weight.dtype == torch.float32 and _agrees(module, forward, weight):
                yield module, forward
                break


def _normalize(module: Any, epsilon: float, shift: float, x: Any) -> Any:
    weight = module.weight if shift == 0.0 else module.weight + shift
    return _RMSNorm.apply(x, weight, epsilon)


@torch.no_grad()
def _agrees(module: Any, forward: Any, weight: Any) -> bool:
    x = torch.linspace(-3.0, 2.0, 2 * weight.numel(), device=weight.device).view(2, -1)
    return torch.allclose(forward(x), module(x), rtol=1e-5, atol=1e-6)
