"""The models of a run by the names that claims use, with their answers and their trainings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tunelab.evaluation.metrics import Answered
from tunelab.evaluation.origins import Origin, lineage_of
from tunelab.evaluation.predictions import read_predictions
from tunelab.evaluation.statistics.clusters import Clusters
from tunelab.numbers import counted, number
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder, once, predictions


@dataclass(frozen=True)
class Side:
    """A classifier of a run, with a result for each training seed.

    ``trained`` holds its trainings in this run.
    """

    name: str
    asked: tuple[Result, ...]
    trained: tuple[Result, ...] = ()

    @property
    def method(self) -> str | None:
        """The method that fine-tuned a language model; None for everything else."""
        found = self.asked[0].values.get("method")
        return None if found is None else str(found)

    @property
    def fine_tuned(self) -> bool:
        """Whether weights of a network were trained, by a method or otherwise."""
        if self.method is not None:
            return True
        return bool(self.trained) and all(trains_weights(result.values) for result in self.trained)

    @cached_property
    def origin(self) -> Origin:
        """Its model, and where that comes from."""
        first = self.asked[0]
        return Origin(
            self.name, str(first.values["model"]), lineage_of(first), trained=bool(self.trained)
        )

    @cached_property
    def answered(self) -> list[Answered]:
        """The answers of each seed."""
        return [read_answered(result) for result in self.asked]

    @property
    def clusters(self) -> Clusters | None:
        """Which of its rows belong together; None where all are independent."""
        return self.answered[0].clusters

    @cached_property
    def correct(self) -> list[list[bool]]:
        """Whether each row is right, for each seed."""
        return [
            [true == guess for true, guess in zip(entry.truth, entry.predicted, strict=True)]
            for entry in self.answered
        ]


def trains_weights(values: Mapping[str, Any]) -> bool:
    """Whether the training of this record trained weights of a network."""
    # What is fitted and is no network has no parameters in all.
    return values.get("method") is not None or bool(
        values.get("total_parameters") and values.get("trainable_parameters")
    )


@once
def sides_of(run: RunFolder) -> dict[str, Side]:
    """Every name that a claim may use, in the order of the run.

    A method trained with several seeds stands under its own name and under that of each seed.
    """
    trained = {result.name: result for result in run.trained}
    sides = {}
    for name, results in _by_group(run).items():
        sides[name] = _side(name, results, trained)
        for result in results:
            sides.setdefault(result.name, _side(result.name, [result], trained))
    return sides


def grouped_sides(run: RunFolder) -> list[Side]:
    """The sides as the study names them, without those of single seeds beside their group."""
    sides = sides_of(run)
    return [sides[name] for name in _by_group(run)]


def read_answered(result: Result) -> Answered:
    """The answers that a result keeps, with the labels that they came to."""
    table = predictions(result)

    def column(name: str) -> tuple[str | None, ...]:
        return tuple(None if value != value else value for value in table[name])

    values = result.values
    prompt, lineage = values.get("prompt"), values.get("lineage") or {}
    ends = None
    if prompt:
        ends = "at the end of a line" if prompt["style"] == "plain" else "at a stop token"
    return Answered(
        read_predictions(table, str(result.folder)),
        column("predicted"),
        column("scored") if values["scored"] is not None else None,
        name=result.name,
        ends=ends,
        tokenizer=lineage.get("tokenizer"),
    )


def reads_prompts(result: Result) -> bool:
    """Whether a language model answered a prompt, in words or through a head."""
    return result.values.get("prompt") is not None


# The share of answers in words without a label from which a model missed the answer format:
# its accuracy in words then tells of the form more than of the labels.
_MISSED = 0.5


def format_missed(values: Mapping[str, Any]) -> bool:
    """Whether most answers in words hold no label, by the record of what was measured."""
    generated = values.get("generated")
    if generated is None:
        return False
    scores = generated["scores"]
    return bool(scores["rows"]) and scores["unparsed"] >= _MISSED * scores["rows"]


def missed_in_words(name: str, values: Mapping[str, Any]) -> str:
    """What :func:`format_missed` means for a model's numbers, as a sentence without its stop."""
    words, scored = values["generated"]["scores"], values.get("scored")
    told = (
        f"{name} {unlabelled_in_words(values)}: it misses the answer format, so that its "
        f"accuracy in words, {number(words['accuracy'])}, says little of what it knows of the "
        "texts; "
    )
    if scored is None:
        return f"{told}with score among evaluation.modes its likeliest labels would say more"
    return f"{told}by its likeliest label it has {number(scored['scores']['accuracy'])}"


def unlabelled_in_words(values: Mapping[str, Any]) -> str:
    """How many answers of a model hold no label, and for what reasons, as a verb and its object."""
    generated = values["generated"]
    scores = generated["scores"]
    reasons = ", ".join(
        f"{count:,} {reason}" for reason, count in generated["unparsed_reasons"].items() if count
    )
    return (
        f"gives no label in {scores['unparsed']:,} of {counted(scores['rows'], 'answer')} "
        f"({reasons})"
    )


# What meaningful_accuracy gives.
ACCURACIES = ("accuracy", "accuracy_scored")


def meaningful_accuracy(left: Side, right: Side) -> str:
    """The accuracy by which two sides are compared: of the likeliest labels where that of the
    answers in words would compare how well a form is kept.
    """
    # The label of what gives labels alone is its likeliest one.
    asked = [
        result
        for side in (left, right)
        for result in side.asked
        if result.values["mode"] != "label"
    ]
    known = all(result.values.get("scored") is not None for result in asked)
    words = all(result.values["mode"] == "generate" for result in asked)
    if known and words and any(format_missed(result.values) for result in asked):
        return "accuracy_scored"
    return "accuracy"


def _by_group(run: RunFolder) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in run.evaluated:
        groups.setdefault(str(result.values.get("group") or result.name), []).append(result)
    return groups


def _side(name: str, results: Sequence[Result], trained: Mapping[str, Result]) -> Side:
    return Side(
        name=name,
        asked=tuple(results),
        trained=tuple(trained[result.name] for result in results if result.name in trained),
    )
