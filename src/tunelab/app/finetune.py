"""Fine-tune: make a study of a form, show its data, and show its run."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab import registry
from tunelab.app import job
from tunelab.app.downloads import DownloadNeededError, require_models
from tunelab.app.form_words import in_form_words
from tunelab.app.names import check_run_name, model_names, pick
from tunelab.app.settings import AppSettings
from tunelab.app.uploads import accept, keep, look_at, named
from tunelab.config import AnswersWith, MethodEntry
from tunelab.errors import TunelabError, UsageError

STARTER, OWN = "the starter corpus", "my own file"
# Training and test rows that the form begins with; 0 is all.
ROWS: Mapping[str, tuple[int, int]] = {STARTER: (300, 90), OWN: (0, 0)}
WORDS, HEAD = "the label in words", "a score for each label"
ANSWERS: Mapping[str, AnswersWith] = {WORDS: "words", HEAD: "head"}
ENCODER = "all-minilm-l6-v2"
# What a user would pick instead: the words of the form, and the classifier of the study.
RIVALS: Mapping[str, Mapping[str, Any]] = {
    "TF-IDF, logistic regression": {"name": "tfidf-logistic"},
    "sentence embeddings": {"name": "embedding", "model": ENCODER},
    "fine-tuned encoder": {"name": "encoder", "model": ENCODER},
}


@dataclass(frozen=True)
class Form:
    """What the page asks for, as it was typed. Rows of 0 are all rows."""

    name: str
    data: str
    file: str | None
    text: str | None
    label: str | None
    system: str
    train_rows: float
    test_rows: float
    model: str
    method: str
    epochs: float
    batch_size: float
    learning_rate: float
    rank: float
    max_length: float
    beside: bool
    answers: str = WORDS
    rivals: Sequence[str] = ()


def study_values(form: Form, source: str, models: Sequence[str]) -> dict[str, Any]:
    """The study that a form describes.

    Raises:
        UsageError: a choice is not on its list.
    """
    model = pick("model", form.model, models)
    method = pick("method", form.method, list(registry.METHODS))
    answers = ANSWERS[pick("answer", form.answers, list(ANSWERS))]
    entry: dict[str, Any] = {"name": method, "model": model}
    if answers != "words":
        entry["answers"] = answers
    if has_rank(method):
        entry |= {"r": _whole(form.rank), "alpha": 2 * _whole(form.rank)}
    own = source != STARTER
    values: dict[str, Any] = {
        "name": check_run_name(form.name),
        "data": {
            "source": source if own else "starter",
            "sample": _sample(form),
        },
        "prompt": {"system": form.system, "max_length": _whole(form.max_length)},
        "models": {"base": None, "instruct": model if form.beside else None},
        "methods": [entry],
        "classifiers": [dict(RIVALS[rival]) for rival in _rivals(form)],
        "training": {
            "epochs": form.epochs,
            "batch_size": _whole(form.batch_size),
            "learning_rate": form.learning_rate,
            "tracking": ["tensorboard"],
        },
        "evaluation": {"baselines": ["majority", "tfidf-svm"] if form.beside else []},
    }
    if own:
        values["data"] |= {"text": form.text, "label": form.label}
    if form.beside:
        values["claims"] = _claims(MethodEntry(name=method, answers=answers).called)
    return values


def _rivals(form: Form) -> list[str]:
    return [pick("classifier", rival, list(RIVALS)) for rival in dict.fromkeys(form.rivals or ())]


def _models(form: Form) -> list[str]:
    """The models that the study of a form reads."""
    read = (RIVALS[rival].get("model") for rival in _rivals(form))
    return [form.model, *(name for name in read if name is not None)]


def has_rank(method: str) -> bool:
    """Whether a method has a rank and its scale among its settings."""
    from tunelab.methods.contract import find_method

    return {"r", "alpha"} <= set(find_method(method).Settings.model_fields)


def preview(settings: AppSettings, form: Form, *, show: int = 3) -> tuple[Mapping[str, Any], Any]:
    """The record of the data's checks, and the first rows token by token.

    Raises:
        UsageError: the form, the file or a row of it cannot be used.
        DownloadNeededError: the model is not on this machine.
        RunError: the tokenizer cannot be loaded.
    """
    from tunelab.study.encoded_view import view_encoding

    with _prepared(settings, form) as (_, study, data):
        view = view_encoding(study, data, model=None, show=show)
        return dict(data.result.values), view


def begin(settings: AppSettings, form: Form) -> str:
    """Check the form and the data, copy the upload to a new run folder, and start the run.

    Raises:
        UsageError: the form or the data cannot be used, the name is taken, or another run is at
            work.
        DownloadNeededError: the model is not on this machine.
    """
    import shutil

    import yaml

    with _prepared(settings, form) as (file, _, _):
        pass
    folder = job.create(settings.runs, form.name)
    try:
        source = STARTER if file is None else str(keep(file, folder / job.DATA))
        values = study_values(form, source, model_names(settings.models))
        job.start(
            settings.runs, folder, yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        )
    except BaseException:
        # Nothing was begun, so the name stays free.
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return form.name


@contextmanager
def _prepared(settings: AppSettings, form: Form) -> Iterator[tuple[Path | None, Any, Any]]:
    """The upload, the study and its data, prepared in a folder that is removed at the end.

    Messages name the user's file and the fields of the form.
    """
    from tunelab.study.prepare import prepare

    try:
        file = _file(settings, form)
        study = _checked(form, STARTER if file is None else str(file), settings)
        require_models(_models(form))
        folders = tempfile.TemporaryDirectory(dir=settings.scratch)
        with folders as folder, named(file or Path(folder)):
            yield file, study, prepare(study.data, seed=study.seed, out=Path(folder))
    except DownloadNeededError:
        raise
    except TunelabError as error:
        raise type(error)(in_form_words(str(error))) from None


def instruction(data: str) -> str:
    """What a model is asked at first: the starter corpus has an instruction of its own.

    Raises:
        UsageError: ``data`` is neither of the two choices.
    """
    from tunelab.config import Prompt
    from tunelab.study.opening import open_study

    if pick("data", data, (STARTER, OWN)) == STARTER:
        return open_study("starter").prompt.system
    return Prompt().system


def starter_counts() -> Mapping[str, int]:
    """Training rows of each label in the starter corpus."""
    from tunelab.data.examples import label_counts as counted
    from tunelab.data.sources import open_source

    dataset = open_source("starter", text="text", label="label")
    return counted(dataset.splits["train"], dataset.labels)


def _file(settings: AppSettings, form: Form) -> Path | None:
    if pick("data", form.data, (STARTER, OWN)) == STARTER:
        return None
    file = accept(form.file, settings.scratch, settings.max_upload)
    for kind, column in (("texts", form.text), ("labels", form.label)):
        if not column:
            # A file that cannot be read has no columns to choose from, and its error says why.
            look_at(file, labelled=True)
            raise UsageError(f"choose the column of the {kind}.")
    return file


def _checked(form: Form, source: str, settings: AppSettings) -> Any:
    """The study as the command line would open it."""
    from tunelab.config import make_study
    from tunelab.study.resolution import check_names

    study = make_study(study_values(form, source, model_names(settings.models)))
    check_names(study)
    return study


def _sample(form: Form) -> dict[str, Any]:
    rows = {"train": _whole(form.train_rows), "test": _whole(form.test_rows)}
    return {split: number for split, number in rows.items() if number != 0}


def _claims(method: str) -> list[dict[str, Any]]:
    return [
        {
            "claim": f"The fine-tuned model is more accurate than {words}",
            "metric": "accuracy",
            "left": method,
            "right": side,
        }
        for side, words in (
            ("instruct", "the model before fine-tuning"),
            ("tfidf-svm", "TF-IDF with a linear SVM"),
        )
    ]


def _whole(value: Any) -> Any:
    """An integer that came as a float; other values are left for the study to refuse."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None:
        raise UsageError("fill in every number of the form.")
    return value
