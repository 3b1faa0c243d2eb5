"""Merge an adapter into the weights of its base model, and show that it answers alike.

What is saved is read back, and what it says is compared with what the model with the adapter beside
it says.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunelab.classifiers.language_model import LanguageModel
from tunelab.errors import RunError
from tunelab.generation.context import ending_tokens
from tunelab.models.loading import load
from tunelab.prompts.encoding import Encoder
from tunelab.serving.export_agreement import (
    Agreement,
    Answers,
    ask,
    check_merge,
    check_rounding,
    compare,
)


def merge_exactly(opened: LanguageModel, merge: Any, texts: Sequence[str]) -> tuple[Any, Answers]:
    """The model with its adapter in the weights, in place, and what it said before.

    Raises:
        RunError: the two do not say the same.
    """
    expected = ask(opened.model, opened.encoder, texts)
    merged = merge(opened.model)
    check_merge(compare(expected, ask(merged, opened.encoder, [])))
    return merged, expected


def write_merged(
    opened: LanguageModel,
    base: str,
    merge: Any,
    folder: Path,
    texts: Sequence[str],
    *,
    device: str,
    dtype: str,
) -> Agreement:
    """Merge an opened adapter, write it as a transformers folder, and compare what is read back.

    ``base``: the name of the base model, on which the rounding to ``dtype`` is measured.

    Raises:
        RunError: the two do not agree.
    """
    import torch

    untouched = None
    if dtype != "float32":
        untouched = _rounded_base(base, opened.encoder, texts, device, dtype)
    merged, expected = merge_exactly(opened, merge, texts)
    save_merged(merged.to(getattr(torch, dtype)), opened, folder)
    read = _read(folder, device, dtype)
    _check_weights(merged, read)
    found = compare(expected, ask(read, opened.encoder, texts))
    agreement = replace(found, untouched=untouched)
    check_rounding(agreement, dtype)
    return agreement


def _rounded_base(
    model: str, encoder: Encoder, texts: Sequence[str], device: str, dtype: str
) -> Agreement:
    """What rounding changes in the base model, which nothing was merged into."""
    whole, rounded = (
        ask(load(model, device=device, dtype=kind).model, encoder, texts)
        for kind in ("float32", dtype)
    )
    return compare(whole, rounded)


def _check_weights(merged: Any, read: Any) -> None:
    """Refuse a folder that gives other weights than those that were written.

    Raises:
        RunError: one is missing or has other numbers.
    """
    found = read.state_dict()
    for name, weight in merged.state_dict().items():
        if name not in found or not found[name].float().equal(weight.float()):
            raise RunError(
                f"the weight {name} is not read back as it was written, so the export was not "
                "kept; use the adapter as it is."
            )


def save_merged(model: Any, opened: LanguageModel, folder: Path) -> None:
    """Write a merged model with its tokenizer and how it answers, without PEFT's files."""
    model.generation_config = _generation(opened.encoder, model)
    # The path of this machine's cache is nobody's business.
    model.config.name_or_path = ""
    model.save_pretrained(folder)
    tokenizer = opened.loaded.tokenizer
    # Or it would be read with the side of the base model, and rows of a batch would be asked
    # with padding behind the prompt.
    tokenizer.init_kwargs["padding_side"] = tokenizer.padding_side
    tokenizer.save_pretrained(folder)


def _generation(encoder: Encoder, model: Any) -> Any:
    from transformers import GenerationConfig

    tokenizer = encoder.tokenizer
    return GenerationConfig(
        do_sample=False,
        max_new_tokens=encoder.answer_room,
        bos_token_id=tokenizer.bos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=ending_tokens(encoder.stop_tokens, model, tokenizer),
    )


def _read(folder: Path, device: str, dtype: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=getattr(torch, dtype),
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
    )
    return model.to(device).eval()
