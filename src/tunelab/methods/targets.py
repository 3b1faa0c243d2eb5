"""Target modules: from a short name to the kinds of linear layers that are adapted."""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from tunelab.errors import UsageError
from tunelab.methods.layers import chosen_layers
from tunelab.models.shape import linear_layers, number_of, stores_inputs_first
from tunelab.registry import unknown

TargetName = Literal["all-linear", "attention", "mlp", "qv", "kv"]
Targets = TargetName | list[str]

# Queries, keys and values in one layer, where other families have three: Phi-3, GPT-2, BLOOM, MPT,
# and DBRX. A group that means some of them takes the layer whole.
_FUSED = ("qkv_proj", "c_attn", "query_key_value", "Wqkv", "qkv")
_VALUES = ("v_proj", "value", "v_lin", "value_proj", "v")
_KEYS_AND_VALUES = ("k_proj", "key", "k_lin", "key_proj", "k", *_VALUES, *_FUSED)
_QUERIES = ("q_proj", "query", "q_lin", "query_proj", "q")
_ATTENTION_OUTPUT = (
    *("o_proj", "out_proj", "attn.c_proj", "dense", "attention.output.dense"),
    *("out_lin", "attn.Wo", "o"),
)
_MLP_INPUT = (
    *("gate_proj", "up_proj", "gate_up_proj", "fc1", "c_fc", "fc_in", "dense_h_to_4h"),
    *("intermediate.dense", "mlp.w1", "mlp.w3", "lin1", "Wi", "ffn"),
)
_MLP_OUTPUT = (
    *("down_proj", "fc2", "mlp.c_proj", "c_proj", "fc_out", "dense_4h_to_h", "mlp.w2"),
    *("output.dense", "lin2", "mlp.Wo", "ffn_output"),
)
# Names that mean a layer in one block alone: with a parent before them they are other layers too.
_ALONE = {"dense", "c_proj", "output.dense"}
_GROUPS: dict[str, tuple[str, ...]] = {
    "attention": (*_QUERIES, *_KEYS_AND_VALUES, *_ATTENTION_OUTPUT),
    "mlp": (*_MLP_INPUT, *_MLP_OUTPUT),
    "qv": (*_QUERIES, *_VALUES, *_FUSED),
    "kv": _KEYS_AND_VALUES,
    "down": _MLP_OUTPUT,
}


def linear_kinds(model: Any) -> list[str]:
    """The kinds of a model's linear layers, its output layer left out."""
    return sorted({layer.kind for layer in linear_layers(model)})


def target_kinds(present: Sequence[str], targets: str | Sequence[str]) -> list[str]:
    """The kinds of linear layers that ``targets`` means in a model that has those ``present``.

    A name in a list is a kind, or its last part, which may be that of several.

    Raises:
        UsageError: a name is not that of a linear layer, a group has none in this model, or the
            model has no linear layers.
    """
    if not targets:
        return []
    if not present:
        raise UsageError(
            "this model has no linear layers that could be adapted; use the method full or "
            "prompt_tuning."
        )
    if targets == "all-linear":
        return list(present)
    if isinstance(targets, str):
        group = _GROUPS[targets]
        named = _matching(present, (name for name in group if name not in _ALONE))
        found = [kind for kind in present if kind in named or kind in _ALONE & set(group)]
        if not found:
            raise UsageError(
                f"{targets} means no layer of this model; give a list of its layers, of "
                f"{', '.join(present)}."
            )
        return found
    kinds = []
    for name in targets:
        matching = _matching(present, [name])
        if not matching:
            raise unknown("target module", name, present)
        kinds += matching
    return list(dict.fromkeys(kinds))


def module_names(model: Any, kinds: Iterable[str], top: int | None = None) -> list[str]:
    """What PEFT is given for the layers of these kinds: the kinds, or every layer's full name.

    PEFT takes a name for the end of a module's name. Where another module's name ends so too, as
    one of an image encoder, the output layer's, or one below the ``top`` last layers of the model,
    only full names mean these layers alone.

    Raises:
        UsageError: the model has no such ``top`` layers.
    """
    wanted = list(kinds)
    total = number_of(model.config.get_text_config(), "num_hidden_layers") or 1
    layers = [layer.name for layer in chosen_layers(linear_layers(model), wanted, total, top)]
    meant = {name for name, _ in model.named_modules() if _is_one_of(name, wanted)}
    return wanted if meant == set(layers) else layers


def stored_as_inputs_first(model: Any, names: Sequence[str]) -> bool:
    """Whether the layers of these names store their weight (inputs, outputs), as GPT-2's do."""
    found = [
        stores_inputs_first(module)
        for name, module in model.named_modules()
        if _is_one_of(name, names)
    ]
    return bool(found) and all(found)


def put_on(model: Any, config: Any) -> Any:
    """Put PEFT's ``config`` on a model, in place, and return PEFT's model.

    An encoder, which has no output layer, gets another class of PEFT's than a language model.

    Raises:
        UsageError: PEFT does not know how to do so with this model.
    """
    from peft import TaskType, get_peft_model

    writes = model.get_output_embeddings() is not None
    config.task_type = TaskType.CAUSAL_LM if writes else TaskType.FEATURE_EXTRACTION
    try:
        with warnings.catch_warnings():
            # Linear layers beside Conv1D ones: PEFT says that it takes each as it is stored.
            warnings.filterwarnings("ignore", message="fan_in_fan_out is set to")
            return get_peft_model(model, config)
    except (ValueError, TypeError, AttributeError, KeyError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"PEFT cannot put {config.peft_type.value.lower()} on a model of the family "
            f"{model.config.model_type} ({reason}); use another method or other targets."
        ) from error


def _is_one_of(name: str, ends: Sequence[str]) -> bool:
    """Whether PEFT takes a module's full name for one of ``ends``."""
    return any(name == end or name.endswith(f".{end}") for end in ends)


def _matching(present: Sequence[str], names: Iterable[str]) -> list[str]:
    """The kinds that a name means: itself, or those whose last part it is."""
    found = []
    for name in names:
        found += [kind for kind in present if _is_one_of(kind, [name])]
    return list(dict.fromkeys(found))
