"""Estimate by closed formulas: what a training step holds, term by term.

    peak = weights + optimizer + the larger of
           activations + cache + logits or working      where the backward pass begins
           gradients + working                           where it ends

Activations are let go block by block as gradients come, so one of the two ends is the highest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tunelab.memory.activations import LOW_RANK, block_terms, layer_tokens
from tunelab.memory.dimensions import Dimensions
from tunelab.memory.settings import BYTES, StepSettings
from tunelab.memory.terms import Term, total
from tunelab.methods.counting import ParameterCount

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
    at: Dimensions, method: str, module: Any, chosen: Any, settings: StepSettings
) -> Estimate:
    """The estimate for each device; of padded rows where the family is not known in detail.

    ``method``: its name, ``module``: its module, ``chosen``: its settings.

    Raises:
        UsageError: the method cannot have these settings with this model.
    """
    settings = at.step(settings)
    count = module.count(at.shape, chosen)
    terms = [
        *_weights(at, method, module, chosen, settings, count),
        *_optimizer(settings, count),
        *_gradients(settings, count),
        *_activations(at, method, chosen, settings, count),
        *_logits(at, settings),
    ]
    begins = _working_where_it_begins(at, method, chosen, settings)
    ends = _working_where_it_ends(at, method, settings)
    terms += [begins, *ends]
    held = total(terms, "weights", "optimizer")
    kept = total(terms, "activations", "cache")
    first = _first_gradient(at, method)
    moments = {
        "backward pass begins": held + kept + first + max(total(terms, "logits"), begins.bytes),
        "backward pass ends": held + total(terms, "gradients") + total(ends, "working"),
    }
    return Estimate(count, tuple(terms), moments)


def by_part(found: Estimate) -> dict[str, int]:
    """Bytes of each part."""
    from tunelab.memory.terms import PARTS

    return {part: total(found.terms, part) for part in PARTS}


def _weights(
    at: Dimensions,
    method: str,
    module: Any,
    chosen: Any,
    settings: StepSettings,
    count: ParameterCount,
) -> list[Term]:
    shared = settings.devices if settings.sharding == "fsdp" else 1
    share = (("1 / devices", 1 / shared),) if shared > 1 else ()
    size = BYTES[module.WEIGHTS or settings.precision]
    bytes_each = (f"{size} bytes", float(size))
    base = at.shape.parameters
    terms = []
    if settings.weights:
        each = _QUANTIZED[settings.weights]
        quantized = at.linear_parameters
        terms.append(
            Term(
                "weights",
                f"matrices of the blocks in {settings.weights}",
                (("parameters", quantized), (f"{each:.4g} bytes", each), *share),
            )
        )
        base -= quantized
    terms.append(
        Term("weights", "weights of the model", (("parameters", base), bytes_each, *share))
    )
    if method != "full":
        terms.append(
            Term(
                "weights", "what the method adds", (("trainable", count.trainable), ("4 bytes", 4))
            )
        )
    if method in LOW_RANK and settings.merges and not chosen.dropout:
        adapted = sum(layer.inputs * layer.outputs for layer in _adapted(at, chosen))
        terms.append(Term("weights", "merged weights", (("W of adapted", adapted), ("4 bytes", 4))))
    if shared > 1:
        block = at.linear_parameters / at.layers
        whole = (("2 blocks + embedding", 2 * block + at.v * at.h), bytes_each)
        terms.append(Term("weights", "gathered from the other devices", whole))
    return terms


def _adapted(at: Dimensions, chosen: Any) -> Sequence[Any]:
    from tunelab.methods.targets import target_kinds

    return at.shape.of_kinds(target_kinds(at.shape.kinds, chosen.targets))


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
    at: Dimensions, method: str, chosen: Any, settings: StepSettings, count: ParameterCount
) -> list[Term]:
    block = block_terms(at, method, chosen, settings)
    if not settings.checkpointing:
        layers = ("layers", float(at.layers))
        terms = [replace(term, factors=(layers, *term.factors)) for term in block]
        return terms + _copies(at, method, settings, count)
    tokens = layer_tokens(method, chosen, settings)
    size = 4 if method == "full" else BYTES[settings.precision]
    inputs = (("layers", at.layers), ("T", tokens), ("h", at.h), (f"{size} bytes", size))
    return [
        Term("activations", "inputs of the blocks", inputs),
        *(replace(term, name=f"of one block: {term.name}") for term in block),
    ]


def _copies(
    at: Dimensions, method: str, settings: StepSettings, count: ParameterCount
) -> list[Term]:
    """What is trained is held in float32; products in 16 bits keep a copy in 16."""
    if settings.precision == "float32" or method not in {"full", *LOW_RANK}:
        return []
    cast = at.linear_parameters + at.v * at.h if method == "full" else count.trainable
    factors = (("W of products", cast), ("2 bytes", 2))
    return [Term("activations", f"copies of what is trained in {settings.precision}", factors)]


def _logits(at: Dimensions, settings: StepSettings) -> list[Term]:
    trained = ("N", settings.batch * settings.trained)
    return [
        Term(
            "logits",
            "log-probabilities and their gradients",
            (("3", 3), trained, ("V", at.v), ("4 bytes", 4)),
        )
    ]


def _working_where_it_begins(
    at: Dimensions, method: str, chosen: Any, settings: StepSettings
) -> Term:
    tokens = layer_tokens(method, chosen, settings)
    size = ("bytes", BYTES[settings.precision])
    wide = ("(2 m + 2 h)", 2 * at.m + 2 * at.h)
    return Term("working", "gradients within a block", (("T", tokens), wide, size))


def _first_gradient(at: Dimensions, method: str) -> int:
    """The output layer's gradient stands already where the backward pass begins."""
    return 4 * at.v * at.h if method == "full" else 0


def _working_where_it_ends(at: Dimensions, method: str, settings: StepSettings) -> list[Term]:
    if method != "full" or not at.tied:
        return []
    two = (("2", 2), ("V", at.v), ("h", at.h), ("4 bytes", 4))
    return [Term("working", "gradients of embedding and output, beside their sum", two)]
