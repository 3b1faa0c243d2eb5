"""Estimate by trace: the real step on tensors that have a shape and no memory.

PyTorch's FakeTensorMode runs a program with tensors that know their size, type and device and
hold no numbers. Here every storage that an operation makes is counted from when it is made until
the last tensor that uses it is gone, so the peak is that of the step itself: of its own layers,
its own order, and its own moments of letting go. What a kernel takes for itself is not seen.

Source: PyTorch's documentation of FakeTensorMode,
https://docs.pytorch.org/docs/stable/torch.compiler_fake_tensor.html.
"""

import warnings
import weakref
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tunelab.guards.refusals import explain_errors, name_of
from tunelab.memory.settings import StepSettings
from tunelab.memory.step import build, ready


@dataclass(frozen=True)
class Trace:
    """``peak``: bytes. ``parts``: what was alive at the peak by when it was made: the ``weights``
    with the adapter's, the ``state`` of the optimizer and merged weights, the ``step``'s own.
    """

    peak: int
    parts: dict[str, int]


class _LiveStorages(TorchDispatchMode):
    """Counts the bytes of all storages alive, and keeps the highest count."""

    def __init__(self) -> None:
        super().__init__()
        self.phase = "weights"
        self.live: dict[str, int] = {}
        self.peak = 0
        self.parts: dict[str, int] = {}
        self._known: dict[int, Any] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.allclose.default:
            # Whether two forms of a layer agree takes numbers, and is tested where there are any.
            return True
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: Any) -> None:
        key = storage._cdata
        if key in self._known:
            return
        size, phase = storage.nbytes(), self.phase
        self._known[key] = weakref.ref(storage, partial(self._forget, key, size, phase))
        self.live[phase] = self.live.get(phase, 0) + size
        total = sum(self.live.values())
        if total > self.peak:
            self.peak, self.parts = total, dict(self.live)

    def _forget(self, key: int, size: int, phase: str, _: Any) -> None:
        self._known.pop(key, None)
        self.live[phase] -= size


def trace(config: Any, method: Any, method_settings: Any, settings: StepSettings) -> Trace:
    """Trace a step of a model of this configuration.

    ``method_settings``: the settings of ``method``.

    Raises:
        UsageError: PEFT cannot put the method on the model.
        RunError: the model cannot be run without numbers.
    """
    model = build(config, method, method_settings, settings, device="meta")
    storages = _LiveStorages()
    refused = f"{name_of(model)} cannot be traced", "leave out --trace, or use --measure"
    with explain_errors(*refused), warnings.catch_warnings(), FakeTensorMode(), storages:
        # Fused layers tell by the address of a weight whether it was replaced; these are never.
        warnings.filterwarnings("ignore", message="Accessing the data pointer")
        _make_fake(model, settings.device)
        storages.phase = "state"
        with ready(model, settings, known_equal=True) as step:
            storages.phase = "step"
            step()
    return Trace(storages.peak, storages.parts)


def _make_fake(model: Any, device: str) -> None:
    """Give a model on the meta device fake tensors of a device, tied ones tied, in place.

    PyTorch cannot convert fake parameters itself, as PEFT asks it to, so the model is adapted
    before it has any.
    """
    made: dict[int, Any] = {}
    for module in model.modules():
        # PEFT keeps the numbers of virtual tokens outside of parameters and buffers.
        prompt_tokens = getattr(module, "prompt_tokens", {})
        for held in (module._parameters, module._buffers, prompt_tokens):
            for name, tensor in held.items():
                if tensor is None:
                    continue
                if id(tensor) not in made:
                    fake = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
                    if isinstance(tensor, torch.nn.Parameter):
                        fake = torch.nn.Parameter(fake, requires_grad=tensor.requires_grad)
                    made[id(tensor)] = fake
                held[name] = made[id(tensor)]
