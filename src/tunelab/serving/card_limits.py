"""What limits the use of a classifier and its comparison with others, for its card."""

from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.config import Study
from tunelab.evaluation.collapse import collapse_of
from tunelab.evaluation.origins import lineage_of
from tunelab.evaluation.sides import reads_prompts
from tunelab.evaluation.statistics.few_rows import FEW_ROWS, macro_labels
from tunelab.models.lineage import other_origin, short_model_name
from tunelab.numbers import counted, share
from tunelab.runs.results import Result


def limits_of(
    study: Study, trained: Result, own: Sequence[Result], prompt: Mapping[str, Any]
) -> list[str]:
    """What a reader must know before using the classifier, as sentences."""
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


def remarks_on_others(trained: Result, others: Sequence[Result]) -> list[str]:
    """What to know of the models that are compared with the adapter, as sentences."""
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
