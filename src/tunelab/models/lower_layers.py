"""The outputs of the layers below an adapter, kept on disk: their keys, and batches of prompts.

An adapter in the top layers leaves the layers below as they are. Their output for a batch of
prompts is the same for every seed, trial of a sweep and adapter with the same border, so that a
batch that is scored again begins at the border. The states of a whole batch are kept, as the whole
model computed them, and only the same batch finds them: the scores are the same bits.
"""

import hashlib
import json
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tunelab import __version__
from tunelab.inference.layer_list import LayerList, find_layers, lowest_adapted
from tunelab.models.state_cache import keep_states, most_bytes, read_states

_FORM = "batches 2"
_KEEPING: ContextVar[bool] = ContextVar("keeping_batches", default=False)


@contextmanager
def keeping_batches() -> Iterator[None]:
    """A context in which scored batches are kept: their rows are asked again, as a study's are."""
    before = _KEEPING.set(True)
    try:
        yield
    finally:
        _KEEPING.reset(before)


@dataclass(frozen=True)
class KeptBatches:
    """Hidden states of batches at the input of the layer ``border`` of ``layers``."""

    layers: Sequence[Any]
    border: int
    identity: bytes

    def read(self, batch: object, tokens: int) -> Any:
        """States (1, ``tokens``, hidden) of a batch, or None where they are not kept.

        ``batch``: what the batch is, by values whose ``repr`` tells all of it.
        """
        key = self._key(batch)
        content = read_states([key], used=True).get(key)
        states = None if content is None else decode_states(content, tokens)
        return None if states is None else states[None]

    def keep(self, batch: object, states: Any) -> None:
        """Keep the states (1, T, hidden) of a batch."""
        keep_states({self._key(batch): encode_states(states.cpu())})

    def _key(self, batch: object) -> bytes:
        return hashlib.sha256(self.identity + repr(batch).encode()).digest()


def kept_batches(model: Any) -> KeptBatches | None:
    """What is kept for a model, within :func:`keeping_batches`; None without layers below.

    Raises:
        UsageError: the variable that bounds the cache is no size.
    """
    found = find_layers(model) if _KEEPING.get() and most_bytes() else None
    border = lowest_adapted(model, found.layers) if found is not None else 0
    if found is None or border == 0:
        return None
    identity = lower_identity(model, found, border, _FORM)
    return KeptBatches(found.layers, border, identity)


def lower_identity(model: Any, found: LayerList, border: int, form: str) -> bytes:
    """SHA-256 of all that decides the bits of states at ``border`` besides the token ids.

    ``form``: the way in which they are computed.
    """
    import torch
    import transformers

    digest = hashlib.sha256()
    values = model.config.get_text_config().to_dict()
    # A training turns it off, and no state depends on it.
    values.pop("use_cache", None)
    parts = (
        *(form, border, model.dtype, model.device.type),
        *(__version__, torch.__version__, transformers.__version__),
        _processor(model.device),
        *(torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()),
        torch.get_float32_matmul_precision(),
        getattr(getattr(torch.backends.mkldnn, "matmul", None), "fp32_precision", None),
        json.dumps(values, sort_keys=True, default=str),
    )
    digest.update(repr(parts).encode())
    above = tuple(f"{found.name}.{index}." for index in range(border, len(found.layers)))
    for name, value in found.parent.state_dict().items():
        if not name.startswith(above):
            digest.update(f"{name} {tuple(value.shape)}".encode())
            numbers = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
            digest.update(memoryview(numbers))
    return digest.digest()


def _processor(device: Any) -> tuple[Any, ...]:
    """What computes: other processors sum in another order, and have other instructions."""
    import torch

    found: tuple[Any, ...] = (platform.machine(), *_cpu())
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        found += (torch.cuda.get_device_name(device), capability, torch.version.cuda)
    return found


@cache
def _cpu() -> tuple[str, bool]:
    """The model of the processor, and whether it has AMX as far as the system tells."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor(), False
    values = dict(line.partition(":")[::2] for line in told.splitlines())
    named = {name.strip(): value.strip() for name, value in values.items()}
    model = named.get("model name") or platform.processor()
    return model, "amx_tile" in named.get("flags", "").split()


def encode_states(states: Any) -> bytes:
    """States (tokens, hidden) or (1, tokens, hidden) on the CPU, with their type and size."""
    import torch

    name = str(states.dtype).removeprefix("torch.")
    numbers = states.contiguous().view(torch.uint8).numpy().tobytes()
    return f"{name} {states.shape[-1]}\n".encode() + bytes(numbers)


def decode_states(content: bytes, tokens: int) -> Any:
    """What :func:`encode_states` wrote, (``tokens``, hidden), or None where it has another size."""
    import torch

    head, _, numbers = content.partition(b"\n")
    name, _, hidden = head.decode("ascii", "replace").partition(" ")
    dtype = getattr(torch, name, None)
    if not (isinstance(dtype, torch.dtype) and hidden.isdecimal()):
        return None
    if not numbers or len(numbers) != tokens * int(hidden) * dtype.itemsize:
        return None
    return torch.frombuffer(bytearray(numbers), dtype=dtype).view(tokens, int(hidden))
