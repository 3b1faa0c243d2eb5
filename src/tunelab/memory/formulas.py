"""Estimate by closed formulas: what a training step holds, term by term.

    peak = weights + optimizer + the larger of
           activations + cache + logits or working      where the backward pass begins
           gradients + working                           where it ends

Activations are let go block by block as gradients come, so one of the two ends is the highest.
"""

from dataclasses import dataclass, replace
from typing import Any

from tunelab.memory.activations import block_terms, layer_tokens, merged
from tunelab.memory.settings import BYTES, StepSettings
from tunelab.memory.terms import PARTS, Term, total
from tunelab.methods.contract import Method
from tunelab.methods.counting import ParameterCount
from tunelab.methods.layers import trained_layers
from tunelab.models.description import ModelShape

# Bytes of a number and its share of what quantizing keeps beside it: a float32 for each row of
# int8, and for NF4 a float32 for each 64 numbers.
# Sources: Dettmers et al., LLM.int8(), 2022, https://arxiv.org/abs/2208.07339; QLoRA, 2023,
# https://arxiv.org/abs/2305.14314.
_QUANTIZED = {"8-bit": 1.0, "4-bit": 0.5 + 4 / 64}
# AdamW's two moments of a trained number; in 8 bits with a float32 for each 256.
# Source: Dettmers et al., 8-bit Optimizers via Block-wise Quantization, 2021,
# https://arxiv.org/abs/2110.02861.
_STATE = {"adamw": 8.0, "adamw-8bit": 2 + 8 / 256, "sgd": 0.0}


@dataclass(frozen=True)
class Estimate:
    """``terms`` of all parts; ``moments``: bytes held at each; ``peak``: the largest of them."""

    count: ParameterCount
    terms: tuple[Term, ...]
    moments: dict[str, int]

    @property
    def peak(self) -> int:
        """Bytes."""
        return max(self.moments.values())

    @property
    def moment(self) -> str:
        """When the peak is."""
        return max(self.moments, key=lambda name: self.moments[name])


def estimate(
    shape: ModelShape, method: Method[Any], method_settings: Any, settings: StepSettings
) -> Estimate:
    """The estimate for each device; of padded rows where the family is not known in detail.

    ``method_settings``: the method's settings.

    Raises:
        UsageError: the method cannot have these settings with this model.
    """
    settings = step_as_run(shape, settings)
    count = _count(shape, method, method_settings, settings)
    terms = [
        *_weights(shape, method, method_settings, settings, count),
        *_optimizer(settings, count),
        *_gradients(settings, count),
        *_activations(shape, method, method_settings, settings, count),
        *_logits(shape, settings),
    ]
    begins = _working_where_it_begins(shape, method, method_settings, settings)
    ends = _working_where_it_ends(shape, method, settings)
    terms += [begins, *ends]
    held = total(terms, "weights", "optimizer")
    kept = total(terms, "activations", "cache")
    first = _first_gradient(shape, method, settings)
    moments = {
        "backward pass begins": held + kept + first + max(total(terms, "logits"), begins.bytes),
        "backward pass ends": held + total(terms, "gradients") + total(ends, "working"),
    }
    return Estimate(count, tuple(terms), moments)


def inference_bytes(shape: ModelShape, settings: StepSettings) -> int:
    """Bytes of a model that is only asked: its weights and the logits."""
    weights = _model_weights(shape, settings, BYTES[settings.precision])
    return total([*weights, *_logits(shape, settings)], "weights", "logits")


def by_part(found: Estimate) -> dict[str, int]:
    """Bytes of each part."""
    return {part: total(found.terms, part) for part in PARTS}


def left_out(shape: ModelShape) -> str | None:
    """What the estimate of this family leaves out, as a sentence, or None for nothing."""
    if shape.llama_kind:
        return None
    return (
        f"{shape.family} has blocks that the formulas do not know in detail: rows are "
        "taken as padded, activations from its linear layers and norms alone, and what "
        "attention, experts, recurrent states and activation functions keep besides is left "
        "out; --trace follows the step itself."
    )


def step_as_run(shape: ModelShape, settings: StepSettings) -> StepSettings:
    """The step as this family runs it: with padded rows where the family is not known."""
    return settings if shape.llama_kind else replace(settings, packed=False, prefix=0)


def _count(
    shape: ModelShape, method: Method[Any], method_settings: Any, settings: StepSettings
) -> ParameterCount:
    """What the method trains, with the head, which takes the place of the output layer."""
    count = method.count(shape, method_settings)
    if settings.head is None:
        return count
    head = settings.head * (shape.hidden + 1)
    gone = 0 if shape.tied else shape.vocabulary * shape.hidden
    return ParameterCount(
        count.trainable + head - (gone if method.trains_all_weights else 0),
        count.total + head - gone,
    )


def _weights(
    shape: ModelShape,
    method: Method[Any],
    method_settings: Any,
    settings: StepSettings,
    count: ParameterCount,
) -> list[Term]:
    size = BYTES[method.weights or settings.precision]
    terms = _model_weights(shape, settings, size)
    if not method.trains_all_weights:
        terms.append(
            Term(
                "weights", "what the method adds", (("trainable", count.trainable), ("4 bytes", 4))
            )
        )
    elif settings.head is not None:
        head = (("labels", settings.head), ("h + 1", shape.hidden + 1), ("4 bytes", 4))
        terms.append(Term("weights", "head", head))
    kept = method.kept(shape.kinds, method_settings, settings.fused)
    if merged(kept, settings):
        adapted = sum(layer.inputs * layer.outputs for layer in shape.of_kinds(kept.inputs))
        # The layers of a model are alike.
        adapted = adapted * _trained_layers(shape, method, method_settings) // shape.layers
        terms.append(Term("weights", "merged weights", (("W of adapted", adapted), ("4 bytes", 4))))
    if settings.devices > 1 and settings.sharding == "fsdp":
        block = shape.linear_parameters / shape.layers
        embedding = shape.vocabulary * shape.hidden
        whole = (("2 blocks + embedding", 2 * block + embedding), _bytes_each(size))
        terms.append(Term("weights", "gathered from the other devices", whole))
    return terms


