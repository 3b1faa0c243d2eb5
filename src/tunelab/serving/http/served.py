"""What a service answers with: saved classifiers and language models, opened once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.classifiers.classifier import find_classifier
from tunelab.classifiers.contract import Fitted
from tunelab.errors import UsageError
from tunelab.evaluation.drift.hashed_words import Unit
from tunelab.generation.local_model import LocalModel
from tunelab.guards.bounded_files import home_path, is_folder
from tunelab.serving.drift_reference import read_reference
from tunelab.serving.http.labelling import label_in_one_pass
from tunelab.serving.review_rule import ReviewRule, read_review_rule

# Asked when a classifier is opened, so that what fails does so at once and the first request is
# as quick as any other.
_PROBE = "What a day! I'd not expected <this>."


@dataclass(frozen=True)
class Served:
    """A model under the ``id`` that requests name.

    ``fitted`` labels texts, ``answerer`` writes text; either may be None. ``probabilities``:
    whether ``fitted`` has some. ``about``: the model and the hashes that answers name. ``rule``:
    when a person should look at a label. ``unit``: what texts are hashed by where a classifier has
    a reference that they can be compared with.
    """

    id: str
    fitted: Fitted | None
    answerer: LocalModel | None
    probabilities: bool
    about: Mapping[str, str | None]
    rule: ReviewRule | None = None
    unit: Unit | None = None


def open_served(
    classifiers: Sequence[str], models: Sequence[str], *, device: str
) -> dict[str, Served]:
    """Open everything; adapters on one base model share its weights.

    ``classifiers`` are folders, or runs with one classifier; ``models`` are names or folders of
    language models. ``ID=`` may stand before each, which is otherwise called by the name of its
    folder.

    Raises:
        UsageError: two have the same id, or one is no classifier or language model.
        RunError: one is damaged, or its base model is not that of the training.
    """
    from tunelab.library_warnings import hide_library_warnings
    from tunelab.models.device import pick_device, pick_dtype
    from tunelab.models.shared_weights import sharing_weights

    folders = [(name, find_classifier(home_path(path))) for name, path in map(_named, classifiers)]
    named = [(name or Path(model).name, model) for name, model in map(_named, models)]
    ids = [name or folder.resolve().name for name, folder in folders]
    _check_ids([*ids, *(name for name, _ in named)])
    where = pick_device(device)
    how = {"device": where, "dtype": pick_dtype("auto", where)}
    found: dict[str, Served] = {}
    with sharing_weights(), hide_library_warnings():
        for name, (_, folder) in zip(ids, folders, strict=True):
            found[name] = _open_classifier(name, folder, **how)
        for name, model in named:
            found[name] = _open_model(name, model, **how)
    return found


def _open_classifier(name: str, folder: Path, *, device: str, dtype: str) -> Served:
    from tunelab.classifiers.language_model import LanguageModel
    from tunelab.classifiers.stored import open_classifier, read_record
    from tunelab.config import Evaluation
    from tunelab.serving.predict import adapter_hash

    record = read_record(folder)
    # As `tunelab predict` asks, so that the labels are the same.
    asked = Evaluation(batch_size=64)
    fitted = open_classifier(folder, device=device, dtype=dtype, evaluation=asked)
    probe = label_in_one_pass(fitted, [_PROBE], probabilities=True)[0]
    answerer = None
    reference = read_reference(folder)
    if isinstance(fitted, LanguageModel):
        answerer = LocalModel(name, fitted.model, fitted.encoder.tokenizer)
    prompt: Any = fitted.about.get("prompt") or {}
    return Served(
        name,
        fitted,
        answerer,
        probabilities=probe.probabilities is not None,
        about={
            "base_model": _without_folders(record.get("model")),
            "model_hash": record.get("model_hash"),
            "classifier_hash": adapter_hash(folder),
            "prompt_hash": prompt.get("hash"),
        },
        rule=read_review_rule(folder),
        unit=None if reference is None else reference.unit,
    )


def _open_model(name: str, model: str, *, device: str, dtype: str) -> Served:
    from tunelab.models.loading import load

    loaded = load(model, device=device, dtype=dtype)
    return Served(
        name,
        None,
        LocalModel(name, loaded.model, loaded.tokenizer),
        probabilities=False,
        about={
            "base_model": _without_folders(loaded.card.name),
            "model_hash": loaded.hash,
            "classifier_hash": None,
            "prompt_hash": None,
        },
    )


def _without_folders(model: object) -> str | None:
    """A model's name; of one in a folder of this machine the folder's own name."""
    if model is None:
        return None
    return Path(str(model)).name if is_folder(Path(str(model))) else str(model)


def _named(word: str) -> tuple[str | None, str]:
    """``ID=PATH`` in two parts; a path that is there is not divided."""
    name, equals, path = word.partition("=")
    if not equals or is_folder(Path(word)):
        return None, word
    if not name or not path:
        raise UsageError(f"{word!r} must be ID=FOLDER; write what requests call it before the =.")
    return name, path


def _check_ids(ids: Sequence[str]) -> None:
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"two models are called {twice!r}, and requests could not tell them apart; write an "
            f"id before one, as in other=runs/mine/adapters/{twice}."
        )
