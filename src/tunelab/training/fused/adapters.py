"""LoRA with its product merged into the weight: one matrix product a layer and pass.

A LoRA layer answers W x + s B A x, where s = alpha / r. Where nothing is dropped out that is
(W + s B A) x, so the sum is formed once an optimizer step and each pass is one matrix product.
With g the gradient of the layer's output, the gradients are

    of x:  (W + s B A)ᵀ g        of B:  s g (A x)ᵀ        of A:  s (Bᵀ g) xᵀ

which need x alone: nothing of the low rank is kept from the forward pass. Layers that read the
same x (queries, keys and values; gate and up) share one backward pass, in which x meets their
thin matrices at once and its gradient is summed within the products.

DoRA answers m ∘ (W + s B A) x / ‖W + s B A‖, with a norm for each row that is held constant: the
same products, scaled for each output, and norms that are taken once an optimizer step.

Sources of the layers: Hu et al., LoRA, 2021, https://arxiv.org/abs/2106.09685; Liu et al., DoRA,
2024, https://arxiv.org/abs/2402.09353.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch.nn.functional import linear
from torch.optim.optimizer import register_optimizer_step_post_hook

# Layers of one module that read the same input, in the families that have them.
_SIBLINGS = (
    ("q_proj", "k_proj", "v_proj"),
    ("gate_proj", "up_proj"),
)


class _Linears(torch.autograd.Function):
    """z_i = (W_i + s_i B_i A_i) x + bias_i of layers that read the same x: (…, in)."""

    @staticmethod
    def forward(ctx: Any, x: Any, layers: Sequence["_Layer"], *thin: Any) -> Any:
        merge = layers[0].merge
        a, b = thin[::2], thin[1::2]
        weights = [layer.merged() if merge else layer.base.weight for layer in layers]
        outputs = [
            linear(x, weight, layer.bias) for weight, layer in zip(weights, layers, strict=True)
        ]
        scales = [layer.scale for layer in layers]
        low = []
        if not merge:
            low = [_low(x.reshape(-1, x.shape[-1]), a, scales)]
            parts = low[0].split([matrix.shape[0] for matrix in a], 1)
            for output, part, matrix in zip(outputs, parts, b, strict=True):
                output.view(-1, output.shape[-1]).addmm_(part, matrix.t())
        ctx.save_for_backward(x, *weights, *thin, *low)
        ctx.scales = scales
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x, *saved = ctx.saved_tensors
        count, scales = len(ctx.scales), ctx.scales
        weights, thin, low = saved[:count], saved[count : 3 * count], saved[3 * count :]
        a, b = thin[::2], thin[1::2]
        ranks = [matrix.shape[0] for matrix in a]
        inputs = x.reshape(-1, x.shape[-1])
        rows = [gradient.reshape(-1, gradient.shape[-1]) for gradient in gradients]
        parts = (low[0] if low else _low(inputs, a, scales)).split(ranks, 1)
        # Written as the transpose of what is wanted: the library is twice as fast at it.
        of_b = [(part.t() @ row).t() for row, part in zip(rows, parts, strict=True)]
        down = torch.cat([row @ matrix for row, matrix in zip(rows, b, strict=True)], 1)
        down *= _by_rank(scales, ranks, down)
        of_a = (down.t() @ inputs).split(ranks)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = rows[0] @ weights[0]
            for row, weight in zip(rows[1:], weights[1:], strict=True):
                of_x.addmm_(row, weight)
            if low:
                of_x.addmm_(down, torch.cat(a))
            of_x = of_x.reshape(x.shape)
        return of_x, None, *(one for pair in zip(of_a, of_b, strict=True) for one in pair)


def _low(inputs: Any, a: Sequence[Any], scales: Sequence[float]) -> Any:
    """s A x of all layers side by side: (tokens, sum of ranks)."""
    low = inputs @ torch.cat(list(a)).t()
    return low.mul_(_by_rank(scales, [matrix.shape[0] for matrix in a], low))


def _by_rank(scales: Sequence[float], ranks: Sequence[int], like: Any) -> Any:
    if len(set(scales)) == 1:
        return scales[0]
    parts = [like.new_full((rank,), scale) for scale, rank in zip(scales, ranks, strict=True)]
    return torch.cat(parts)


class _Layer:
    """A LoRA or DoRA layer, and what is formed anew when A or B have changed since."""

    def __init__(self, layer: Any, adapter: str, merge: bool) -> None:
        self.layer = layer
        self.merge = merge
        self.base = layer.base_layer
        self.a = layer.lora_A[adapter]
        self.b = layer.lora_B[adapter]
        self.scale = float(layer.scaling[adapter])
        lengths = layer.lora_magnitude_vector
        self.lengths = lengths[adapter].weight if adapter in lengths else None
        # DoRA scales what the products give, and its bias comes behind that.
        self.bias = self.base.bias if self.lengths is None else None
        self.weight = torch.empty_like(self.base.weight) if merge else None
        self.norms: Any = None
        self.formed_from: tuple[int, ...] | None = None

    @property
    def thin(self) -> tuple[Any, Any]:
        """A and B."""
        return self.a.weight, self.b.weight

    def merged(self) -> Any:
        """The merged weight, formed anew if A or B were written to or a step was taken."""
        self._form()
        return self.weight

    def finish(self, output: Any) -> Any:
        """From the products to the layer's output."""
        if self.lengths is None:
            return output
        self._form()
        output = output * (self.lengths / self.norms)
        return output if self.base.bias is None else output + self.base.bias

    def answer(self, x: Any) -> Any:
        """The layer's output, where no gradient is wanted."""
        if self.merge:
            return self.finish(linear(x, self.merged(), self.bias))
        a, b = self.thin
        output = linear(x, self.base.weight, self.bias)
        low = linear(x, a).flatten(0, -2)
        output.view(-1, output.shape[-1]).addmm_(low, b.t(), alpha=self.scale)
        return self.finish(output)

    def _form(self) -> None:
        a, b = self.thin
        state = (a.data_ptr(), a._version, b.data_ptr(), b._version)
        if state == self.formed_from:
            return
        with torch.no_grad():
            weight = self.weight if self.merge else torch.empty_like(self.base.weight)
            torch.addmm(self.base.weight, b, a, alpha=self.scale, out=weight)
            if self.lengths is not None:
                self.norms = torch.linalg.vector_norm(weight, dim=1)
        self.formed_from = state


