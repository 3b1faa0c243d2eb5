"""The sizes of a decoder that memory depends on, in the letters of the formulas."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from tunelab.memory.settings import StepSettings
from tunelab.models.shape import ModelShape, empty_model, number_of, shape_of_model

# The linear layers of a block of the Llama kind, in the families that fuse some and those that not.
_ATTENTION = ({"q_proj", "k_proj", "v_proj", "o_proj"}, {"qkv_proj", "o_proj"})
_GATED_MLP = ({"gate_proj", "up_proj", "down_proj"}, {"gate_up_proj", "down_proj"})


@dataclass(frozen=True)
class Dimensions:
    """``q``: numbers of all query heads of a token, ``k``: of all key heads; ``head``: of one.

    ``h``: hidden, ``m``: inside the MLP, ``v``: vocabulary. ``norms`` of size h and
    ``head_norms`` of a head's size stand in each of the ``layers`` blocks. ``alike``: whether every
    block is of the Llama kind, attention and a gated MLP, whose activations are known term by term.
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
    alike: bool = True

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

    @property
    def left_out(self) -> str | None:
        """What the estimate of this family leaves out, as a sentence, or None for nothing."""
        if self.alike:
            return None
        return (
            f"{self.shape.family} has blocks that the formulas do not know in detail: rows are "
            "taken as padded, activations from its linear layers and norms alone, and what "
            "attention, experts, recurrent states and activation functions keep besides is left "
            "out; --trace follows the step itself."
        )

    def step(self, settings: StepSettings) -> StepSettings:
        """The step as this family runs it: the plain way, rows padded, where it is not known."""
        return settings if self.alike else replace(settings, packed=False, prefix=0)


def dimensions_of(config: Any) -> Dimensions:
    """The dimensions of a transformers configuration.

    Raises:
        RunError: transformers cannot build its model.
    """
    model = empty_model(config)
    text = config.get_text_config()
    shape = shape_of_model(model)
    norms = [
        module.weight.numel()
        for module in model.modules()
        if type(module).__name__.endswith("Norm") and getattr(module, "weight", None) is not None
    ]
    heads = number_of(text, "num_attention_heads") or 1
    head = number_of(text, "head_dim") or shape.hidden // heads
    key_heads = number_of(text, "num_key_value_heads") or heads
    output = model.get_output_embeddings()
    widest = max((max(one.inputs, one.outputs) for one in shape.linears), default=shape.hidden)
    return Dimensions(
        shape=shape,
        layers=shape.layers,
        h=shape.hidden,
        m=number_of(text, "intermediate_size") or widest,
        q=heads * head,
        k=key_heads * head,
        head=head,
        v=shape.vocabulary,
        tied=output is not None and output.weight is model.get_input_embeddings().weight,
        norms=sum(size == shape.hidden for size in norms) // shape.layers,
        head_norms=sum(size == head for size in norms) // shape.layers,
        alike=_alike(model, shape),
    )


def _alike(model: Any, shape: ModelShape) -> bool:
    """Whether each block is attention that keeps keys and values, and a gated MLP."""
    counts = Counter(layer.kind for layer in shape.linears)
    known = [attention | mlp for attention in _ATTENTION for mlp in _GATED_MLP]
    return (
        shape.cache is not None
        and set(counts) in known
        and set(counts.values()) == {shape.layers}
        # Experts are parameters of three dimensions.
        and all(parameter.dim() < 3 for parameter in model.parameters())
    )
