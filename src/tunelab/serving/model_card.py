"""The model card beside an adapter: what it is, how to use it, and what was measured.

It is a README.md in the form that the Hugging Face Hub reads: metadata in YAML, then Markdown. All
of it is computed from the records of a run; nothing is loaded and nothing is sent anywhere.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunelab import __version__
from tunelab.classifiers.adapters import has_head
from tunelab.config import Study
from tunelab.data.examples import SPLITS
from tunelab.data.sources import source_kind
from tunelab.errors import UsageError
from tunelab.evaluation.collapse import collapse_of
from tunelab.evaluation.decisions import Decision
from tunelab.evaluation.measuring import recorded
from tunelab.evaluation.metrics import Metric, all_metrics
from tunelab.evaluation.metrics.training_time import time_doubt
from tunelab.evaluation.origins import lineage_of
from tunelab.evaluation.review.record import Reviews
from tunelab.evaluation.sides import reads_prompts
from tunelab.evaluation.statistics.few_rows import FEW_ROWS, macro_labels
from tunelab.evaluation.verdicts import Verdicts
from tunelab.methods.contract import find_method
from tunelab.models.catalog import ModelCard, find
from tunelab.models.kinds import HEAD_FILE
from tunelab.models.lineage import other_origin, short_model_name
from tunelab.numbers import (
    UNDEFINED,
    Unit,
    count,
    counted,
    duration,
    interval,
    number,
    share,
    with_unit,
)
from tunelab.runs.results import Result
from tunelab.serving.card_verdicts import decision_on, review_on, verdicts_on
from tunelab.serving.inert_markdown import Markdown, fill, inert, one_line, plain_name

_LICENCES = {
    "Apache-2.0": "apache-2.0",
    "MIT": "mit",
    "Gemma Terms of Use": "gemma",
    "Llama 3.2 Community License": "llama3.2",
}
# The language of the data sets that tunelab's presets name; of others it is not known.
_LANGUAGES = {"starter": "en", "dair-ai/emotion": "en"}


def make_card(
    study: Study,
    prepared: Result,
    trained: Result,
    evaluated: Sequence[Result],
    *,
    facts: Sequence[tuple[str, str]] = (),
    environment: Mapping[str, Any],
    record: Mapping[str, Any],
    verdicts: Verdicts | None = None,
    decision: Decision | None = None,
    reviews: Reviews | None = None,
) -> str:
    """The card of one adapter, as text.

    ``evaluated`` are the models of the study; the one that has the adapter's name comes first.
    ``record`` is the adapter's ``tunelab.json``.
    """
    own = [result for result in evaluated if result.name == trained.name]
    names = {trained.name, *(str(result.values.get("group") or result.name) for result in own)}
    others = [result for result in evaluated if result.name != trained.name]
    prompt, values = record["prompt"], trained.values
    card = find_card(str(values["model"]))
    body = fill(
        "model_card.md.j2",
        {
            "head": has_head(record),
            "title": f"{plain_name(study.name)}: {trained.name}",
            "summary": _summary(study, prepared, card, str(values["method"])),
            "base": base_in_words(card),
            "method": values["method"],
            "method_summary": method_summary(str(values["method"])),
            "trainable": count(values["trainable_parameters"]),
            "total": count(values["total_parameters"]),
            "share": _share(values["trainable_parameters"], values["total_parameters"]),
            "labels": label_list(prompt["labels"]),
            "licence": card.licence,
            "data_licence": prepared.values["licence"],
            "version": __version__,
            "prompt_hash": Markdown(f"`{str(prompt['hash'])[:16]}`"),
            "system": str(prompt["system"]).splitlines(),
            "style": prompt["style"],
            "max_length": prompt["max_length"],
            "usage": Markdown(adapter_usage(trained.name, str(values["method"]), card, record)),
            "origin": str(prepared.values["origin"]).rstrip("."),
            "study_seed": study.seed,
            "counts": label_rows(prepared),
            "totals": {
                split: count(sum(prepared.values["counts"]["sample"][split].values()))
                for split in SPLITS
            },
            "checks": data_checks(prepared),
            "data_hash": Markdown(f"`{str(prepared.values['content_hash'])[:16]}`"),
            "settings": _settings(study, trained),
            "rows": own[0].values["scores"]["rows"] if own else None,
            "titles": [metric.title for metric in headlines()],
            "all_scores": [score for result in own for score in all_score_rows(result)],
            "scores": [score_row(result) for result in (*own, *others)] if own else [],
            "verdicts": verdicts_on(names, verdicts) if verdicts is not None else None,
            "decision": decision_on(names, decision),
            "review": review_on(trained.name, reviews),
            "others": _others(trained, others),
            "limits": _limits(study, trained, own, prompt),
            "facts": facts,
            "hardware": hardware(environment, values),
            "software": _software(environment),
            "disclosure": study.disclosure.strip() or "Nothing was disclosed.",
        },
    )
    return metadata(study, prepared, trained, own, head=has_head(record)) + body


def metadata(
    study: Study, prepared: Result, trained: Result, own: Sequence[Result], *, head: bool
) -> str:
    """The YAML block of a card. Every value from data is a quoted string on one line."""
    from huggingface_hub import EvalResult, ModelCardData

    card, method = find_card(str(trained.values["model"])), str(trained.values["method"])
    data_set = study.data.source.partition(":")[0]
    on_hub = source_kind(study.data.source) == "hub"
    name = plain_name(data_set if on_hub else prepared.values["origin"]).partition(". ")[0]
    results = [
        EvalResult(
            task_type="text-classification",
            dataset_type=data_set if on_hub else "tunelab",
            dataset_name=name,
            dataset_split="test",
            dataset_revision=str(prepared.values["content_hash"])[:16],
            metric_type=metric.hub_type,
            metric_value=round(float(found["value"]), 4),
            metric_name=f"{metric.title[:1].upper()}{metric.title[1:]}, "
            f"{_in_words(found, result.values['scores']['rows'])}",
        )
        for result in own
        for metric in headlines()
        if metric.hub_type
        and (found := recorded(result.values).get(metric.id, {})).get("value") is not None
    ]
    language = _LANGUAGES.get(data_set)
    data = ModelCardData(
        base_model=base_model(card),
        library_name="peft" if _is_adapter(method) else "transformers",
        language=language,
        datasets=[data_set] if on_hub else None,
        metrics=[metric.hub_type for metric in headlines() if metric.hub_type],
        pipeline_tag="text-classification" if head else "text-generation",
        tags=["tunelab", "text-classification", method],
        model_name=f"{plain_name(study.name)}-{trained.name}",
        eval_results=results or None,
        **licence_keys(card),
    )
    return f"---\n{data.to_yaml()}\n---\n"


def licence_keys(card: ModelCard) -> dict[str, str]:
    """The licence in the Hub's words."""
    known = _LICENCES.get(card.licence)
    if known:
        return {"license": known}
    keys = {"license": "other", "license_name": plain_name(card.licence).lower()}
    return keys | ({"license_link": card.licence_url} if card.licence_url else {})


