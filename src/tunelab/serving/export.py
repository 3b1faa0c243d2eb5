"""Export an adapter as a plain transformers folder, and show that it answers alike.

The adapter is written into the weights of its base model. What is saved is read back, and what it
says is compared with what the model with the adapter beside it says.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunelab.classifiers.adapters import has_head, open_adapter, read_record
from tunelab.classifiers.language_model import LanguageModel
from tunelab.errors import RunError, UsageError
from tunelab.generation.context import ending_tokens
from tunelab.guards.file_modes import follow_umask
from tunelab.methods.contract import find_method
from tunelab.models.loading import load
from tunelab.prompts.encoding import Encoder
from tunelab.runs.results import (
    ADAPTER_RECORD,
    disk_failure,
    make_folder,
    read_json,
    write_json,
    write_text,
)
from tunelab.runs.seals import FILES, SEAL, file_hashes, find_damage, is_intact, sealed
from tunelab.serving.cards import CARD
from tunelab.serving.export_agreement import (
    Agreement,
    Answers,
    ask,
    check_merge,
    check_rounding,
    compare,
    sample_texts,
)
from tunelab.serving.exported_card import exported_card


def export_adapter(
    adapter: Path,
    out: Path,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    texts: Sequence[str] = (),
) -> Agreement:
    """Write a plain transformers folder that needs neither PEFT nor the base model.

    It holds safetensors, the tokenizer with its chat template, a generation configuration that
    stops where the adapter was taught to, the prompt, and a card. What it says is compared with
    what the model with its adapter says: logits, and the labels of ``texts``, by default of some
    rows of the starter corpus. A folder that already is the whole export of this adapter is kept
    as it is.

    Raises:
        UsageError: the adapter's method cannot be merged, it answers through a head, or ``out``
            holds something.
        RunError: the two do not agree, the folder cannot be written, or another process
            exports to it; nothing stays of it.
    """
    record = read_record(adapter)
    if has_head(record):
        raise UsageError(
            f"{adapter} answers through a head, and has no words that an exported model could "
            f"write; use the adapter as it is: tunelab predict FILE --adapter {adapter}."
        )
    method = str(record["method"])
    merge = find_method(method).merge
    if merge is None:
        raise UsageError(
            f"{method} cannot be merged into the weights, as it puts trained vectors before every "
            f"row; use the adapter as it is: tunelab predict FILE --adapter {adapter}."
        )
    with name_locked(out):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            return _exported_before(record, out, dtype)
        found = texts or sample_texts()
        return _export(adapter, record, merge, out, found, device=device, dtype=dtype)


def _export(
    adapter: Path,
    record: dict[str, Any],
    merge: Any,
    out: Path,
    texts: Sequence[str],
    *,
    device: str,
    dtype: str,
) -> Agreement:
    # Merged in 32 bits and rounded once, whatever is written.
    opened = open_adapter(adapter, device=device, dtype="float32")
    fresh = out.with_name(f".{out.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        agreement = write_merged(
            opened, str(record["model"]), merge, fresh, texts, device=device, dtype=dtype
        )
        _describe(adapter, fresh, record, agreement, dtype)
        follow_umask(fresh)
        if out.is_dir():
            out.rmdir()
        fresh.replace(out)
    except Exception as error:
        if (reason := disk_failure(error)) is None:
            raise
        raise RunError(f"cannot write {out}: {reason}.") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return agreement


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


@contextmanager
def name_locked(out: Path) -> Iterator[None]:
    """Hold the name of a folder, so that two processes do not fill it together."""
    from filelock import FileLock, Timeout

    missing = [folder for folder in out.absolute().parents if not folder.exists()]
    make_folder(out.absolute().parent)
    path = out.absolute().with_name(f".{out.name}.lock")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(f"another tunelab exports to {out}; wait for it or name another.") from None
    try:
        yield
    finally:
        # Nobody waits for this file: who finds it held is told so.
        with suppress(OSError):
            path.unlink()
        lock.release()
        with suppress(OSError):
            # Where nothing was exported, these are empty.
            for folder in missing:
                folder.rmdir()


def _exported_before(adapter: dict[str, Any], out: Path, dtype: str) -> Agreement:
    """What was found when this adapter was exported to this folder.

    Raises:
        UsageError: it holds something else.
        RunError: a file of an export was changed since.
    """
    path = out / ADAPTER_RECORD
    record = read_json(path) if path.is_file() else None
    if isinstance(record, dict) and SEAL in record:
        damaged = find_damage(out, record[FILES]) if is_intact(record) else path
        if damaged is not None:
            raise RunError(f"{damaged} is missing or was changed; remove {out} and export again.")
        known = SEAL in adapter and record.get("adapter") == adapter[SEAL]
        if known and record["dtype"] == dtype:
            return Agreement.from_dict(record["agreement"])
    raise UsageError(f"{out} holds something already; name a folder that does not exist.")


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


def _describe(
    adapter: Path, folder: Path, record: dict[str, Any], agreement: Agreement, dtype: str
) -> None:
    name = adapter.resolve().name
    card = adapter / CARD
    before = card.read_text(encoding="utf-8") if card.is_file() else ""
    write_text(
        folder / CARD,
        exported_card(before, name=name, record=record, agreement=agreement.to_dict(), dtype=dtype),
    )
    exported = {
        "version": 1,
        "exported_from": name,
        "adapter": record.get(SEAL),
        "method": record["method"],
        "dtype": dtype,
        "prompt": record["prompt"],
        "answer_start": record.get("answer_start", ""),
        "agreement": agreement.to_dict(),
    }
    names = [path.name for path in folder.iterdir()]
    write_json(folder / ADAPTER_RECORD, sealed(exported, file_hashes(folder, names)))
