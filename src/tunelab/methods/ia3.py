"""IA3: learned vectors scale keys, values and the inside of the MLP.

Nothing is added to a layer's output: it is multiplied, number by number, with a trained vector.
In every block

    keys = l_k ∘ (W_k x)        values = l_v ∘ (W_v x)        y = W_down (l_ff ∘ h)

where h is what the MLP holds before its last layer, and ∘ the product of each number with its
own. The vectors begin at one, so that training begins at the model as it was. A key or value
that does not help is turned down, one that helps is turned up; what the model can compute is
scaled but not changed in kind, which is why so few numbers are enough.

It trains one number for each output of the layers in ``targets`` and one for each input of those
in ``feedforward``, some tens of thousands in all. The vectors can be multiplied into the weights.
With ``layers: top-K`` the last K blocks alone have vectors. Few numbers need long steps: the
learning rate is several times LoRA's. Families that fuse queries, keys and values in one layer
(Phi-3) have their queries scaled too.

Source: Liu et al., Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context
Learning, 2022, https://arxiv.org/abs/2205.05638.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from tunelab.errors import UsageError
from tunelab.methods.adapter_files import load, merge, save
from tunelab.methods.contract import AdapterFiles, Drawing, Kept, Method
from tunelab.methods.counting import ParameterCount, added
from tunelab.methods.layers import LayeredSettings, chosen_layers, top_layers
from tunelab.methods.targets import (
    Targets,
    linear_kinds,
    module_names,
    put_on,
    stored_as_inputs_first,
    target_kinds,
)
from tunelab.models.description import ModelShape


class Settings(LayeredSettings):
    """IA3's keys in a study."""

    targets: Targets = Field(
        "kv",
        description="layers whose outputs are scaled: kv, qv, attention, mlp, all-linear, or names",
    )
    feedforward: Literal["down"] | list[str] = Field(
        "down", description="layers whose inputs are scaled instead: down, or names; [] for none"
    )


def adapt(model: Any, settings: Settings, instruction: Sequence[int] = ()) -> Any:
    """Wrap a model with trainable vectors; all else is frozen.

    Raises:
        UsageError: a target module is not in the model.
    """
    from peft import IA3Config

    top = top_layers(settings)
    outputs, inputs = (
        module_names(model, kinds, top) for kinds in _scaled(linear_kinds(model), settings)
    )
    config = IA3Config(
        target_modules=[*outputs, *inputs],
        feedforward_modules=inputs,
        fan_in_fan_out=stored_as_inputs_first(model, [*outputs, *inputs]),
    )
    return put_on(model, config)


def count(shape: ModelShape, settings: Settings) -> ParameterCount:
    """The outputs of the layers scaled behind, and the inputs of those scaled before.

    Raises:
        UsageError: a target module is not in the model.
    """
    outputs, inputs = _scaled(shape.kinds, settings)
    top = top_layers(settings)
    scaled = chosen_layers(shape.linears, [*outputs, *inputs], shape.layers, top)
    trainable = sum(layer.inputs if layer.kind in inputs else layer.outputs for layer in scaled)
    if not trainable:
        raise UsageError("targets=[] and feedforward=[] name no layer to scale; name some.")
    return added(shape, trainable)


def _scaled(present: Sequence[str], settings: Settings) -> tuple[list[str], list[str]]:
    """The kinds of layers whose outputs, and whose inputs, are scaled; no layer has both."""
    inputs = target_kinds(present, settings.feedforward)
    outputs = target_kinds(present, settings.targets)
    return [kind for kind in outputs if kind not in inputs], inputs


def _kept(kinds: Sequence[str], settings: Settings, fused: bool) -> Kept:
    """What meets the vectors, in their own float32, as PEFT casts it."""
    outputs, inputs = _scaled(kinds, settings)
    return Kept(inputs=inputs, outputs=dict.fromkeys(outputs, 1), float32=True)


METHOD = Method(
    name="ia3",
    Settings=Settings,
    adapt=adapt,
    count=count,
    save=save,
    load=load,
    merge=merge,
    explanation=str(__doc__),
    drawing=Drawing(
        "Vectors that scale keys, values and the inside of the MLP are trained.", ("scales",)
    ),
    adapter=AdapterFiles(
        "IA3",
        frozenset({"target_modules", "feedforward_modules", "fan_in_fan_out"}),
        # Each vector has the size of its layer, which the model's own weights tell.
        lambda values, shapes: bool(shapes),
    ),
    learning_rate=5e-3,
    kept=_kept,
    top_layers=top_layers,
)
