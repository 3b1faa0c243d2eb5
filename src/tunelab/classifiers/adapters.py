"""Adapters on disk: PEFT's own files, and the prompt that they were trained with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.config import Evaluation
from tunelab.data.normalizing import normal_text
from tunelab.data.text_identity import identity
from tunelab.errors import RunError, UsageError
from tunelab.guards.bounded_files import is_folder, read_bounded, within
from tunelab.methods.contract import find_method
from tunelab.models.loading import LoadedModel, load
from tunelab.prompts.conversation import read_format
from tunelab.prompts.encoding import Encoder
from tunelab.runs.results import ADAPTER_RECORD, write_json
from tunelab.runs.seals import FILES, file_hashes, find_damage, is_intact, sealed

_LARGEST = 20_000_000
_PROBE = "What a day! I'd not expected <this>."


@dataclass(frozen=True)
class OpenedAdapter:
    """A fine-tuned model that is ready to be asked."""

    name: str
    loaded: LoadedModel
    model: Any
    encoder: Encoder


def save_adapter(
    folder: Path, model: Any, *, method: str, loaded: LoadedModel, encoder: Encoder, run: str
) -> None:
    """Write what was trained, and beside it the base model's name and the prompt."""
    for config in getattr(model, "peft_config", {}).values():
        # PEFT would note the folder of this machine's cache.
        config.base_model_name_or_path = loaded.card.location or loaded.card.name
    find_method(method).save(model, folder)
    # PEFT leaves a blank form with the folder of this machine; the study writes its own card.
    (folder / "README.md").unlink(missing_ok=True)
    record = {
        "version": 1,
        "method": method,
        "model": loaded.card.name,
        "model_hash": loaded.hash,
        "trained_by": run,
        "prompt": encoder.format.to_dict(),
        # For those who ask without tunelab: what follows the template's question, and the room.
        "answer_start": encoder.start or "",
        "answer_tokens": encoder.answer_room,
        "probe": {"text": _PROBE, "ids": list(encoder.prompt(_PROBE).ids)},
    }
    names = [path.name for path in folder.iterdir() if path.name != ADAPTER_RECORD]
    write_json(folder / ADAPTER_RECORD, sealed(record, file_hashes(folder, names)))


def read_record(folder: Path) -> dict[str, Any]:
    """The record beside an adapter.

    Raises:
        UsageError: there is no such folder or record, it is damaged or leads out of the folder.
    """
    if not is_folder(folder):
        raise UsageError(f"there is no adapter folder {str(folder)[:200]!r}.")
    path = within(folder, folder / ADAPTER_RECORD)
    try:
        record = json.loads(read_bounded(path, _LARGEST).decode("utf-8"))
        complete = (
            {"method", "model", "model_hash", "prompt", "probe"} <= set(record)
            and isinstance(record["prompt"], dict)
            and isinstance(record["probe"], dict)
            and {"text", "ids"} <= set(record["probe"])
        )
    except FileNotFoundError:
        raise UsageError(
            f"{folder} holds no {ADAPTER_RECORD}, so the prompt it was trained with is not known; "
            "name a folder under adapters/ of a finished run."
        ) from None
    except (OSError, ValueError, TypeError, RecursionError):
        complete = False
    if not complete:
        raise UsageError(f"{folder / ADAPTER_RECORD} is damaged; train the adapter again.")
    if not is_intact(record):
        raise UsageError(
            f"{folder / ADAPTER_RECORD} was changed after training; restore it or train the "
            "adapter again."
        )
    return dict(record)


def trained_by(folder: Path) -> str | None:
    """The training stage that an adapter came from, or None where no whole one is there."""
    try:
        record = read_record(folder)
    except UsageError:
        return None
    if find_damage(folder, record.get(FILES, {})) is not None:
        return None
    return str(record.get("trained_by"))


def open_adapter(folder: Path, *, device: str, dtype: str) -> OpenedAdapter:
    """Load the base model, the adapter, and the prompt that it was trained with.

    Raises:
        UsageError: the record is missing, damaged or was changed.
        RunError: a file of the adapter was changed; or the base model or its tokenizer is not the
            one of the training, so that the prompt would become other tokens.
    """
    record = read_record(folder)
    damaged = find_damage(folder, record.get(FILES, {}))
    if damaged is not None:
        raise RunError(
            f"{damaged} is missing or was changed after training; restore it or train the adapter "
            "again."
        )
    format = read_format(record["prompt"])
    loaded = load(str(record["model"]), device=device, dtype=dtype)
    if loaded.hash != record["model_hash"]:
        raise RunError(
            f"{folder} was trained on other weights of {record['model']} than those here; use "
            "the same revision of the model, or train again."
        )
    if format.style == "chat":
        loaded.tokenizer.chat_template = format.template
    encoder = Encoder(loaded.tokenizer, format, trained=True)
    if list(encoder.prompt(str(record["probe"]["text"])).ids) != record["probe"]["ids"]:
        raise RunError(
            f"the tokenizer of {record['model']} makes other tokens of the prompt than in "
            f"training; {folder} would be asked something else than it was taught."
        )
    method = find_method(str(record["method"]))
    try:
        model = method.load(loaded.model, folder)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise RunError(
            f"{folder} cannot be loaded as an adapter ({str(error).splitlines()[0][:120]}); "
            "train it again."
        ) from None
    return OpenedAdapter(folder.name, loaded, model, encoder)


def label_texts(
    opened: OpenedAdapter, texts: Sequence[str], evaluation: Evaluation
) -> list[dict[str, Any]]:
    """Label, raw answer, and why there is no label, for each text.

    Texts are asked in normal form, as training texts are. A text without a visible character is
    not asked; its label is None. A text that repeats is asked once.
    """
    from tunelab.classifiers.asking import ask

    normal = [normal_text(text) for text in texts]
    different = list(dict.fromkeys(text for text in normal if identity(text)))
    asked = ask(opened.model, opened.encoder, different, evaluation, title="", progress=False)
    found = {
        text: {"label": parsed.label, "answer": answer.text, "reason": parsed.reason}
        for text, answer, parsed in zip(different, asked.answers, asked.parsed, strict=True)
    }
    blank = {"label": None, "answer": "", "reason": "blank text"}
    return [found.get(text, blank) for text in normal]
