"""The sizes of a decoder that memory depends on, in the letters of the formulas."""

from dataclasses import dataclass
from typing import Any

from tunelab.models.shape import ModelShape, shape_of


@dataclass(frozen=True)
class Dimensions:
    """``q``: numbers of all query heads of a token, ``k``: of all key heads; ``head``: of one.

    ``h``: hidden, ``m``: inside the MLP, ``v``: vocabulary. ``norms`` of size h and
    ``head_norms`` of a head's size stand in each of the ``layers`` blocks.
    """

    shape: ModelShape
    layers: int
    h: int
    m: int
    q: int
    k: int
    head: int
    v: int
    tied: bool
    norms: int
    head_norms: int

    @property
    def heads(self) -> int:
        """Query heads."""
        return self.q // self.head

    @property
    def linear_parameters(self) -> int:
        """Numbers in the matrices of all blocks."""
        return sum(layer.inputs * layer.outputs for layer in self.shape.linears)

    @property
    def embedding_parameters(self) -> int:
        """Numbers of the embedding and, where it is its own, of the output layer."""
        return self.v * self.h * (1 if self.tied else 2)


def dimensions_of(config: Any) -> Dimensions:
    """The dimensions of a transformers configuration of the Llama kind.

    Families with other blocks (experts, state spaces) are taken as if theirs were such blocks; a
    trace follows them as they are.
    """
    import torch
    from transformers import AutoModelForCausalLM

    text = config.get_text_config()
    shape = shape_of(config)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    norms = [
        module.weight.numel()
        for module in model.modules()
        if type(module).__name__.endswith("Norm") and getattr(module, "weight", None) is not None
    ]
    heads = int(text.num_attention_heads)
    head = int(getattr(text, "head_dim", None) or text.hidden_size // heads)
    key_heads = int(getattr(text, "num_key_value_heads", None) or heads)
    return Dimensions(
        shape=shape,
        layers=shape.layers,
        h=shape.hidden,
        m=int(text.intermediate_size),
        q=heads * head,
        k=key_heads * head,
        head=head,
        v=shape.vocabulary,
        tied=model.get_output_embeddings().weight is model.get_input_embeddings().weight,
        norms=sum(size == shape.hidden for size in norms) // shape.layers,
        head_norms=sum(size == head for size in norms) // shape.layers,
    )
