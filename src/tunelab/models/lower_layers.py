"""What the layers below an adapter come to, kept on disk: what the keys are made of, and batches.

An adapter in the top layers leaves the layers below as they are. What they give to a batch of
prompts is the same for every seed, trial of a sweep and adapter with the same border, so that a
batch that is scored again begins at the border. Kept are the states of the whole batch, as the
whole model came to them, and only the same batch finds them: the scores are the same bits.
"""

import hashlib
import json
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from tunelab.inference.layer_list import LayerList, find_layers, lowest_adapted
from tunelab.models.state_cache import keep_states, most_bytes, read_states

_FORM = "batches 1"
_ON: ContextVar[bool] = ContextVar("kept_batches_on", default=False)


@contextmanager
def keeping_batches() -> Iterator[None]:
    """A context in which scored batches are kept: their rows are asked again, as a study's are."""
    before = _ON.set(True)
    try:
        yield
    finally:
        _ON.reset(before)


@dataclass(frozen=True)
class KeptBatches:
    """Hidden states of batches at the input of the layer ``border`` of ``layers``."""

    layers: Sequence[Any]
    border: int
    identity: bytes
    dtype: Any

    def read(self, batch: object, tokens: int) -> Any:
        """States (1, ``tokens``, hidden) of a batch, or None where they are not kept.

        ``batch``: what the batch is, by values whose ``repr`` tells all of it.
        """
        key = self._key(batch)
        content = read_states([key], used=True).get(key)
        states = None if content is None else decode_states(content, tokens, self.dtype)
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
    found = find_layers(model) if _ON.get() and most_bytes() else None
    border = lowest_adapted(model, found.layers) if found is not None else 0
    if found is None or border == 0:
        return None
    identity = lower_identity(model, found, border, _FORM)
    return KeptBatches(found.layers, border, identity, model.dtype)


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
        *(torch.__version__, transformers.__version__, platform.machine()),
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


def encode_states(states: Any) -> bytes:
    """The bytes of states on the CPU."""
    import torch

    return bytes(states.contiguous().view(torch.uint8).numpy().tobytes())


def decode_states(content: bytes, tokens: int, dtype: Any) -> Any:
    """What :func:`encode_states` wrote, (``tokens``, hidden), or None where it has another size."""
    import torch

    values = torch.frombuffer(bytearray(content), dtype=dtype)
    if not tokens or len(values) % tokens:
        return None
    return values.view(tokens, -1)