def find_card(name: str) -> ModelCard:
    """The card of a base model. A folder that has gone since the training is still a folder."""
    try:
        return find(name)
    except UsageError:
        return ModelCard(name=name, kind="folder", source="folder", licence="unknown")


def base_model(card: ModelCard) -> str | None:
    """The repository on the Hub that a base model was published in, if it was."""
    return card.published or (card.location if card.source == "hub" else None)


def base_in_words(card: ModelCard) -> str:
    """A base model by its published name; of a local folder only the last part of the path."""
    if card.source == "folder":
        return f"a model in a local folder ({Path(card.name).name})"
    named = f"{card.name} ({card.published})" if card.published else card.name
    return card.location or named


def method_summary(method: str) -> str:
    """The first sentence that the method's own file says of it."""
    first = find_method(method).explanation.strip().splitlines()[0].rstrip(".")
    return first.partition(": ")[2] or first


def _is_adapter(method: str) -> bool:
    """Whether what was saved needs PEFT and the base model, and is no whole model itself."""
    return find_method(method).adapter is not None


def adapter_usage(name: str, method: str, card: ModelCard, record: Mapping[str, Any]) -> str:
    """The section that says how to use an adapter, in Markdown."""
    return fill(
        "adapter_usage.md.j2",
        {
            "folder": Markdown(f"adapters/{name}"),
            "library": "PEFT" if _is_adapter(method) else "transformers",
            "method": method,
            "style": record["prompt"]["style"],
            "head": Markdown(HEAD_FILE) if has_head(record) else None,
            "base_hint": Markdown(_base_hint(card)),
            "merging": Markdown(_merging(name, method, record)),
        },
    )


