"""The card of a classifier that is no language model: data, settings, scores and limits."""

from collections.abc import Mapping, Sequence
from typing import Any

from tunelab import __version__
from tunelab.classifiers.skops_files import MODEL_FILE
from tunelab.config import Study
from tunelab.data.examples import SPLITS
from tunelab.errors import TunelabError
from tunelab.evaluation.collapse import collapse_of
from tunelab.evaluation.decisions import Decision
from tunelab.evaluation.review.record import Reviews
from tunelab.evaluation.verdicts import Verdicts
from tunelab.numbers import count, data_size
from tunelab.runs.results import CLASSIFIERS, Result
from tunelab.runs.seals import FILES
from tunelab.serving.base_models import base_in_words, find_card
from tunelab.serving.card_data import data_checks, label_list, label_rows
from tunelab.serving.card_scores import all_score_rows, headlines, score_row
from tunelab.serving.card_training import hardware, setting
from tunelab.serving.card_verdicts import decision_on, review_on, verdicts_on
from tunelab.serving.inert_markdown import Markdown, fill, one_line, plain_name


def make_classifier_card(
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
    """The card as text.

    ``record`` is the classifier's ``tunelab.json``; ``verdicts``, ``decision`` and
    ``reviews`` are the run's.
    """
    own = [result for result in evaluated if result.name == trained.name]
    others = [result for result in evaluated if result.name != trained.name]
    # A kind of another package may hold less.
    values = trained.values
    use = str(record.get("use") or values["model"])
    return fill(
        "classifier_card.md.j2",
        {
            "title": f"{plain_name(study.name)}: {trained.name}",
            "name": trained.name,
            "use": use,
            "explanation": _explanation(use),
            "encoder": _encoder(values),
            "trained": _trained(values),
            "skops": MODEL_FILE in record.get(FILES, {}),
            "validation": "The weights are those of the lowest loss on the validation rows."
            if values.get("validated")
            else "The validation rows were not used.",
            "labels": label_list(record.get("labels") or prepared.values["labels"]),
            "bytes": data_size(values.get("adapter_bytes")),
            "version": __version__,
            "folder": Markdown(f"{CLASSIFIERS}/{trained.name}"),
            "origin": str(prepared.values["origin"]).rstrip("."),
            "data_licence": prepared.values["licence"],
            "study_seed": study.seed,
            "counts": label_rows(prepared),
            "totals": {
                split: count(sum(prepared.values["counts"]["sample"][split].values()))
                for split in SPLITS
            },
            "checks": data_checks(prepared),
            "data_hash": Markdown(f"`{str(prepared.values['content_hash'])[:16]}`"),
            "settings": [
                (name, setting(value)) for name, value in values.get("settings", {}).items()
            ],
            "chosen": [(name, setting(value)) for name, value in values.get("chosen", {}).items()],
            "rows": own[0].values["scores"]["rows"] if own else None,
            "titles": [metric.title for metric in headlines()],
            "all_scores": [score for result in own for score in all_score_rows(result)],
            "scores": [score_row(result) for result in (*own, *others)] if own else [],
            "verdicts": None if verdicts is None else verdicts_on([trained.name], verdicts),
            "decision": decision_on([trained.name], decision),
            "review": review_on(trained.name, reviews),
            "collapse": [
                found.sentence(result.name)
                for result in own
                if not result.values.get("constant")
                and (found := collapse_of(result.values["scores"])) is not None
            ],
            "facts": facts,
            "hardware": hardware(environment, values),
            "software": (
                f"tunelab {environment['tunelab']}, Python {environment['python']}, "
                f"scikit-learn {environment['packages']['scikit-learn']}"
                + (f", torch {environment['packages']['torch']}." if "lineage" in values else ".")
            ),
            "disclosure": study.disclosure.strip() or "Nothing was disclosed.",
        },
    )


def _encoder(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Name, licence and hash of the model that reads the texts, where there is one."""
    if "lineage" not in values:
        return None
    card = find_card(str(values["model"]))
    return {
        "name": base_in_words(card),
        "licence": card.licence,
        "kept": bool(values.get("encoder_kept")),
        "hash": Markdown(f"`{str(values['model_hash'])[:16]}`"),
    }


def _trained(values: Mapping[str, Any]) -> str:
    """How many of the encoder's and the head's numbers were trained, where some were."""
    trained, total = values.get("trainable_parameters"), values.get("total_parameters")
    if trained is None or total is None:
        return ""
    return f"{count(trained)} of {count(total)} parameters"


def _explanation(use: str) -> str:
    """The first sentence that its own file says of it; nothing where it cannot be imported."""
    from tunelab.classifiers.registered import find_classifier

    try:
        return one_line(find_classifier(use).explanation.strip().partition("\n\n")[0])
    except TunelabError:
        return ""
