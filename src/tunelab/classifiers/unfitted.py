"""Classifiers that have nothing to fit, on disk: their settings and the rows that they show.

A language model that is asked, a model of entailment and a hosted model are saved as what a study
says of them, with the labels, the prompt and the training rows that are in it. Where each text
has its own examples, these are all training rows. The models themselves are not copied; their
hashes are compared when the classifier is opened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunelab import registry
from tunelab.classifiers import stored
from tunelab.classifiers.contract import ClassifierKind, Context, Estimator, Fitted, Task
from tunelab.config import Evaluation, Prompt
from tunelab.data.examples import Example
from tunelab.errors import RunError
from tunelab.guards.validation import validated
from tunelab.models.loading import model_hash
from tunelab.runs.results import ADAPTER_RECORD, make_folder, write_json
from tunelab.runs.seals import sealed

FORMAT = "settings"


def save_unfitted(
    target: Path,
    *,
    use: str,
    settings: Mapping[str, Any],
    prompt: Prompt,
    task: Task,
    rows: Sequence[tuple[str, str]] = (),
    models: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the record of a classifier of the kind ``use`` into the folder ``target``.

    ``rows`` are the texts and labels that it is made again with; ``models`` the names of the
    models that it reads, whose hashes are kept. Returns the values of the record of the stage.

    Raises:
        RunError: the folder cannot be written.
    """
    record = {
        stored.FORMAT: FORMAT,
        "use": use,
        "settings": dict(settings),
        "prompt": prompt.model_dump(mode="json"),
        "labels": list(task.labels),
        "seed": task.seed,
        "rows": [list(row) for row in rows],
        "models": {name: model_hash(name) for name in models},
    }
    # The answers of a hosted model may be there already, and stay.
    make_folder(target)
    write_json(target / ADAPTER_RECORD, sealed(record, {}))
    return {}


def recorded_labels(folder: Path, record: dict[str, Any]) -> tuple[str, ...]:
    """The labels that it chooses from."""
    labels = record.get("labels")
    if not isinstance(labels, list) or not labels or not all(isinstance(x, str) for x in labels):
        raise stored.damaged(folder)
    return tuple(labels)


def check_evaluation(folder: Path, record: dict[str, Any], evaluation: Evaluation) -> None:
    """Refuse settings in which it could not answer each of its labels.

    Raises:
        UsageError: as said.
    """
    kind, settings = _kind(folder, record)
    context = Context("cpu", "float32", _prompt(folder, record), evaluation)
    kind.prove(settings, context, recorded_labels(folder, record))


def open_recorded(
    folder: Path,
    record: dict[str, Any],
    *,
    device: str,
    dtype: str,
    evaluation: Evaluation | None,
) -> Fitted:
    """The classifier of a folder, made again from its settings.

    Raises:
        UsageError: the record lacks something, a setting is refused, or the user has to allow what
            it does first.
        RunError: a model that it reads is not the one that was saved.
    """
    kind, settings = _kind(folder, record)
    task = Task(_rows(folder, record), (), recorded_labels(folder, record), _seed(folder, record))
    kind.permit(settings)
    _check_models(folder, record)
    context = Context(device, dtype, _prompt(folder, record), evaluation or Evaluation())
    made: Any = kind.make(settings, context)
    if made.trains:
        raise stored.damaged(folder)
    estimator: Estimator = replace(made, name=folder.name)
    return estimator.open(folder, task)


def _kind(folder: Path, record: dict[str, Any]) -> tuple[ClassifierKind, Mapping[str, Any]]:
    """The kind and the settings; a stranger's record may name registered kinds alone."""
    from tunelab.classifiers.registered import find_classifier

    use, settings = record.get("use"), record.get("settings")
    if use not in registry.CLASSIFIERS or not isinstance(settings, dict):
        raise stored.damaged(folder)
    kind = find_classifier(str(use))
    kind.check(settings, f"{folder / ADAPTER_RECORD}: ")
    return kind, settings


def _prompt(folder: Path, record: dict[str, Any]) -> Prompt:
    values = record.get("prompt")
    if not isinstance(values, dict):
        raise stored.damaged(folder)
    return validated(Prompt, values, prefix=f"{folder / ADAPTER_RECORD}: prompt.")


def _rows(folder: Path, record: dict[str, Any]) -> list[Example]:
    rows = record.get("rows")
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and len(row) == 2 and all(isinstance(part, str) for part in row)
        for row in rows
    ):
        raise stored.damaged(folder)
    return [Example(text, label) for text, label in rows]


def _seed(folder: Path, record: dict[str, Any]) -> int:
    seed = record.get("seed")
    if type(seed) is not int:
        raise stored.damaged(folder)
    return seed


def _check_models(folder: Path, record: dict[str, Any]) -> None:
    models = record.get("models")
    if not isinstance(models, dict):
        raise stored.damaged(folder)
    for name, digest in models.items():
        if model_hash(str(name)) != digest:
            raise RunError(
                f"{folder} was saved with other weights of {name} than those here; use the same "
                "revision of the model, or run the study again."
            )