def _merging(name: str, method: str, record: Mapping[str, Any]) -> str:
    if has_head(record):
        return (
            f"A head writes no words; `tunelab export adapters/{name} OUT --format onnx` writes "
            "the model with it as one graph that needs neither PEFT nor the base model."
        )
    if find_method(method).merge is None:
        return (
            f"{inert(method)} cannot be merged into the weights, so that the adapter is needed "
            "wherever the model runs."
        )
    return (
        f"`tunelab export adapters/{name} OUT` writes a plain transformers folder that needs "
        "neither PEFT nor the base model, and with `--format gguf` a file for llama.cpp and Ollama."
    )


def _base_hint(card: ModelCard) -> str:
    if card.source == "folder":
        return "it must be the one that the adapter was trained on"
    if card.source == "hub":
        return f"`{card.location}` does as well, once it is in the Hub's cache"
    fetch = f"from tunelab.models import catalog, loading; f = catalog.find('{card.name}')"
    return (
        "tunelab keeps it converted, and this names the folder: "
        f'`python -c "{fetch}; print(loading.fetch(f))"`'
    )


def _summary(study: Study, prepared: Result, card: ModelCard, method: str) -> str:
    labels = len(prepared.values["labels"])
    kind = "An adapter" if _is_adapter(method) else "The weights"
    return (
        f"{kind} that makes {base_in_words(card)} answer with one of {labels} labels for a text, "
        f"trained in the study {plain_name(study.name)}."
    )


def label_list(labels: Sequence[str]) -> Markdown:
    """Labels as code, between commas."""
    return Markdown(", ".join(inert(label) for label in labels))


def label_rows(prepared: Result) -> list[dict[str, Any]]:
    """The rows of each label in each split."""
    sample = prepared.values["counts"]["sample"]
    return [
        {"label": label, **{split: count(sample[split].get(label, 0)) for split in SPLITS}}
        for label in prepared.values["labels"]
    ]


def data_checks(prepared: Result) -> str:
    """What was found and left out of the data, in a sentence."""
    checks, dropped = prepared.values["checks"], prepared.values["dropped"]
    shared = sum(checks["shared"].values())
    left_out = sum(sum(counts.values()) for counts in dropped.values())
    return (
        f"Before anything was left out, the data had {sum(checks['repeated'].values())} repeated "
        f"texts, {checks['conflicting']} texts with two labels and {shared} that a later split "
        f"shares with training; {left_out} faulty rows were left out."
    )


def _settings(study: Study, trained: Result) -> list[tuple[str, Any]]:
    values, training = trained.values, study.training
    batch = (
        f"at most {training.batch_tokens} tokens"
        if training.batch_tokens
        else f"{training.batch_size} rows"
    )
    if training.gradient_accumulation > 1:
        batch += f", {training.gradient_accumulation} of them in a step"
    stopping = training.early_stopping
    return [
        *((name, setting(value)) for name, value in values["settings"].items()),
        ("learning rate", values["learning_rate"]),
        ("schedule", f"{training.scheduler}, warm-up {training.warmup}"),
        ("epochs", training.epochs),
        ("batch", batch),
        ("steps", f"{values['steps']} of {values['planned_steps']} planned"),
        ("weights kept", _best(values)),
        (
            "early stopping",
            f"{stopping.metric}, patience {stopping.patience}" if stopping else "none",
        ),
        ("weight decay", training.weight_decay),
        ("gradient norm", f"at most {training.max_grad_norm}"),
        ("precision", values["precision"]),
        ("seed", values["seed"]),
    ]


def setting(value: Any) -> str:
    """The value of a setting for a table."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _best(values: Mapping[str, Any]) -> str:
    if values["best_loss"] is None:
        return "the last ones"
    return f"those of step {values['best_step']}, validation loss {number(values['best_loss'])}"


def headlines() -> list[Metric]:
    """The metrics of the first tables."""
    return [metric for metric in all_metrics().values() if metric.headline]


def score_row(result: Result) -> dict[str, Any]:
    """The headline metrics of a classifier, with intervals."""
    found = recorded(result.values)
    return {
        "name": result.name,
        "headlines": [
            _interval(found[metric.id], metric.unit) if metric.id in found else UNDEFINED
            for metric in headlines()
        ],
        "unparsed": result.values["scores"]["unparsed"],
    }


def all_score_rows(result: Result) -> list[tuple[str, str, str]]:
    """Each metric's title, its value with interval, and what it measures."""
    found = recorded(result.values)
    return [
        (metric.title, _interval(found[name], metric.unit), metric.description)
        for name, metric in all_metrics().items()
        if name in found
    ]


