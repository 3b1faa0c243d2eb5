"""Training from hidden states: the layers below the lowest trained one run once for each row.

Where a method trains the top layers alone, the hidden states at their border are the same in every
epoch, seed, trial of a sweep and validation. They are computed once for each row and kept on disk
(:mod:`tunelab.models.state_cache`); a step reads those of its rows and runs the layers above.

States do not depend on the batch: each row is run alone behind the keys and values of the tokens
that all rows share, which are run once. That length is taken down to a multiple of eight, so that
other rows, which may share a few tokens more or less by chance, mostly find the same states. Kept
or computed anew, the states are the same bits; and they are those of the whole forward pass up to
the rounding of sums in another order.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from tunelab.inference.layer_list import (
    LayerList,
    begin_at,
    find_layers,
    lowest_trained,
    states_before,
)
from tunelab.inference.packing import Layout, pack_rows
from tunelab.models.lower_layers import decode_states, encode_states, lower_identity
from tunelab.models.state_cache import LIMIT, count_states, keep_states, most_bytes, read_states
from tunelab.numbers import data_size

_log = logging.getLogger(__name__)

# Of the way in which states are computed: another one gives them other keys.
_FORM = "rows 2"
_SHARED_STEP = 8
_TRIAL_TOKENS = 16


@dataclass
class BorderStates:
    """Hidden states of rows at the input of the layer ``border``.

    ``shared`` are the token ids that are run once, and ``identity`` stands for all that decides the
    bits besides a row's own ids; without it nothing is kept on disk, and states are computed each
    time. ``computed`` and ``read`` count rows, each as often as it was needed, and ``kept_before``
    those that were on disk before the training; ``seconds`` is what all that took.
    """

    model: Any
    found: LayerList
    border: int
    shared: tuple[int, ...]
    identity: bytes | None = None
    computed: int = 0
    read: int = 0
    kept_before: int = 0
    seconds: float = 0.0
    _prefix: tuple[Any, dict[int, Any]] | None = None
    _used: set[bytes] = field(default_factory=set)

    def packed(self, rows: Sequence[Sequence[int]], layout: Layout, tokens: int) -> Any:
        """States (1, ``tokens``, hidden) of the packed ``rows``, which a layout places.

        Raises:
            ValueError: a row does not begin with the shared tokens.
        """
        import torch

        start = time.perf_counter()
        own = self._own_states(rows)
        skipped = len(self.shared)
        some = next(iter(own.values()))
        packed = torch.empty((1, tokens, some.shape[-1]), dtype=some.dtype)
        if skipped:
            packed[0, :skipped] = self._run_shared()[0]
        # Backwards, so that tokens of several rows have the states of the first one.
        for row, behind in reversed(list(zip(rows, layout.rows, strict=True))):
            places = [*range(skipped, layout.prefix), *behind]
            packed[0, torch.tensor(places, dtype=torch.long)] = own[tuple(row)]
        self.seconds += time.perf_counter() - start
        return packed

    def count_kept(self, rows: Sequence[Sequence[int]]) -> None:
        """Set ``kept_before``, before the training of these rows and by all of its processes."""
        if self.identity is not None:
            self.kept_before = count_states(list({self._key(row) for row in rows}))

    def record(self) -> dict[str, Any]:
        """The counts and seconds, for the record of the training."""
        return {
            "border": self.border,
            "rows_computed": self.computed,
            "rows_read": self.read,
            "rows_kept_before": self.kept_before,
            "seconds": self.seconds,
        }

    def size(self, rows: Sequence[Sequence[int]]) -> int:
        """Bytes of the states of all different rows, behind the shared tokens; runs one row."""
        different = {tuple(row) for row in rows}
        some = self._compute([min(different, key=len)]).popitem()[1]
        tokens = sum(len(row) - len(self.shared) for row in different)
        return int(tokens * some.shape[-1] * some.dtype.itemsize)

    def _own_states(self, rows: Sequence[Sequence[int]]) -> dict[tuple[int, ...], Any]:
        """For each row the states behind the shared tokens: (its own tokens, hidden)."""
        wanted = {self._key(row): tuple(row) for row in rows}
        states: dict[tuple[int, ...], Any] = {}
        kept = {} if self.identity is None else self._read(list(wanted))
        for key, content in kept.items():
            value = decode_states(content, len(wanted[key]) - len(self.shared))
            if value is not None:
                states[wanted[key]] = value
        self.read += len(states)
        missing = {key: row for key, row in wanted.items() if row not in states}
        if missing:
            new = self._compute(list(missing.values()))
            states.update(new)
            self.computed += len(new)
            if self.identity is not None:
                keep_states({key: encode_states(new[row]) for key, row in missing.items()})
                self._used.update(missing)
        return states

    def _read(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """From disk; a training writes once that a row was used."""
        fresh = [key for key in keys if key not in self._used]
        found = read_states(fresh, used=True) if fresh else {}
        found |= read_states([key for key in keys if key in self._used])
        self._used.update(found)
        return found

    def _compute(self, rows: Sequence[tuple[int, ...]]) -> dict[tuple[int, ...], Any]:
        from tunelab.inference.packed_attention import packed_attention

        with packed_attention(self.model), self._form():
            return {row: self._run(row) for row in rows}

    def _form(self) -> Any:
        """The context of the one form in which states are computed, wherever they are asked for."""
        import torch

        from tunelab.training.fused.layers import fused_blocks

        if self.model.dtype != torch.float32 or self.model.device.type != "cpu":
            return nullcontext()
        return fused_blocks(self.model)

    def _run(self, row: tuple[int, ...]) -> Any:
        """The states of one row behind the shared tokens, on the CPU."""
        skipped = len(self.shared)
        if row[:skipped] != self.shared:
            raise ValueError("a row does not begin with the shared tokens")
        more = {"virtual": self._run_shared()[1]} if skipped else {}
        return self._states(row[skipped:], skipped, **more)

    def _run_shared(self) -> tuple[Any, dict[int, Any]]:
        """States (shared tokens, hidden), with keys and values of the layers below; run once."""
        if self._prefix is None:
            from tunelab.inference.packed_attention import packed_attention

            kept: dict[int, Any] = {}
            with packed_attention(self.model), self._form():
                self._prefix = self._states(self.shared, 0, kept=kept), kept
        return self._prefix

    def _states(self, ids: Sequence[int], first: int, **more: Any) -> Any:
        """States of token ids, the first of which stands at the position ``first``."""
        import torch

        device = self.model.device
        places = range(first, first + len(ids))
        layout = Layout(first, (tuple(places),), device)
        states = states_before(
            self.found,
            self.border,
            input_ids=torch.tensor([list(ids)], device=device),
            position_ids=torch.tensor([list(places)], device=device),
            layout=layout,
            **more,
        )
        return states[0].cpu()

    def _key(self, row: Sequence[int]) -> bytes:
        import numpy as np

        ids = np.array([len(self.shared), *row], dtype="<i8").tobytes()
        return hashlib.sha256((self.identity or b"") + ids).digest()


class StatesCollator:
    """Adds to the packed batches of ``collator`` the ``states`` (1, T, hidden) at the ``border``.

    ``run(example)`` gives the token ids of a row that a batch runs.
    """

    def __init__(
        self, collator: Any, run: Callable[[Any], Sequence[int]], states: BorderStates
    ) -> None:
        self.collator = collator
        self.run = run
        self.states = states

    def __call__(self, examples: Sequence[Any]) -> dict[str, Any]:
        batch: dict[str, Any] = self.collator(examples)
        rows = [tuple(self.run(example)) for example in examples]
        tokens = batch["input_ids"].shape[1]
        batch["states"] = self.states.packed(rows, batch["layout"], tokens)
        batch["border"] = self.states.border
        return batch


def border_states(
    model: Any, rows: Sequence[Sequence[int]], prefix: int, *, packed: bool, sharded: bool
) -> tuple[BorderStates | None, dict[str, Any] | None]:
    """The states that a training begins at, or a record that tells why it runs the whole model.

    Both are None where all layers are trained. ``rows`` are token ids that share their first
    ``prefix``; ``packed`` is whether they are packed in training, and ``sharded`` whether the
    model's weights are divided over processes.

    Raises:
        UsageError: the variable that bounds the cache is no size.
    """
    found = find_layers(model)
    border = lowest_trained(model, found.layers) if found is not None else 0
    if found is None or border == 0:
        return None, None
    reason = None
    if not packed:
        reason = "rows are not packed"
    elif sharded:
        reason = "the weights are sharded over processes"
    elif _random_below(found, border, min(rows, key=len)):
        reason = "the layers below drop out numbers at random"
    if reason is None:
        limit = most_bytes()
        shared = tuple(rows[0][: prefix // _SHARED_STEP * _SHARED_STEP])
        states = BorderStates(model, found, border, shared)
        if not _agrees(states, rows, prefix):
            reason = "this model gives other answers when it begins at hidden states"
        elif limit and (size := states.size(rows)) > limit:
            reason = (
                f"the hidden states of all rows take {data_size(size)}, which is more than the "
                f"limit of {data_size(limit)} ({LIMIT})"
            )
        else:
            identity = lower_identity(model, found, border, _FORM) if limit else None
            states = BorderStates(model, found, border, shared, identity)
            states.count_kept(rows)
            return states, None
    _log.warning("the layers below the trained ones are run in every step, since %s.", reason)
    return None, {"border": border, "whole_model": reason}


def _random_below(found: LayerList, border: int, row: Sequence[int]) -> bool:
    """Whether the layers below give other states each time in training: by running them twice."""
    import torch

    # Whole layers are left out at random, too seldom for two runs to show it.
    if getattr(found.parent.config, "layerdrop", 0):
        return True
    device = next(found.parent.parameters()).device
    ids = torch.tensor([list(row[:_TRIAL_TOKENS])], device=device)
    # A training draws the same random numbers with and without this trial.
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        first, second = (
            states_before(found, border, training=True, input_ids=ids) for _ in range(2)
        )
    return not torch.equal(first, second)


def _agrees(states: BorderStates, rows: Sequence[Sequence[int]], prefix: int) -> bool:
    """Whether a model that begins at the states answers as the whole one: seen by running both."""
    import torch

    from tunelab.inference.head import output_at
    from tunelab.inference.packed_attention import packed_attention
    from tunelab.inference.trial import passes, same_logits

    model = states.model
    trial = [tuple(row) for row in sorted(rows, key=len)[:2]]
    # A longer row, so that a token that looked into another row would show.
    trial.append(trial[0] + trial[-1][1:])

    def as_whole() -> bool:
        expected = [
            model(
                input_ids=torch.tensor([row], device=model.device),
                use_cache=False,
                logits_to_keep=1,
            ).logits[0]
            for row in trial
        ]
        ids, positions, layout = pack_rows(trial, prefix)
        ends = torch.tensor([own[-1] for own in layout.rows], device=model.device)
        packed = states.packed(trial, layout, ids.shape[1]).to(model.device)
        with (
            packed_attention(model),
            output_at(model, ends),
            begin_at(states.found.layers, states.border, packed),
        ):
            found = model(
                input_ids=ids.to(model.device),
                position_ids=positions.to(model.device),
                layout=layout.to(model.device),
                use_cache=False,
            ).logits[0]
        return same_logits(found, torch.cat(expected), model.dtype)

    return passes(model, as_whole)