class _Siblings:
    """Layers that are called one after the other with the same input.

    The first call runs them all; each of the others finds its output waiting. A call with
    another input runs anew, so that nothing depends on their being called together.
    """

    def __init__(self, layers: Sequence[_Layer]) -> None:
        self.layers = list(layers)
        self._input: Any = None
        self._waiting: dict[int, Any] = {}

    def __call__(self, position: int, x: Any, **_: Any) -> Any:
        if not torch.is_grad_enabled():
            return self.layers[position].answer(x)
        if x is not self._input or position not in self._waiting:
            thin = [matrix for layer in self.layers for matrix in layer.thin]
            outputs = _Linears.apply(x, self.layers, *thin)
            self._input, self._waiting = x, dict(enumerate(outputs))
        output = self._waiting.pop(position)
        if not self._waiting:
            self._input = None
        return self.layers[position].finish(output)


@contextmanager
def fused_adapters(model: Any, merge: bool) -> Iterator[int]:
    """Within this context, LoRA and DoRA layers for which that is exact run in fused form.

    Yields how many layers do. Exact means: float32, no dropout, one active adapter, and no other
    of LoRA's variants. With ``merge`` each layer holds one more matrix of its weight's size.
    """
    groups = [_Siblings(layers) for layers in _groups(model, merge)]
    for group in groups:
        for position, layer in enumerate(group.layers):
            layer.layer.forward = partial(group, position)
    layers = [layer for group in groups for layer in group.layers]

    def forget(*_: Any) -> None:
        for layer in layers:
            layer.formed_from = None

    # PyTorch's fused optimizers change parameters without counting up their version.
    hook = register_optimizer_step_post_hook(forget)
    try:
        yield len(layers)
    finally:
        hook.remove()
        for layer in layers:
            del layer.layer.forward


def _groups(model: Any, merge: bool) -> Iterator[list[_Layer]]:
    for parent in model.modules():
        mergeable = {
            name: _Layer(child, child.active_adapters[0], merge)
            for name, child in parent.named_children()
            if _is_mergeable(child)
        }
        for names in _SIBLINGS:
            together = [mergeable.pop(name) for name in names if name in mergeable]
            if together:
                yield together
        yield from ([layer] for layer in mergeable.values())


def _is_mergeable(layer: Any) -> bool:
    from peft.tuners.lora.layer import Linear
    from peft.tuners.lora.variants import DoraLinearVariant

    if type(layer) is not Linear or len(layer.active_adapters) != 1:
        return False
    adapter, base = layer.active_adapters[0], layer.base_layer
    if adapter not in layer.lora_A or layer.merged or layer.disable_adapters:
        return False
    a, b = layer.lora_A[adapter], layer.lora_B[adapter]
    weights = (base.weight, a.weight, b.weight)
    return (
        type(base) is torch.nn.Linear
        and not layer.fan_in_fan_out
        and isinstance(layer.lora_variant.get(adapter), DoraLinearVariant | None)
        and isinstance(layer.lora_dropout[adapter], torch.nn.Identity)
        and a.bias is None
        and b.bias is None
        and not base.weight.requires_grad
        and all(weight.dtype == torch.float32 for weight in weights)
        and len({weight.device for weight in weights}) == 1
    )