def _interval(estimate: Mapping[str, Any], unit: Unit) -> str:
    if estimate["value"] is None:
        return f"undefined ({estimate['reason']})"
    shown = " ".join(filter(None, (estimate.get("bound"), with_unit(estimate["value"], unit))))
    if estimate["low"] is None:
        return shown
    return f"{shown} ({interval(estimate['low'], estimate['high'], unit)})"


def _in_words(estimate: Mapping[str, Any], rows: int) -> str:
    counted_rows = counted(rows, "row")
    if estimate["low"] is None:
        return f"no interval, {counted_rows}"
    return f"95 % interval {interval(estimate['low'], estimate['high'])}, {counted_rows}"


def _limits(
    study: Study, trained: Result, own: Sequence[Result], prompt: Mapping[str, Any]
) -> list[str]:
    limits = [
        f"It knows the {len(prompt['labels'])} labels above and answers with one of them for any "
        "text, also where none fits.",
        "The scores hold for texts like those of the data above; on other texts they may be far "
        "lower.",
        "It can repeat the mistakes and prejudices of its base model and of the labels.",
    ]
    if len(study.training.seeds) == 1:
        limits.append(
            "It was trained with one seed: the intervals cover the choice of the test rows, and "
            "not the chance in training."
        )
    for result in own:
        scores, cut = result.values["scores"], result.values["texts_cut"]
        rows = counted(scores["rows"], "row")
        for way in ("generated", "scored"):
            collapse = collapse_of((result.values.get(way) or {}).get("scores") or scores)
            if collapse is not None:
                limits.append(collapse.sentence("It"))
                break
        if scores["rows"] < 400:
            few = " only" if scores["rows"] < FEW_ROWS else ""
            limits.append(f"The test had{few} {rows}, so that the intervals are wide.")
        absent = macro_labels([(one["label"], one["support"]) for one in scores["classes"]])
        if absent:
            limits.append(f"Macro-F1 counts all labels alike, but {absent}.")
        if scores["unparsed"]:
            answers = counted(scores["rows"], "answer")
            limits.append(f"{scores['unparsed']:,} of {answers} named no label.")
        if cut:
            texts = counted(scores["rows"], "test text")
            limits.append(f"{cut:,} of {texts} were cut at their end.")
    if trained.values["lengths"]["share_cut"]:
        limits.append(
            f"{share(trained.values['lengths']['share_cut'])} of the training texts were cut."
        )
    return limits


def hardware(environment: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Where it was trained, and in what time."""
    device = environment["device"]
    memory = device.get("device_memory") or device["memory"]
    name = one_line(device["name"] or device["device"])
    threads = f", {device['threads']} threads" if device["device"] == "cpu" else ""
    return (
        f"Trained on {name} ({memory / 2**30:.0f} GiB of memory{threads}) in "
        f"{duration(values.get('seconds'))}{_timed(values)}. The energy was not measured."
    )


def _timed(values: Mapping[str, Any]) -> str:
    doubt = time_doubt(values)
    return f" ({doubt})" if doubt else ""


def _software(environment: Mapping[str, Any]) -> str:
    named = ("torch", "transformers", "peft", "tokenizers")
    packages = ", ".join(f"{name} {environment['packages'][name]}" for name in named)
    return f"tunelab {environment['tunelab']}, Python {environment['python']}, {packages}."


def _share(part: int, whole: int) -> str:
    return share(part / whole)


def _others(trained: Result, others: Sequence[Result]) -> list[str]:
    """What to know of the models that the adapter's scores stand beside."""
    sentences = []
    for result in filter(reads_prompts, others):
        name = str(result.values["model"])
        if other_origin(lineage_of(trained), lineage_of(result)):
            sentences.append(
                f"{result.name} is {short_model_name(name)}, of another family or size than the "
                "model that was trained here, so that the difference is not that of fine-tuning "
                "alone."
            )
        collapse = collapse_of(result.values["scores"])
        if collapse is not None:
            sentences.append(collapse.sentence(result.name))
    return sentences
