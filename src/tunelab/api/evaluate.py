"""Evaluate models and fine-tuned classifiers on a labelled file, all on the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.api.tables import as_html, as_text, frame
from tunelab.errors import UsageError
from tunelab.guards.bounded_files import home_path, is_file
from tunelab.library_warnings import hide_library_warnings
from tunelab.runs.results import ADAPTER_RECORD

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class EvaluationResult:
    """What :func:`evaluate` found.

    ``scores``: a row for each model, with 95 % intervals. ``comparisons``: a row for each two
    models and metric, left minus right on the same rows, with the interval and the p-value,
    which ``p_corrected`` has corrected over all rows of the table. ``predictions``: a row for
    each model and text. ``details``: all metrics of each model as plain values.
    """

    scores: "pd.DataFrame"
    comparisons: "pd.DataFrame"
    predictions: "pd.DataFrame"
    details: list[dict[str, Any]] = field(repr=False)

    def __repr__(self) -> str:
        """The scores as a table of text."""
        return as_text(self.scores)

    def _repr_html_(self) -> str:
        return as_html(self.scores)


def evaluate(
    models: str | Path | Sequence[str | Path] | None,
    file: "str | Path | pd.DataFrame",
    *,
    text: str = "text",
    label: str = "label",
    labels: Sequence[str] | None = None,
    examples: "str | Path | pd.DataFrame | None" = None,
    prompt: Mapping[str, Any] | None = None,
    device: str = "auto",
    precision: str = "auto",
    seed: int = 42,
    **settings: Any,
) -> EvaluationResult:
    """Ask models and fine-tuned classifiers for the label of every row, and compare them.

    ``models`` are names of models and folders of classifiers, such as
    ``runs/mine/adapters/lora``. ``file`` is JSONL, CSV, TSV or Parquet, a .txt file of
    text;label lines, or a data frame; ``text`` and ``label`` are its columns. Models are asked
    with ``prompt``, the keys of a study's section of that name, and choose among ``labels``, by
    default those of the classifiers, else those of the file; classifiers have their own of both.
    ``settings`` are the keys of a study's section evaluation, such as ``modes=["score"]``; with
    ``shots=4``, four rows of ``examples`` are shown to models. ``seed`` decides the bootstrap
    and these rows.

    With ``models=None``, ``file`` is the predictions.parquet of a run, which is measured again
    without loading a model.

    Raises:
        UsageError: a name, a setting, the file or a row of it cannot be used.
        RunError: a model cannot be loaded.
    """
    from tunelab.config import Evaluation, Prompt
    from tunelab.evaluation.predictions import read_models
    from tunelab.guards.validation import validated
    from tunelab.runs.results import read_table
    from tunelab.serving.evaluate import evaluate_file, evaluate_stored, is_stored

    asked = validated(Evaluation, settings)
    given = validated(Prompt, prompt or {}, prefix="prompt.")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise UsageError(f"seed is {seed!r}; it must be an integer from 0 to 4294967295.")
    if models is None:
        path = _path(file)
        if path is None or not is_stored(path):
            raise UsageError(
                "without models, give the predictions.parquet of a run; or name a model."
            )
        details = evaluate_stored(path, evaluation=asked, seed=seed)
        return _found(details, read_models(read_table(path), path.name), asked)
    names, folders = _split(models)
    if (examples is not None) != bool(asked.shots):
        raise UsageError("give examples and shots together: shots of the examples are shown.")
    from tunelab.models.device import pick_device, pick_dtype

    rows = _rows(file, text=text, label=label)
    shown = _rows(examples, text=text, label=label) if examples is not None else []
    chosen = pick_device(device)
    with hide_library_warnings():
        details, predictions = evaluate_file(
            rows,
            models=names,
            adapters=folders,
            prompt=given,
            evaluation=asked,
            device=chosen,
            dtype=pick_dtype(precision, chosen),
            seed=seed,
            shown=shown,
            labels=labels,
        )
    return _found(details, predictions, asked)


def _split(models: str | Path | Sequence[str | Path]) -> tuple[list[str], list[Path]]:
    """Names of models and folders of classifiers, each of which is looked up."""
    from tunelab.classifiers.stored import read_record
    from tunelab.models.kinds import find_language_model

    given = [models] if isinstance(models, str | Path) else list(models)
    if not given:
        raise UsageError("name at least one model, or a folder such as runs/mine/adapters/lora.")
    names, folders = [], []
    for one in given:
        folder = home_path(str(one))
        if is_file(folder / ADAPTER_RECORD):
            read_record(folder)
            folders.append(folder)
        else:
            find_language_model(str(one))
            names.append(str(one))
    return names, folders


def _path(file: Any) -> Path | None:
    return home_path(str(file)) if isinstance(file, str | Path) else None


def _rows(file: Any, *, text: str, label: str) -> list[Any]:
    """Labelled rows of a file or a data frame, without the blank ones."""
    from tunelab.data.columns import to_examples
    from tunelab.data.readers import check_data_file
    from tunelab.serving.evaluate import read_labelled

    path = _path(file)
    if path is not None:
        check_data_file(path)
        return read_labelled(path, text=text, label=label)
    if not hasattr(file, "to_dict"):
        raise UsageError("give a file or a data frame with a column of texts and one of labels.")
    records = file.to_dict("records")
    rows = to_examples(enumerate(records, start=1), text=text, label=label, where="the table")
    kept = [row for row in rows if row.text.strip()]
    if not kept:
        raise UsageError("the table holds no text.")
    return kept


def _found(
    details: list[dict[str, Any]], predictions: Mapping[str, Any], asked: Any
) -> EvaluationResult:
    import pandas as pd

    from tunelab.classifiers.answered import table_rows

    scores, comparisons, rows = [], [], []
    for one in details:
        row: dict[str, Any] = {"name": one["name"], "mode": one["mode"]}
        for metric, interval in one["intervals"].items():
            row[metric] = one["scores"].get(metric, interval["value"])
            row[f"{metric}_low"], row[f"{metric}_high"] = interval["low"], interval["high"]
        scores.append(row | {"unparsed": one["scores"]["unparsed"], "rows": one["scores"]["rows"]})
        comparisons += [
            {
                "left": one["name"],
                **{key: pair["value" if key == "difference" else key] for key in _COMPARED},
            }
            for pair in one["comparisons"]
        ]
        rows += [
            {"name": one["name"], **row}
            for row in table_rows(predictions[one["name"]], one["mode"], asked)
        ]
    return EvaluationResult(
        scores=frame(scores, ("name",)),
        comparisons=frame(comparisons, ("left", *_COMPARED)),
        predictions=pd.DataFrame(rows),
        details=details,
    )


_COMPARED = (
    *("right", "metric", "difference", "low", "high", "p_value", "p_corrected"),
    *("test", "rows", "rows_needed", "reason"),
)
