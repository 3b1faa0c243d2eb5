"""Evaluate models and adapters on one labelled file, outside any study."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from tunelab.bounded_files import is_file
from tunelab.config import Evaluation, Prompt
from tunelab.data.columns import to_examples
from tunelab.data.examples import Example
from tunelab.data.readers import read_rows
from tunelab.data.sampling import draw_shots
from tunelab.errors import UsageError
from tunelab.evaluation.claims import compare_rows
from tunelab.evaluation.corrections import holm
from tunelab.evaluation.measuring import answered
from tunelab.evaluation.predictions import Predictions, read_models
from tunelab.models.loading import load, load_tokenizer
from tunelab.prompts.conversation import read_format
from tunelab.prompts.encoding import Encoder
from tunelab.results import read_table
from tunelab.study.adapters import open_adapter, read_record
from tunelab.study.answer_room import check_encoder, check_model, check_parsing
from tunelab.study.answered import ask_rows, measured
from tunelab.study.asking import encoder_for

METRICS = ("accuracy", "f1_macro")


def read_labelled(path: Path, *, text: str, label: str) -> list[Example]:
    """The rows of a labelled file, without the blank ones.

    Raises:
        UsageError: a row cannot be used, or none is left.
    """
    rows = to_examples(read_rows(path), text=text, label=label, where=path.name)
    kept = [row for row in rows if row.text.strip()]
    if not kept:
        raise UsageError(f"{path} holds no text.")
    return kept


def evaluate_file(
    rows: Sequence[Example],
    *,
    models: Sequence[str],
    adapters: Sequence[Path],
    prompt: Prompt,
    evaluation: Evaluation,
    device: str,
    dtype: str,
    seed: int = 42,
    shown: Sequence[Example] = (),
) -> tuple[list[dict[str, Any]], dict[str, Predictions]]:
    """Ask each model, with ``prompt``, and each adapter, with its own prompt, for every row.

    With ``evaluation.shots``, models are shown that many of the rows ``shown``. Returns a
    dictionary for each, with all metrics and how it differs from each after it, and the
    predictions by name.

    Raises:
        UsageError: the file holds a label that an adapter was not trained on.
        RunError: a model or an adapter cannot be loaded.
    """
    found: dict[str, Predictions] = {}
    abouts: dict[str, dict[str, Any]] = {}
    shots = [(row.text, row.label) for row in draw_shots(shown, evaluation.shots, seed=seed)]
    labels = sorted({row.label for row in [*rows, *shown]})
    check_parsing(labels)
    if evaluation.max_new_tokens is not None:
        _check_limits(labels, models, adapters, prompt, evaluation)
    for name, model, encoder in _opened(labels, models, adapters, prompt, shots, device, dtype):
        key = name if name not in found else f"{name}-{len(found) + 1}"
        found[key], abouts[key] = ask_rows(model, encoder, rows, evaluation, title=name)
    return _compared(found, abouts, evaluation, seed), found


def evaluate_stored(path: Path, *, evaluation: Evaluation, seed: int = 42) -> list[dict[str, Any]]:
    """Measure the predictions of a ``predictions.parquet`` again, without loading a model.

    Raises:
        UsageError: it holds no predictions.
    """
    found = read_models(read_table(path), path.name)
    if not found:
        raise UsageError(f"{path} holds no rows.")
    return _compared(found, {}, evaluation, seed)


def is_stored(path: Path) -> bool:
    """Whether a file holds predictions that a run stored."""
    import pyarrow.parquet as pq
    from pyarrow.lib import ArrowException

    if path.suffix != ".parquet" or not is_file(path):
        return False
    try:
        names = set(pq.read_schema(path).names)
    except (OSError, ArrowException):
        return False
    return {"truth", "labels", "answer", "logprobs"} <= names


def _check_limits(
    labels: Sequence[str],
    models: Sequence[str],
    adapters: Sequence[Path],
    prompt: Prompt,
    evaluation: Evaluation,
) -> None:
    """Refuse a limit that is too small for a label of any of them, before one is asked."""
    for name in models:
        check_model(load_tokenizer(name), prompt, labels, evaluation, name=name)
    for folder in adapters:
        record = read_record(folder)
        tokenizer, format = load_tokenizer(str(record["model"])), read_format(record["prompt"])
        if format.style == "chat":
            tokenizer.chat_template = format.template
        check_encoder(Encoder(tokenizer, format), evaluation, name=str(folder))


def _opened(
    labels: Sequence[str],
    models: Sequence[str],
    adapters: Sequence[Path],
    prompt: Prompt,
    shots: Sequence[tuple[str, str]],
    device: str,
    dtype: str,
) -> Iterator[tuple[str, Any, Any]]:
    """Each name with its model and encoder, loaded one after the other."""
    for name in models:
        loaded = load(name, device=device, dtype=dtype)
        yield name, loaded.model, encoder_for(loaded.tokenizer, loaded.model, prompt, labels, shots)
    for folder in adapters:
        opened = open_adapter(folder, device=device, dtype=dtype)
        strange = [label for label in labels if label not in opened.encoder.format.labels]
        if strange:
            raise UsageError(
                f"the label {strange[0]!r} of the file is none of the adapter's: "
                f"{', '.join(opened.encoder.format.labels)}."
            )
        yield opened.name, opened.model, opened.encoder


def _compared(
    found: Mapping[str, Predictions],
    abouts: Mapping[str, dict[str, Any]],
    evaluation: Evaluation,
    seed: int,
) -> list[dict[str, Any]]:
    results = []
    for name, predictions in found.items():
        values = measured(predictions, evaluation, seed=seed)
        first = values["generated"] or {}
        results.append(
            {
                "name": name,
                **values,
                "unparsed_reasons": first.get("unparsed_reasons", {}),
                **abouts.get(name, {}),
                "comparisons": [],
            }
        )
    sides = [answered(found[result["name"]], result) for result in results]
    pairs = []
    for left, right in combinations(range(len(results)), 2):
        if sides[left].truth != sides[right].truth:
            continue
        for metric in METRICS:
            difference = compare_rows(
                metric, [sides[left]], [sides[right]], 0.0, seed, evaluation.resamples
            )
            pairs.append((left, right, metric, difference))
    for (left, right, metric, difference), corrected in zip(
        pairs, holm([pair[3].p_value for pair in pairs]), strict=True
    ):
        results[left]["comparisons"].append(
            {
                "right": results[right]["name"],
                "metric": metric,
                **difference.to_dict(),
                "p_corrected": corrected,
            }
        )
    return results
