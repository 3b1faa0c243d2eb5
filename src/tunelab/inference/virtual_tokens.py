"""Virtual tokens: what soft prompts put before a model's own tokens, unseen by whoever runs it.

A soft prompt is a run of V trained vectors at the beginning of every row: as embeddings before
those of the row (prompt tuning, P-tuning), or as keys and values before those of each layer
(prefix tuning). PEFT's own forward pass returns logits that are longer by V, drops the positions
it is given, and puts the prompt once more before rows that continue from a cache. Here the prompt
is part of the model: rows, positions, masks, caches and packed layouts hold the row's own tokens
alone, and so do the logits. Whatever runs a model can run one with a soft prompt.
"""

from functools import partial
from typing import Any

from tunelab.errors import UsageError
from tunelab.inference.token_trees import build_tree_batch
from tunelab.inference.tree_reading import ONE_TOKEN


def virtual_tokens(model: Any) -> int:
    """V: how many virtual tokens stand before the rows of a model; 0 for most models."""
    config = getattr(model, "active_peft_config", None)
    return int(getattr(config, "num_virtual_tokens", None) or 0)


def hide_virtual_tokens(model: Any) -> Any:
    """Give PEFT's model with a soft prompt a forward pass as any model has, and return it."""
    model.forward = partial(_forward, model)
    return model


def virtual_keys(model: Any) -> list[tuple[Any, Any]]:
    """The keys and values of prefix tuning, (1, key heads, V, size) each, for each layer."""
    return [(layer.keys, layer.values) for layer in model.get_prompt(1).layers]


def _forward(
    model: Any,
    input_ids: Any,
    *,
    attention_mask: Any = None,
    position_ids: Any = None,
    past_key_values: Any = None,
    layout: Any = None,
    trees: Any = None,
    rows: Any = None,
    **more: Any,
) -> Any:
    """input_ids, position_ids: (B, S); attention_mask: (B, tokens in the cache + S).

    The cache, if there is one, grows by the virtual tokens too where it was empty.
    """
    count = virtual_tokens(model)
    if attention_mask is not None:
        if attention_mask.dim() != 2:
            raise NotImplementedError("a model with virtual tokens takes no mask of 4 dimensions.")
        ahead = attention_mask.new_ones(len(attention_mask), count)
        attention_mask = more["attention_mask"] = _join(ahead, attention_mask)
    if position_ids is not None:
        position_ids = more["position_ids"] = position_ids + count
    if layout is not None:
        more["layout"] = layout.after_tokens(count)
    base = model.get_base_model()
    if trees is not None:
        return _over_trees(model, base, input_ids, trees, **more)
    if rows is not None:
        return base(input_ids=input_ids, rows=rows, **more)
    if past_key_values is not None and past_key_values.get_seq_length() > 0:
        return base(input_ids=input_ids, past_key_values=past_key_values, **more)
    if model.active_peft_config.peft_type == "PREFIX_TUNING":
        more |= _as_keys(model, base, input_ids, past_key_values, packed=layout is not None)
        return base(input_ids=input_ids, **more)
    if position_ids is not None:
        more["position_ids"] = _join(_first(count, position_ids), position_ids)
    # The hidden states of the virtual tokens predict nothing that anyone asks for.
    more["logits_to_keep"] = more.get("logits_to_keep") or input_ids.shape[1]
    embeddings = base.get_input_embeddings()(input_ids)
    prompts = model.get_prompt(batch_size=len(input_ids)).to(embeddings.dtype)
    return base(inputs_embeds=_join(prompts, embeddings), past_key_values=past_key_values, **more)


def _over_trees(model: Any, base: Any, input_ids: Any, trees: Any, **more: Any) -> Any:
    """Token trees, whose prefix holds the keys and values of the virtual tokens first."""
    virtual = {} if trees.prefix else _kept(model, base)
    outputs = base(
        input_ids=input_ids, trees=trees.after_tokens(virtual_tokens(model), virtual), **more
    )
    for layer, first in virtual.items() if trees.kept is not None else ():
        own = trees.kept[layer]
        trees.kept[layer] = tuple(_join(*pair, axis=2) for pair in zip(first, own, strict=True))
    return outputs


def _kept(model: Any, base: Any) -> dict[int, tuple[Any, Any]]:
    """What each layer keeps of the virtual tokens, within ``tree_attention``."""
    if model.active_peft_config.peft_type == "PREFIX_TUNING":
        return dict(enumerate(virtual_keys(model)))
    kept: dict[int, tuple[Any, Any]] = {}
    row = build_tree_batch([[0] * virtual_tokens(model)], ONE_TOKEN, device=model.device, kept=kept)
    prompt = model.get_prompt(batch_size=1).to(base.dtype)
    base.base_model(inputs_embeds=prompt, position_ids=row.positions, trees=row, use_cache=False)
    return kept


def _as_keys(model: Any, base: Any, input_ids: Any, cache: Any, *, packed: bool) -> dict[str, Any]:
    """What the base model is given of a prompt that is in its layers."""
    from transformers import DynamicCache

    pairs = virtual_keys(model)
    if packed:
        return {"virtual": pairs}
    if model.training and getattr(base, "is_activation_checkpointing", False):
        # transformers then drops the cache without a word, and nothing would be trained.
        raise UsageError(
            "prefix tuning cannot be trained with gradient checkpointing where rows are not "
            "packed; turn checkpointing off, or use prompt_tuning."
        )
    cache = DynamicCache() if cache is None else cache
    for number, (keys, values) in enumerate(pairs):
        rows = len(input_ids)
        cache.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), number)
    return {"past_key_values": cache}


def _join(ahead: Any, own: Any, axis: int = 1) -> Any:
    import torch

    return torch.cat([ahead, own], axis)


def _first(count: int, like: Any) -> Any:
    """(B, count): 0, 1, 2, …"""
    import torch

    return torch.arange(count, device=like.device).expand(len(like), -1)
