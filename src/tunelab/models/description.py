"""The one description of a model: what it is made of, without torch and without weights.

It comes from a configuration's values in :mod:`tunelab.models.decoders`, or from the model that
transformers builds in :mod:`tunelab.models.shape`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

# Attention of these kinds keeps one key and one value for each token, and nothing else.
PLAIN_ATTENTION = {"full_attention", "sliding_attention"}
# Settings of models whose caches hold something else than that for some layer.
OTHER_CACHES = ("kv_lora_rank", "num_kv_shared_layers", "global_head_dim", "per_layer_config")


@dataclass(frozen=True)
class LinearLayer:
    """A linear layer: its full name and the sizes of its weight, ``outputs`` × ``inputs``.

    ``kind`` is the end of the name, which layers of all blocks share: its last part, or the last
    two where layers of different parents have the same last part (GPT-2's ``attn.c_proj`` and
    ``mlp.c_proj``).
    """

    name: str
    inputs: int
    outputs: int
    kind: str


@dataclass(frozen=True)
class ModelShape:
    """What a decoder is made of.

    ``parameters`` counts tied weights once. ``context`` is the longest sequence, and ``window``
    how far back attention reaches in the layers that do not reach all of it; None for no limit.
    ``cache`` is the number of key heads and the size of each, alike in all layers, or None for a
    model that keeps something else than keys and values. ``inner`` is the size inside the MLP,
    ``head_size`` that of one of ``heads`` query heads and ``key_heads`` key heads, ``tied`` whether
    the output layer is the embedding. ``norms`` of size ``hidden`` and ``head_norms`` of a head's
    size stand in each block. ``llama_kind``: whether every block is attention and a gated MLP, so
    that it is known operation by operation.
    """

    family: str
    parameters: int
    layers: int
    hidden: int
    vocabulary: int
    context: int | None
    window: int | None
    cache: tuple[int, int] | None
    linears: tuple[LinearLayer, ...]
    inner: int
    heads: int
    key_heads: int
    head_size: int
    tied: bool
    norms: int
    head_norms: int
    llama_kind: bool

    @property
    def query_width(self) -> int:
        """Numbers of all query heads of a token."""
        return self.heads * self.head_size

    @property
    def key_width(self) -> int:
        """Numbers of all key heads of a token."""
        return self.key_heads * self.head_size

    @property
    def linear_parameters(self) -> int:
        """Numbers in the matrices of all blocks."""
        return sum(layer.inputs * layer.outputs for layer in self.linears)

    def embedding_parameters(self, vocabulary: int | None = None) -> int:
        """Numbers of the embedding and, where it is its own, of the output layer.

        ``vocabulary``: of another tokenizer, the model's own by default.
        """
        rows = self.vocabulary if vocabulary is None else vocabulary
        return rows * self.hidden * (1 if self.tied else 2)

    @property
    def kinds(self) -> list[str]:
        """The kinds of linear layers, sorted."""
        return sorted({layer.kind for layer in self.linears})

    def of_kinds(self, kinds: Iterable[str]) -> list[LinearLayer]:
        """The linear layers of these kinds, in all blocks."""
        wanted = set(kinds)
        return [layer for layer in self.linears if layer.kind in wanted]
