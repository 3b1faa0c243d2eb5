"""The shapes of models that costs are told for, from their published configurations."""

from collections.abc import Mapping
from dataclasses import dataclass

from tunelab.models.catalog import CATALOG
from tunelab.registry import check_name


@dataclass(frozen=True)
class Shape:
    """A decoder of the Llama kind: grouped-query attention and a gated MLP in every layer."""

    layers: int
    hidden: int
    mlp: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    tied: bool

    def layer_parameters(self) -> int:
        """Parameters of the matrices of all layers; norms are left out."""
        query = self.hidden * self.heads * self.head_size
        keys_and_values = 2 * self.hidden * self.kv_heads * self.head_size
        return self.layers * (2 * query + keys_and_values + 3 * self.hidden * self.mlp)

    def embedding_parameters(self, vocabulary: int | None = None) -> int:
        """Parameters of the embedding and, where it is its own, of the output layer."""
        rows = self.vocabulary if vocabulary is None else vocabulary
        return rows * self.hidden * (1 if self.tied else 2)


_LLAMA_1B = Shape(16, 2048, 8192, 32, 8, 64, 128_256, True)

SHAPES: Mapping[str, Shape] = {
    "smollm2-135m-instruct": Shape(30, 576, 1536, 9, 3, 64, 49_152, True),
    "gemma-3-270m": Shape(18, 640, 2048, 4, 1, 256, 262_144, True),
    "llama-3.2-1b": _LLAMA_1B,
    "llama-3.2-1b-instruct": _LLAMA_1B,
    "llama-3.2-3b": Shape(28, 3072, 8192, 24, 8, 128, 128_256, True),
    "mistral-7b-v0.1": Shape(32, 4096, 14_336, 32, 8, 128, 32_000, False),
    "phi-4-mini-instruct": Shape(32, 3072, 8192, 24, 8, 128, 200_064, True),
}


def find_shape(name: str) -> Shape:
    """The shape of a model by its short name or its name on the Hub.

    Raises:
        UsageError: it is not known; the near matches are named.
    """
    by_location = {card.location: card.name for card in CATALOG.values() if card.location}
    by_location |= {"meta-llama/Llama-3.2-3B": "llama-3.2-3b"}
    return SHAPES[check_name("model", by_location.get(name, name), SHAPES)]