def _model_weights(shape: ModelShape, settings: StepSettings, size: int) -> list[Term]:
    """The model's own weights on a device; ``size``: bytes of each that is not quantized."""
    share = _sharded(settings)
    base = shape.parameters
    terms = []
    if settings.weights:
        each = _QUANTIZED[settings.weights]
        quantized = shape.linear_parameters
        terms.append(
            Term(
                "weights",
                f"matrices of the blocks in {settings.weights}",
                (("parameters", quantized), (f"{each:.4g} bytes", each), *share),
            )
        )
        base -= quantized
    factors = (("parameters", base), _bytes_each(size), *share)
    return [*terms, Term("weights", "weights of the model", factors)]


def _bytes_each(size: int) -> tuple[str, float]:
    return f"{size} bytes", float(size)


def _optimizer(settings: StepSettings, count: ParameterCount) -> list[Term]:
    each = _STATE[settings.optimizer]
    return [
        Term(
            "optimizer",
            f"state of {settings.optimizer}",
            (("trainable", count.trainable), (f"{each:.4g} bytes", each), *_sharded(settings)),
        )
    ]


def _gradients(settings: StepSettings, count: ParameterCount) -> list[Term]:
    factors = (("trainable", count.trainable), ("4 bytes", 4.0))
    terms = [Term("gradients", "gradients", (*factors, *_sharded(settings)))]
    if settings.devices > 1 and settings.sharding == "ddp":
        terms.append(Term("gradients", "buckets that devices exchange", factors))
    return terms


def _sharded(settings: StepSettings) -> tuple[tuple[str, float], ...]:
    if settings.devices == 1 or settings.sharding != "fsdp":
        return ()
    return (("1 / devices", 1 / settings.devices),)


def _activations(
    shape: ModelShape,
    method: Method[Any],
    method_settings: Any,
    settings: StepSettings,
    count: ParameterCount,
) -> list[Term]:
    block = block_terms(shape, method, method_settings, settings)
    # Below the lowest layer that is trained no gradient passes, and nothing is kept.
    trained = _trained_layers(shape, method, method_settings)
    if not settings.checkpointing:
        layers = ("layers", float(trained))
        terms = [replace(term, factors=(layers, *term.factors)) for term in block]
        return terms + _copies(shape, method, method_settings, settings, count)
    tokens = layer_tokens(method, method_settings, settings)
    size = 4 if method.trains_all_weights else BYTES[settings.precision]
    inputs = (("layers", trained), ("T", tokens), ("h", shape.hidden), (f"{size} bytes", size))
    return [
        Term("activations", "inputs of the blocks", inputs),
        *(replace(term, name=f"of one block: {term.name}") for term in block),
    ]


def _trained_layers(shape: ModelShape, method: Method[Any], method_settings: Any) -> int:
    return trained_layers(shape, method.top_layers(method_settings))


def _copies(
    shape: ModelShape,
    method: Method[Any],
    method_settings: Any,
    settings: StepSettings,
    count: ParameterCount,
) -> list[Term]:
    """Trained weights are held in float32; products in 16 bits keep a copy in 16."""
    if settings.precision == "float32":
        return []
    if method.trains_all_weights:
        output = 0 if settings.head is not None else shape.vocabulary * shape.hidden
        cast = shape.linear_parameters + output
    elif method.kept(shape.kinds, method_settings, settings.fused).rank:
        cast = count.trainable
    else:
        return []
    factors = (("W of products", cast), ("2 bytes", 2))
    return [Term("activations", f"copies of what is trained in {settings.precision}", factors)]


def _logits(shape: ModelShape, settings: StepSettings) -> list[Term]:
    trained = ("N", settings.batch * settings.trained)
    outputs = ("V", shape.vocabulary) if settings.head is None else ("labels", settings.head)
    return [
        Term(
            "logits",
            "log-probabilities and their gradients",
            (("3", 3), trained, outputs, ("4 bytes", 4)),
        )
    ]


def _working_where_it_begins(
    shape: ModelShape, method: Method[Any], method_settings: Any, settings: StepSettings
) -> Term:
    tokens = layer_tokens(method, method_settings, settings)
    size = ("bytes", BYTES[settings.precision])
    wide = ("(2 m + 2 h)", 2 * shape.inner + 2 * shape.hidden)
    return Term("working", "gradients within a block", (("T", tokens), wide, size))


def _first_gradient(shape: ModelShape, method: Method[Any], settings: StepSettings) -> int:
    """The gradient of the output layer exists where the backward pass begins."""
    if not method.trains_all_weights:
        return 0
    outputs = shape.vocabulary if settings.head is None else settings.head
    return 4 * outputs * shape.hidden


def _working_where_it_ends(
    shape: ModelShape, method: Method[Any], settings: StepSettings
) -> list[Term]:
    if not method.trains_all_weights or not shape.tied or settings.head is not None:
        return []
    two = (("2", 2), ("V", shape.vocabulary), ("h", shape.hidden), ("4 bytes", 4))
    return [Term("working", "gradients of embedding and output, beside their sum", two)]
