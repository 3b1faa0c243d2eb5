"""Evaluate models and adapters on one labelled file, outside any study."""

import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from tunelab.classifiers.answer_room import check_model, check_parsing
from tunelab.classifiers.answered import ask_rows, measured
from tunelab.classifiers.asking import encoder_for
from tunelab.classifiers.contract import Fitted
from tunelab.classifiers.language_model import LanguageModel
from tunelab.classifiers.stored import check_evaluation, labels_of, open_classifier
from tunelab.config import Evaluation, Prompt
from tunelab.data.columns import to_examples
from tunelab.data.examples import Example
from tunelab.data.loading_notes import LoadingNotes
from tunelab.data.readers import read_rows
from tunelab.data.sampling import draw_shots
from tunelab.data.text_identity import identity
from tunelab.errors import UsageError
from tunelab.evaluation.comparisons import compare_pairs
from tunelab.evaluation.measuring import answered
from tunelab.evaluation.metrics import Resampling, all_metrics
from tunelab.evaluation.predictions import Predictions, read_models
from tunelab.evaluation.shared_rows import OTHER_LABELS
from tunelab.guards.bounded_files import is_file
from tunelab.models.loading import load, load_tokenizer
from tunelab.runs.results import read_table
from tunelab.serving.label_choice import (
    LabelChoice,
    choice_of,
    counted,
    labels_for_models,
    listed,
    near,
    same_numbers,
)

_log = logging.getLogger(__name__)


def read_labelled(path: Path, *, text: str, label: str) -> list[Example]:
    """The rows of a labelled file, without the blank ones.

    Raises:
        UsageError: a row cannot be used, or none is left.
    """
    notes = LoadingNotes()
    rows = to_examples(
        read_rows(path, notes=notes), text=text, label=label, where=path.name, notes=notes
    )
    for sentence in (*notes.sentences, *notes.merged()):
        _log.warning(sentence)
    kept = [row for row in rows if identity(row.text)]
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
    labels: Sequence[str] | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Predictions]]:
    """Ask each model, with ``prompt``, and each adapter, with its own prompt, for every row.

    An adapter answers with the labels of its training, whatever labels the file has; models with
    ``labels``, else with those of the adapters, else with those of the file. A row whose label is
    none of these counts as wrong. With ``evaluation.shots``, models are shown that many of the
    rows ``shown``. Returns a dictionary for each, with all metrics, its labels and how it differs
    from each after it, and the predictions by name.

    Raises:
        UsageError: no row has a label that an adapter or a model could answer, or there is only
            one possible answer.
        RunError: a model or an adapter cannot be loaded.
    """
    known = [
        *(labels or ()),
        *(label for folder in adapters for label in labels_of(folder)),
    ]
    rows, shown = same_numbers(rows, known), same_numbers(shown, known)
    asked = _asked(rows, models=models, adapters=adapters, labels=labels, shown=shown)
    found: dict[str, Predictions] = {}
    abouts: dict[str, dict[str, Any]] = {}
    shots = [(row.text, row.label) for row in draw_shots(shown, evaluation.shots, seed=seed)]
    for choice in asked.values():
        check_parsing(choice.labels)
    if evaluation.max_new_tokens is not None:
        _check_limits(asked, models, adapters, prompt, evaluation)
    choices = list(asked.values())
    opened = _opened(models, adapters, choices, prompt, shots, device, dtype, evaluation)
    for (key, choice), classifier in zip(asked.items(), opened, strict=True):
        found[key], abouts[key] = _ask(classifier, rows, title=key, choice=choice)
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
    choices: Mapping[str, LabelChoice],
    models: Sequence[str],
    adapters: Sequence[Path],
    prompt: Prompt,
    evaluation: Evaluation,
) -> None:
    """Refuse a limit that is too small for a label of any of them, before one is asked."""
    for name, choice in zip(models, choices.values(), strict=False):
        check_model(load_tokenizer(name), prompt, choice.labels, evaluation, name=name)
    for folder in adapters:
        check_evaluation(folder, evaluation)


