"""Read a finished, or partly finished, run folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tunelab.errors import RunError, UsageError
from tunelab.guards.bounded_files import check_links, is_file, is_folder, within
from tunelab.guards.strict_yaml import read_keys
from tunelab.runs.results import (
    BUDGET,
    EVALUATE,
    EVALUATE_WORDING,
    FORGETTING,
    TRAIN,
    TRAIN_WORDING,
    Result,
    load_result,
    read_json,
    read_table,
    stage_file,
)
from tunelab.runs.seals import SEAL, is_intact

if TYPE_CHECKING:
    import pandas as pd


Value = TypeVar("Value")

# What a training of a label budget answered: row, truth, predicted.
BUDGET_ANSWERS = "answers.parquet"
# What a stage of a classifier's validation rows holds: row, truth, probabilities.
VALIDATION = "validation.parquet"
# The part of each test row in each slice, in the folder of the prepared rows.
SLICES = "slices.parquet"


@dataclass(frozen=True)
class RunFolder:
    """What a report is made of. ``known`` holds what was computed of it: see :func:`once`."""

    folder: Path
    study: Mapping[str, Any]
    study_text: str
    study_hash: str
    environment: Mapping[str, Any]
    prepared: Result
    trained: Sequence[Result]
    evaluated: Sequence[Result]
    tokenized: Sequence[Result]
    failures: Sequence[Mapping[str, str]]
    generated: Sequence[Result] = ()
    # Speed, memory and sizes of classifiers; none in older runs.
    measured: Sequence[Result] = ()
    # Trainings of the label budget, and what it planned and what failed; None of others.
    budget_trainings: Sequence[Result] = ()
    budget_plan: Mapping[str, Any] | None = None
    # Probabilities of the validation rows; none in older runs.
    reviewed: Sequence[Result] = ()
    # What fine-tuned models can do beside the task.
    forgotten: Sequence[Result] = ()
    # Trainings and answers under other wordings of the prompt.
    trained_otherwise: Sequence[Result] = ()
    asked_otherwise: Sequence[Result] = ()
    # Fingerprints of the claims before any answer was known; None of older runs.
    claims_before: Sequence[str] | None = None
    # Classifiers that were asked no further, each with the reason.
    stopped: Mapping[str, str] = field(default_factory=dict)
    known: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def tuned(self) -> Sequence[Result]:
        """The trainings of language models by a method, which have losses."""
        return [result for result in self.trained if "method" in result.values]

    @property
    def fitted(self) -> Sequence[Result]:
        """The other classifiers that were fitted."""
        return [result for result in self.trained if "method" not in result.values]


def once(function: Callable[[RunFolder], Value]) -> Callable[[RunFolder], Value]:
    """Compute a thing of a run once, however many sections and figures ask for it."""

    @wraps(function)
    def remembered(run: RunFolder) -> Value:
        if function not in run.known:
            run.known[function] = function(run)
        value: Value = run.known[function]
        return value

    return remembered


def read_run(folder: Path) -> RunFolder:
    """Read the records that belong to the study as it was last run.

    Raises:
        UsageError: the folder holds no run.
        RunError: a record is damaged.
    """
    if not is_file(folder / "run.json"):
        raise UsageError(
            f"{str(folder)[:200]} is not a run folder: it holds no run.json. Run a study first."
        )
    for name in ("run.json", "study.yaml", "environment.json"):
        _inside(folder, name)
    index = read_json(folder / "run.json")
    try:
        if not is_intact(index):
            raise KeyError(SEAL)
        stages = [load_result(_inside(folder, name)) for name in index["stages"]]
        prepared = load_result(_inside(folder, index["prepare"]))
        failures = [
            {"name": str(one["name"]), "error": str(one["error"])} for one in index["failures"]
        ]
        study_hash = str(index["study_hash"])
    except (KeyError, TypeError):
        raise RunError(f"{folder / 'run.json'} is damaged; run the study again.") from None
    # Read with its bounds before it is read as it is.
    study = read_keys(folder / "study.yaml")
    return RunFolder(
        folder=folder,
        study=study,
        study_text=(folder / "study.yaml").read_text(encoding="utf-8"),
        study_hash=study_hash,
        environment=read_json(folder / "environment.json"),
        prepared=prepared,
        trained=[result for result in stages if result.stage == TRAIN],
        evaluated=[result for result in stages if result.stage == EVALUATE],
        forgotten=[result for result in stages if result.stage == FORGETTING],
        trained_otherwise=[result for result in stages if result.stage == TRAIN_WORDING],
        asked_otherwise=[result for result in stages if result.stage == EVALUATE_WORDING],
        tokenized=[result for result in stages if result.stage == "tokenize"],
        failures=failures,
        generated=[result for result in stages if result.stage == "generate"],
        measured=[result for result in stages if result.stage == "facts"],
        budget_trainings=[result for result in stages if result.stage == BUDGET],
        budget_plan=index.get("budget"),
        reviewed=[result for result in stages if result.stage == "review"],
        claims_before=index.get("claims_before"),
        stopped=index.get("stopped", {}),
    )


def predictions(result: Result) -> "pd.DataFrame":
    """The rows that a model answered: row, text, truth, predicted, answer, reason."""
    return read_table(stage_file(result, "predictions.parquet"))


def validation_table(result: Result) -> "pd.DataFrame":
    """The probabilities that a classifier gave to the validation rows: row, truth, probabilities.

    Raises:
        RunError: the file was changed or is missing.
    """
    return read_table(stage_file(result, VALIDATION))


def slices_of(run: RunFolder) -> dict[str, list[str]]:
    """The part of each test row in each slice of the study, by the slice's name."""
    if not (run.study.get("data") or {}).get("slices"):
        return {}
    table = read_table(stage_file(run.prepared, SLICES))
    return {str(name): [str(part) for part in table[name]] for name in table.columns}


def token_counts(run: RunFolder, language: str) -> dict[str, list[float]]:
    """Tokens of each sentence of a language, by tokenizer, in the order of the sentences."""
    return {
        str(result.values["tokenizer"]): list(
            map(float, read_table(stage_file(result, "tokens.parquet"))["tokens"])
        )
        for result in run.tokenized
        if result.values.get("language") == language
    }


def history(result: Result) -> "pd.DataFrame":
    """The losses of a training: step, epoch, split, loss, perplexity, learning_rate."""
    return read_table(stage_file(result, "history.parquet"))


def _inside(folder: Path, name: str) -> Path:
    """A path of the index, which must stay within the run folder, as what lies in it must.

    Raises:
        UsageError: it does not.
    """
    path = within(folder, folder / str(name))
    if is_folder(path):
        check_links(path)
    return path
