"""Export an adapter as a plain transformers folder, and show that it answers alike.

The adapter is written into the weights of its base model. What is saved is read back, and its
logits are compared with those of the model with the adapter beside it.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tunelab import registry
from tunelab.errors import RunError, UsageError
from tunelab.generation.context import ending_tokens
from tunelab.prompts.encoding import Encoder
from tunelab.results import (
    ADAPTER_RECORD,
    disk_failure,
    make_folder,
    read_json,
    write_json,
    write_text,
)
from tunelab.seals import FILES, SEAL, file_hashes, find_damage, is_intact, sealed
from tunelab.study.adapters import OpenedAdapter, open_adapter, read_record
from tunelab.study.exported_card import exported_card
from tunelab.study.model_card import CARD

# Of the largest logit: what the same sums in another order may differ by, and no more.
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.05, "float16": 0.01}
TEXTS = (
    "What a day! I'd not expected <this>.",
    "i feel a little better now that it is over",
    "امروز کتاب‌هایم را پیدا کردم و خوشحالم.",
    "",
)


@dataclass(frozen=True)
class Agreement:
    """How the logits of the exported model and of the model with its adapter differ.

    ``largest_difference`` and ``largest_logit`` are absolute, over the next-token logits at every
    position of ``prompts`` prompts with ``tokens`` tokens together; ``same_next`` counts the
    positions at which both find the same token likeliest.
    """

    largest_difference: float
    largest_logit: float
    prompts: int
    tokens: int
    same_next: int


def export_adapter(
    adapter: Path, out: Path, *, device: str = "cpu", dtype: str = "float32"
) -> Agreement:
    """Write a plain transformers folder that needs neither PEFT nor the base model.

    It holds safetensors, the tokenizer with its chat template, a generation configuration that
    stops where the adapter was taught to, the prompt, and a card. A folder that already is the
    whole export of this adapter is kept as it is.

    Raises:
        UsageError: the adapter's method cannot be merged, or ``out`` holds something.
        RunError: the logits do not agree, the folder cannot be written, or another process
            exports to it; nothing stays of it.
    """
    record = read_record(adapter)
    method = str(record["method"])
    merge = registry.resolve("method", method, registry.METHODS).merge
    if merge is None:
        raise UsageError(
            f"{method} cannot be merged into the weights, as it puts trained vectors before every "
            f"row; use the adapter as it is: tunelab predict FILE --adapter {adapter}."
        )
    with _held(out):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            return _exported_before(record, out, dtype)
        return _export(adapter, record, merge, out, device=device, dtype=dtype)


def _export(
    adapter: Path, record: dict[str, Any], merge: Any, out: Path, *, device: str, dtype: str
) -> Agreement:
    import torch

    # Merged in 32 bits and rounded once, whatever is written.
    opened = open_adapter(adapter, device=device, dtype="float32")
    prompts = [list(opened.encoder.prompt(text).ids) for text in TEXTS]
    expected = next_token_logits(opened.model, prompts)
    merged = merge(opened.model)
    fresh = out.with_name(f".{out.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        _save(merged.to(getattr(torch, dtype)), opened, fresh)
        agreement = _compare(expected, next_token_logits(_read(fresh, device, dtype), prompts))
        if agreement.largest_difference > TOLERANCE[dtype] * max(agreement.largest_logit, 1.0):
            raise RunError(
                f"the merged model's logits differ by {agreement.largest_difference:.2g}, more "
                f"than {dtype} explains, so it was not kept; use --dtype float32."
            )
        _describe(adapter, fresh, record, agreement, dtype)
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


@contextmanager
def _held(out: Path) -> Iterator[None]:
    """Hold the name of a folder, so that two processes do not fill it together."""
    from filelock import FileLock, Timeout

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
            return Agreement(**record["agreement"])
    raise UsageError(f"{out} holds something already; name a folder that does not exist.")


def next_token_logits(model: Any, prompts: Sequence[Sequence[int]]) -> list[Any]:
    """The logits of every position of each prompt: tokens × vocabulary, in float32 on the CPU."""
    import torch

    with torch.inference_mode():
        return [
            model(input_ids=torch.tensor([list(ids)], device=model.device)).logits[0].float().cpu()
            for ids in prompts
        ]


def _compare(expected: Sequence[Any], found: Sequence[Any]) -> Agreement:
    pairs = list(zip(expected, found, strict=True))
    return Agreement(
        largest_difference=max(float((left - right).abs().max()) for left, right in pairs),
        largest_logit=max(float(left.abs().max()) for left, _ in pairs),
        prompts=len(pairs),
        tokens=sum(len(left) for left, _ in pairs),
        same_next=sum(int((left.argmax(-1) == right.argmax(-1)).sum()) for left, right in pairs),
    )


def _save(model: Any, opened: OpenedAdapter, folder: Path) -> None:
    model.generation_config = _generation(opened.encoder, model)
    # The path of this machine's cache is nobody's business.
    model.config.name_or_path = ""
    model.save_pretrained(folder)
    opened.loaded.tokenizer.save_pretrained(folder)


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
        folder / CARD, exported_card(before, name=name, record=record, agreement=asdict(agreement))
    )
    exported = {
        "version": 1,
        "exported_from": name,
        "adapter": record.get(SEAL),
        "method": record["method"],
        "dtype": dtype,
        "prompt": record["prompt"],
        "answer_start": record.get("answer_start", ""),
        "agreement": asdict(agreement),
    }
    names = [path.name for path in folder.iterdir()]
    write_json(folder / ADAPTER_RECORD, sealed(exported, file_hashes(folder, names)))