def notes(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sentences on the labels that results are about, where a reader could take them for others."""
    said: dict[str, list[str]] = {}
    for result in results:
        for sentence in _about_labels(result):
            said.setdefault(sentence, []).append(str(result["name"]))
    sentences = [f"{' and '.join(names)}: {sentence}" for sentence, names in said.items()]
    for result in results:
        for entry in result["comparisons"]:
            if entry["reason"] == OTHER_LABELS and entry["metric"] == _headlines()[0]:
                sentences.append(
                    f"{result['name']} and {entry['right']} choose among different labels, so "
                    "they are not compared."
                )
    return sentences


def _about_labels(result: Mapping[str, Any]) -> Iterator[str]:
    labels, over = result["possible_labels"], result["f1_macro_labels"]
    source = f" ({result['labels_from']})" if result["labels_from"] else ""
    yield f"the possible answers are {listed(labels)}{source}."
    unknown, absent = result["unknown_labels"], result["absent_labels"]
    if unknown:
        number = sum(unknown.values())
        yield (
            f"{counted(unknown)} cannot be answered; "
            f"{'this row counts' if number == 1 else f'these {number} rows count'} as wrong. "
            f"{near(unknown, labels) or ''}"
        ).strip()
    if absent:
        which = "this label" if len(absent) == 1 else "one of these labels"
        yield f"no row of the file has {which}, which can still be answered: {listed(absent)}."
    if len(absent) == len(labels) - 1 and not unknown:
        yield "all rows have one label, so the scores do not say how well the labels are separated."
    if len(over) < len(labels) + len(unknown):
        yield (
            f"macro-F1 is the mean over {len(over)} of {len(labels) + len(unknown)} labels, those "
            f"that a row has or that were answered: {listed(over)}."
        )


def _asked(
    rows: Sequence[Example],
    *,
    models: Sequence[str],
    adapters: Sequence[Path],
    labels: Sequence[str] | None,
    shown: Sequence[Example],
) -> dict[str, LabelChoice]:
    """The name of each model and adapter, in the order in which they are asked, and its labels."""
    own = [labels_of(folder) for folder in adapters]
    names = _different([*models, *(folder.name or str(folder) for folder in adapters)])
    tuned = dict(zip(names[len(models) :], own, strict=True))
    found: dict[str, LabelChoice] = {}
    if models:
        common, source = labels_for_models(labels, tuned, rows, shown)
        for name in names[: len(models)]:
            found[name] = choice_of(common, source, rows, who=name)
    for name, its in tuned.items():
        found[name] = choice_of(its, "those of its training", rows, who=name)
    return found


def _different(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        found.append(name if name not in found else f"{name}-{len(found) + 1}")
    return found


def _opened(
    models: Sequence[str],
    adapters: Sequence[Path],
    choices: Sequence[LabelChoice],
    prompt: Prompt,
    shots: Sequence[tuple[str, str]],
    device: str,
    dtype: str,
    evaluation: Evaluation,
) -> Iterator[Fitted]:
    """Each model and classifier, loaded one after the other."""
    for name, choice in zip(models, choices, strict=False):
        loaded = load(name, device=device, dtype=dtype)
        encoder = encoder_for(loaded.tokenizer, loaded.model, prompt, choice.labels, shots)
        yield LanguageModel(name, loaded, loaded.model, encoder, evaluation)
    for folder in adapters:
        yield open_classifier(folder, device=device, dtype=dtype, evaluation=evaluation)


def _ask(
    classifier: Fitted, rows: Sequence[Example], *, title: str, choice: LabelChoice
) -> tuple[Predictions, dict[str, Any]]:
    """What a classifier answers to all rows, also to those whose label it cannot know."""
    labels = classifier.labels
    # Such a row is asked as any other, and held against its own label afterwards.
    known = [row if row.label in labels else replace(row, label=labels[0]) for row in rows]
    predictions, about = ask_rows(classifier, known, title=title)
    truth = tuple(row.label for row in rows)
    about |= {"labels_from": choice.source, "possible_labels": list(labels)}
    return _with_truth(predictions, truth, tuple(choice.unknown)), about


def _with_truth(
    predictions: Predictions, truth: tuple[str, ...], unknown: tuple[str, ...]
) -> Predictions:
    """The predictions held against ``truth``, whose ``unknown`` labels have no probability."""
    likelihoods, given = predictions.likelihoods, predictions.given
    if given is not None and given.probabilities is not None:
        none = (0.0,) * len(unknown)
        given = replace(given, probabilities=tuple((*row, *none) for row in given.probabilities))
    if likelihoods is not None:
        more = len(unknown)
        likelihoods = replace(
            likelihoods,
            logprobs=tuple((*row, *[-math.inf] * more) for row in likelihoods.logprobs),
            empty=(*likelihoods.empty, *[0.0] * more),
            tokens=(*likelihoods.tokens, *[1] * more),
            forced=tuple(
                right and label not in unknown
                for right, label in zip(likelihoods.forced, truth, strict=True)
            ),
        )
    return replace(
        predictions,
        labels=(*predictions.labels, *unknown),
        truth=truth,
        likelihoods=likelihoods,
        given=given,
    )


def _possible(predictions: Predictions) -> list[str]:
    """The labels that could be answered: all but those that had no probability in any row."""
    if predictions.likelihoods is None:
        return list(predictions.labels)
    columns = zip(*predictions.likelihoods.logprobs, strict=True)
    return [
        label
        for label, column in zip(predictions.labels, columns, strict=True)
        if any(value > -math.inf for value in column)
    ]


def _labels_of(predictions: Predictions, about: Mapping[str, Any]) -> dict[str, Any]:
    """Which labels a result is about."""
    possible = about.get("possible_labels") or _possible(predictions)
    counts = Counter(predictions.truth)
    return {
        "labels_from": about.get("labels_from"),
        "possible_labels": possible,
        "unknown_labels": {
            label: counts[label] for label in predictions.labels if label not in possible
        },
        "absent_labels": [label for label in possible if label not in counts],
    }


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
                **_labels_of(predictions, abouts.get(name, {})),
                "f1_macro_labels": [
                    entry["label"]
                    for entry in values["scores"]["classes"]
                    if entry["f1"] is not None
                ],
                "unparsed_reasons": first.get("unparsed_reasons", {}),
                **abouts.get(name, {}),
                "comparisons": [],
            }
        )
    by_name = {str(result["name"]): result for result in results}
    sides = {name: [answered(found[name], result)] for name, result in by_name.items()}
    pairs = [
        (left, right, metric)
        for left, right in combinations(by_name, 2)
        if sides[left][0].truth == sides[right][0].truth
        for metric in _headlines()
    ]

    def not_comparable(left: str, right: str) -> str | None:
        return None if _same_labels(by_name[left], by_name[right]) else OTHER_LABELS

    resampling = Resampling(seed, evaluation.resamples)
    for one in compare_pairs(sides, pairs, resampling, not_comparable=not_comparable):
        by_name[one.left]["comparisons"].append(
            {
                "right": one.right,
                "metric": one.metric,
                **one.difference.to_dict(),
                "p_corrected": one.p_corrected,
            }
        )
    return results


def _headlines() -> list[str]:
    return [name for name, metric in all_metrics().items() if metric.headline]


def _same_labels(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return set(left["possible_labels"]) == set(right["possible_labels"])
