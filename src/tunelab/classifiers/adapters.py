"""Adapters on disk: PEFT's own files, and the prompt that they were trained with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunelab.classifiers import stored
from tunelab.classifiers.answer_room import check_encoder
from tunelab.classifiers.headed_model import HeadedModel, load_head, save_head
from tunelab.classifiers.language_model import LanguageModel
from tunelab.config import Evaluation
from tunelab.errors import RunError, UsageError
from tunelab.guards.bounded_files import home_path
from tunelab.methods.contract import find_method
from tunelab.models.loading import LoadedModel, load, load_tokenizer
from tunelab.prompts.conversation import read_format
from tunelab.prompts.encoding import Encoder
from tunelab.runs.results import ADAPTER_RECORD, write_json
from tunelab.runs.seals import file_hashes, sealed

_PROBE = "What a day! I'd not expected <this>."


def save_adapter(
    folder: Path,
    model: Any,
    *,
    method: str,
    loaded: LoadedModel,
    encoder: Encoder,
    run: str,
    words: Any = None,
) -> None:
    """Write what was trained, and beside it the base model's name and the prompt.

    ``words``: the output layer in whose place ``model`` has a head; None where it has none.
    """
    for config in getattr(model, "peft_config", {}).values():
        # PEFT would note the folder of this machine's cache.
        config.base_model_name_or_path = loaded.card.location or loaded.card.name
    if words is None:
        find_method(method).save(model, folder)
    else:
        from tunelab.inference.label_head import words_restored

        with words_restored(model, words) as head:
            find_method(method).save(model, folder)
        save_head(head, folder)
    # PEFT leaves a blank form with the folder of this machine; the study writes its own card.
    (folder / "README.md").unlink(missing_ok=True)
    record = {
        "version": 1,
        "method": method,
        "model": loaded.card.name,
        "model_hash": loaded.hash,
        "trained_by": run,
        "prompt": encoder.format.to_dict(),
        # The columns of a head are the labels of the prompt, in their order.
        "answers": "words" if words is None else "head",
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
        UsageError: there is no such folder or record, it is damaged or leads out of the folder, or
            it is that of a classifier which is no language model.
    """
    record = stored.read_record(folder)
    kind = record.get(stored.FORMAT, stored.ADAPTER)
    if kind != stored.ADAPTER:
        raise UsageError(
            f"{folder} holds a classifier in the format {kind!r}; name a fine-tuned language "
            "model, as in adapters/lora."
        )
    return checked_record(folder, record)


def recorded_labels(folder: Path, record: dict[str, Any]) -> tuple[str, ...]:
    """The labels of the prompt."""
    return read_format(checked_record(folder, record)["prompt"]).labels


def check_evaluation(folder: Path, record: dict[str, Any], evaluation: Evaluation) -> None:
    """Refuse a limit that leaves no room for a label; a head writes none.

    Raises:
        UsageError: the limit is smaller than the longest label.
    """
    checked_record(folder, record)
    if has_head(record):
        return
    _check_model_folder(folder, record)
    tokenizer, format = load_tokenizer(str(record["model"])), read_format(record["prompt"])
    if format.style == "chat":
        tokenizer.chat_template = format.template
    check_encoder(Encoder(tokenizer, format), evaluation, name=str(folder))


def checked_record(folder: Path, record: dict[str, Any]) -> dict[str, Any]:
    """The record, which holds all that an adapter needs.

    Raises:
        UsageError: it does not.
    """
    if not (
        {"method", "model", "model_hash", "prompt", "probe"} <= set(record)
        and isinstance(record["prompt"], dict)
        and isinstance(record["probe"], dict)
        and {"text", "ids"} <= set(record["probe"])
    ):
        raise stored.damaged(folder)
    return record


def _check_model_folder(folder: Path, record: Mapping[str, Any]) -> None:
    """See that the model of an adapter is there, where it was a folder.

    Raises:
        UsageError: it is not.
    """
    name = str(record["model"])
    if name.startswith((".", "/", "~")) and not home_path(name).is_dir():
        where = "" if name.startswith(("/", "~")) else f", seen from {Path.cwd()}"
        raise UsageError(
            f"{folder} was trained on the model in the folder {name[:200]!r}, which is not there"
            f"{where}. Bring the model there, or run the command in the folder in which it was "
            "trained."
        )


def has_head(record: Mapping[str, Any]) -> bool:
    """Whether a classifier answers through a head; older records know none."""
    return record.get("answers") == "head"


def open_adapter(
    folder: Path, *, device: str, dtype: str, evaluation: Evaluation | None = None
) -> LanguageModel:
    """Load the base model, the adapter, and the prompt that it was trained with.

    Raises:
        UsageError: the record is missing, damaged or was changed, or the adapter writes no words.
        RunError: a file of the adapter was changed; or the base model or its tokenizer is not the
            one of the training, so that the prompt would become other tokens.
    """
    record = read_record(folder)
    opened = open_recorded(folder, record, device=device, dtype=dtype, evaluation=evaluation)
    if not isinstance(opened, LanguageModel):
        raise UsageError(f"{folder} answers through a head, which writes no words.")
    return opened


def open_recorded(
    folder: Path, record: dict[str, Any], *, device: str, dtype: str, evaluation: Evaluation | None
) -> LanguageModel | HeadedModel:
    """As :func:`open_adapter`, with the record that was read before, and with a head too."""
    checked_record(folder, record)
    stored.check_files(folder, record)
    format = read_format(record["prompt"])
    _check_model_folder(folder, record)
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
            f"training; use the model's revision that {folder} was trained on, or train again."
        )
    method = find_method(str(record["method"]))
    try:
        model = method.load(loaded.model, folder)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise RunError(
            f"{folder} cannot be loaded as an adapter ({str(error).splitlines()[0][:120]}); "
            "train it again."
        ) from None
    if has_head(record):
        headed = load_head(model, folder, len(format.labels))
        return HeadedModel(folder.name, loaded, headed, encoder, method.name)
    return LanguageModel(folder.name, loaded, model, encoder, evaluation or Evaluation())
