"""The models of a run by the names that claims use, with their answers and their numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tunelab.evaluation.metrics import Answered
from tunelab.evaluation.predictions import read_predictions
from tunelab.models.lineage import Lineage, known_lineage, other_origin, short_model_name
from tunelab.numbers import counted, number
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder, once, predictions


@dataclass(frozen=True)
class Side:
    """A model as it is asked, or a method with a result for each training seed."""

    name: str
    kind: str
    asked: tuple[Result, ...]
    trained: tuple[Result, ...] = ()

    @property
    def model(self) -> str:
        """The model that is asked, or that was trained."""
        return str(self.asked[0].values["model"])

    @property
    def lineage(self) -> Lineage | None:
        """Where the model comes from; None for a baseline, or where it is not known."""
        return lineage_of(self.asked[0])

    @cached_property
    def answered(self) -> list[Answered]:
        """The answers of each seed."""
        return [read_answered(result) for result in self.asked]

    @cached_property
    def correct(self) -> list[list[bool]]:
        """Whether each row is right, for each seed."""
        return [
            [true == guess for true, guess in zip(entry.truth, entry.predicted, strict=True)]
            for entry in self.answered
        ]


@once
def sides_of(run: RunFolder) -> dict[str, Side]:
    """Every name that a claim may use, in the order of the run.

    A method trained with several seeds stands under its own name and under that of each seed.
    """
    trained = {result.name: result for result in run.trained}
    groups: dict[str, list[Result]] = {}
    for result in run.evaluated:
        groups.setdefault(str(result.values.get("group") or result.name), []).append(result)
    sides = {}
    for name, results in groups.items():
        sides[name] = _side(name, results, trained)
        for result in results:
            sides.setdefault(result.name, _side(result.name, [result], trained))
    return sides


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
        writes=values["kind"] != "baseline",
        ends=ends,
        tokenizer=lineage.get("tokenizer"),
    )


def lineage_of(result: Result) -> Lineage | None:
    """Where the model of a result comes from, by its record or by the catalog."""
    values = result.values
    if values["kind"] == "baseline":
        return None
    found: Lineage | None = values.get("lineage")
    return found or known_lineage(str(values["model"]))


# The share of answers in words without a label from which a model missed the answer format:
# its accuracy in words then tells of the form more than of the labels.
_MISSED = 0.5


def format_missed(result: Result) -> bool:
    """Whether most answers in words hold no label."""
    generated = result.values.get("generated")
    if generated is None:
        return False
    scores = generated["scores"]
    return bool(scores["rows"]) and scores["unparsed"] >= _MISSED * scores["rows"]


def missed_in_words(result: Result) -> str:
    """What :func:`format_missed` means for a model's numbers, as a sentence."""
    words, scored = result.values["generated"]["scores"], result.values.get("scored")
    told = (
        f"{result.name} gives no label in {words['unparsed']:,} of "
        f"{counted(words['rows'], 'answer')}: it misses the answer format, so that its "
        f"accuracy in words, {number(words['accuracy'])}, says little of what it knows of the "
        "texts; "
    )
    if scored is None:
        return f"{told}with score among evaluation.modes its likeliest labels would tell more"
    return f"{told}by its likeliest label it has {number(scored['scores']['accuracy'])}"


# What meaningful_accuracy gives.
ACCURACIES = ("accuracy", "accuracy_scored")


def meaningful_accuracy(left: Side, right: Side) -> str:
    """The accuracy by which two sides are compared: of the likeliest labels where that of the
    answers in words would compare how well a form is kept.
    """
    # What a baseline says is its likeliest label.
    asked = [result for side in (left, right) if side.kind != "baseline" for result in side.asked]
    known = all(result.values.get("scored") is not None for result in asked)
    words = all(result.values["mode"] == "generate" for result in asked)
    if known and words and any(map(format_missed, asked)):
        return "accuracy_scored"
    return "accuracy"


def apart(left: Side, right: Side) -> str | None:
    """What differs between two sides besides training, in words; None where nothing is known to.

    Models of other families, sizes or architectures were not made from one another.
    """
    return two_models(
        (left.name, left.model, left.lineage), (right.name, right.model, right.lineage)
    )


def two_models(
    left: tuple[str, str, Lineage | None], right: tuple[str, str, Lineage | None]
) -> str | None:
    """That two sides (name, model, origin) are of different origin, or None where none is known."""
    if not other_origin(left[2], right[2]):
        return None
    told = " and ".join(
        name if short_model_name(model) == name else f"{name} is {short_model_name(model)}"
        for name, model, _ in (left, right)
    )
    families = {(side[2] or {}).get("family") for side in (left, right)}
    kind = "of two model families" if len(families) == 2 else "of two sizes or architectures"
    return f"{told}, {kind}"


def _side(name: str, results: Sequence[Result], trained: Mapping[str, Result]) -> Side:
    return Side(
        name=name,
        kind=str(results[0].values["kind"]),
        asked=tuple(results),
        trained=tuple(trained[result.name] for result in results if result.name in trained),
    )
