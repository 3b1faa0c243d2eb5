"""The model card beside an adapter: what it is, how to use it, and what was measured.

It is a README.md in the form that the Hugging Face Hub reads: metadata in YAML, then Markdown. All
of it is computed from the records of a run; nothing is loaded and nothing is sent anywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tunelab import __version__
from tunelab.classifiers.adapters import has_head
from tunelab.config import Study
from tunelab.data.examples import SPLITS
from tunelab.data.sources import source_kind
from tunelab.evaluation.decisions import Decision
from tunelab.evaluation.measuring import recorded
from tunelab.evaluation.review.record import Reviews
from tunelab.evaluation.verdicts import Verdicts
from tunelab.models.catalog import ModelCard
from tunelab.numbers import count, share
from tunelab.runs.results import Result
from tunelab.serving.adapter_usage import adapter_usage, is_adapter, method_summary
from tunelab.serving.base_models import base_in_words, base_model, find_card, licence_keys
from tunelab.serving.card_data import data_checks, label_list, label_rows
from tunelab.serving.card_limits import limits_of, remarks_on_others
from tunelab.serving.card_scores import all_score_rows, headlines, interval_in_words, score_row
from tunelab.serving.card_training import hardware, software, training_settings
from tunelab.serving.card_verdicts import decision_on, review_on, verdicts_on
from tunelab.serving.inert_markdown import Markdown, fill, plain_name

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
            "settings": training_settings(study, trained),
            "rows": own[0].values["scores"]["rows"] if own else None,
            "titles": [metric.title for metric in headlines()],
            "all_scores": [score for result in own for score in all_score_rows(result)],
            "scores": [score_row(result) for result in (*own, *others)] if own else [],
            "verdicts": verdicts_on(names, verdicts) if verdicts is not None else None,
            "decision": decision_on(names, decision),
            "review": review_on(trained.name, reviews),
            "others": remarks_on_others(trained, others),
            "limits": limits_of(study, trained, own, prompt),
            "facts": facts,
            "hardware": hardware(environment, values),
            "software": software(environment),
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
            f"{interval_in_words(found, result.values['scores']['rows'])}",
        )
        for result in own
        for metric in headlines()
        if metric.hub_type
        and (found := recorded(result.values).get(metric.id, {})).get("value") is not None
    ]
    language = _LANGUAGES.get(data_set)
    data = ModelCardData(
        base_model=base_model(card),
        library_name="peft" if is_adapter(method) else "transformers",
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


def _summary(study: Study, prepared: Result, card: ModelCard, method: str) -> str:
    labels = len(prepared.values["labels"])
    kind = "An adapter" if is_adapter(method) else "The weights"
    return (
        f"{kind} that makes {base_in_words(card)} answer with one of {labels} labels for a text, "
        f"trained in the study {plain_name(study.name)}."
    )


def _share(part: int, whole: int) -> str:
    return share(part / whole)
