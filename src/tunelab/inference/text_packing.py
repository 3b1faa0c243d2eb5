"""Texts for an encoder as one batch: packed end to end without padding, or padded on their right.

In an encoder each token sees all tokens of its text, so that texts share nothing: a packed batch of
T tokens holds them one behind the other

    text 1  text 2  text 3 …

and every layer but attention runs on single tokens. Attention learns from :class:`Spans` which
tokens belong together. With virtual tokens (a soft prompt) each text has its own copy of them, as
what becomes of them depends on the text that they see.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Spans:
    """Where texts are in a packed batch: one behind the other, ``lengths`` tokens each.

    B is their number, S the longest of them and T the sum.
    """

    lengths: tuple[int, ...]
    device: Any = "cpu"
    _masks: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def count(self) -> int:
        """B."""
        return len(self.lengths)

    @cached_property
    def longest(self) -> int:
        """S."""
        return max(self.lengths)

    @cached_property
    def starts(self) -> list[int]:
        """The index of the first token of each text."""
        found, end = [], 0
        for length in self.lengths:
            found.append(end)
            end += length
        return found

    @cached_property
    def positions(self) -> Any:
        """(B · S,): the token of each cell of a padded batch; padding points at the first one."""
        import torch

        starts, columns = torch.tensor(self.starts)[:, None], torch.arange(self.longest)
        return (starts + columns).masked_fill(self._padding, 0).flatten().to(self.device)

    @cached_property
    def cells(self) -> Any:
        """(T,): the cell of a padded batch that holds each token."""
        return (~self._padding).flatten().nonzero()[:, 0].to(self.device)

    def mask(self, before: int, window: int | None) -> Any:
        """(B, 1 or S, before + S): 0 where a token sees a key of its text, else −∞.

        ``before``: keys ahead of every text, which all see. ``window``: how far a token sees to
        either side, itself counted, or None for no limit.
        """
        import torch

        if (before, window) not in self._masks:
            hidden = self._padding[:, None]
            if window is not None:
                columns = torch.arange(self.longest)
                # Padding sees itself, as a row without a key would have no probabilities.
                far = (columns[:, None] - columns).abs() >= window
                hidden = (hidden & ~torch.eye(self.longest, dtype=torch.bool)) | far
            hidden = torch.nn.functional.pad(hidden, (before, 0), value=False)
            mask = torch.zeros(hidden.shape).masked_fill(hidden, float("-inf"))
            self._masks[before, window] = mask.to(self.device)
        return self._masks[before, window]

    def to(self, device: Any) -> "Spans":
        """The same spans with their tensors on a device."""
        return self if str(self.device) == str(device) else Spans(self.lengths, device)

    @cached_property
    def _padding(self) -> Any:
        """(B, S): the cells of a padded batch that hold no token."""
        import torch

        return torch.arange(self.longest) >= torch.tensor(self.lengths)[:, None]


@dataclass(frozen=True)
class TextBatch:
    """Texts as tensors of an encoder, B texts of S tokens at most and T in all.

    ``input_ids``: (1, T) packed or (B, S) padded, and so is what else has one entry a token:
    ``position_ids`` where packed, ``attention_mask`` where padded. ``spans`` where packed.
    ``pooling``: (B, tokens), what the vector of each text takes of each token. The first
    ``virtual`` tokens of each text are placeholders of virtual ones.
    """

    input_ids: Any
    pooling: Any
    position_ids: Any = None
    attention_mask: Any = None
    spans: Spans | None = None
    virtual: int = 0

    def arguments(self) -> dict[str, Any]:
        """All of it by name, without what it does not have."""
        return {name: value for name, value in vars(self).items() if value is not None}


def pack_texts(
    rows: Sequence[Sequence[int]], *, mode: str, first_position: int = 0, virtual: int = 0
) -> TextBatch:
    """Rows of token ids end to end.

    ``mode``: mean or cls, see :mod:`tunelab.models.pooling`. ``first_position``: where positions
    begin. ``virtual``: how many placeholders stand before each row.
    """
    import torch

    ids = [token for row in rows for token in (*[0] * virtual, *row)]
    spans = Spans(tuple(virtual + len(row) for row in rows))
    positions = torch.cat([torch.arange(length) for length in spans.lengths])
    own = [range(s + virtual, s + n) for s, n in zip(spans.starts, spans.lengths, strict=True)]
    return TextBatch(
        torch.tensor([ids]),
        _pooling(own, len(ids), mode),
        position_ids=positions[None] + first_position,
        spans=spans,
        virtual=virtual,
    )


def pad_texts(
    rows: Sequence[Sequence[int]], *, mode: str, pad_token: int, virtual: int = 0
) -> TextBatch:
    """Rows of token ids, padded on their right to the longest; otherwise as :func:`pack_texts`."""
    import torch

    longest = virtual + max(map(len, rows))
    ids = torch.full((len(rows), longest), pad_token)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    own = []
    for number, row in enumerate(rows):
        end = virtual + len(row)
        ids[number, virtual:end] = torch.tensor(row, dtype=torch.long)
        mask[number, :end] = 1
        own.append(range(number * longest + virtual, number * longest + end))
    return TextBatch(ids, _pooling(own, ids.numel(), mode), attention_mask=mask, virtual=virtual)


def first_position(model: Any) -> int:
    """The position of a text's first token: RoBERTa counts from behind that of padding."""
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and getattr(part, "padding_idx", None) is not None:
            return int(part.padding_idx) + 1
    return 0


def _pooling(own: Sequence[range], tokens: int, mode: str) -> Any:
    """``own``: the indices of each row's tokens in the flattened batch."""
    import torch

    weights = torch.zeros(len(own), tokens)
    for number, indices in enumerate(own):
        if mode == "cls":
            weights[number, indices.start] = 1
        else:
            weights[number, indices.start : indices.stop] = 1 / len(indices)
    return weights
