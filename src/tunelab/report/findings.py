"""What was found, in sentences that are computed from the results and from nothing else."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.evaluation.claims import ALPHA
from tunelab.evaluation.collapse import collapse_of
from tunelab.evaluation.comparisons import Comparison
from tunelab.evaluation.metrics import wilson_interval
from tunelab.evaluation.origins import apart
from tunelab.evaluation.sides import (
    ACCURACIES,
    Side,
    format_missed,
    missed_in_words,
    sides_of,
    unlabelled_in_words,
)
from tunelab.evaluation.statistics.few_rows import FEW_ROWS, macro_labels
from tunelab.evaluation.verdicts import Verdicts
from tunelab.numbers import counted, interval, number, p_value
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder


@dataclass(frozen=True)
class Finding:
    """One sentence. ``decided`` tells what its test came to; None where nothing was tested."""

    sentence: str
    decided: bool | None


def find(run: RunFolder, verdicts: Verdicts) -> list[Finding]:
    """The best model, what stands against the numbers, and each fine-tuned model's comparisons.

    What was not tested is given as it was counted, without a verdict.
    """
    scored = [result for result in run.evaluated if _accuracy(result) is not None]
    if not scored:
        return []
    sides = sides_of(run)
    told = [*_best(scored), *_one_label(scored), *notes(of_results(scored)), *_hosted(scored)]
    compared = [
        _against(comparison, sides)
        for comparison in verdicts.comparisons
        if comparison.metric in ACCURACIES
    ]
    behind = [*_silent(scored), *_unmeasured(scored), *_families(sides)]
    return [
        *(Finding(sentence, None) for sentence in told),
        *compared,
        *(Finding(sentence, None) for sentence in behind),
    ]


def notes(models: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """What a reader of the scores must know of them.

    That is few rows, models that miss the answer format, and models that have collapsed.
    """
    return [*_few_rows(models), *_missed(models), *collapses(models)]


def collapses(models: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    """Models that give one label to nearly all rows, in words or by the likeliest label.

    ``models`` are names with the records of what was measured.
    A classifier that does so by design, as the most frequent label, is left out.
    """
    for name, record in models:
        if record.get("constant"):
            continue
        ways = {
            "in words": record.get("generated"),
            "by its likeliest label": record.get("scored"),
            "for a label": record if record.get("mode") == "label" else None,
        }
        found = {
            way: collapse
            for way, values in ways.items()
            if values is not None and (collapse := collapse_of(values["scores"])) is not None
        }
        known = sum(values is not None for values in ways.values())
        for way, collapse in found.items():
            # The same of both ways, or of the only one, is said once.
            if len(found) == known or known == 1:
                yield collapse.sentence(name)
                break
            yield collapse.sentence(f"{name}, asked {way},")


def _hosted(scored: Sequence[Result]) -> Iterator[str]:
    """Where hosted models were asked, what a thousand rows take, and how many rows failed."""
    for result in scored:
        asked = result.values.get("requests")
        if asked is None:
            continue
        tokens, price = asked["tokens_per_thousand_rows"], asked["price_per_thousand_rows"]
        costs = (
            f"{tokens['input']:,.0f} input and {tokens['output']:,.0f} output tokens"
            if tokens
            else "tokens that the server does not count"
        )
        paid = "" if price is None else f", at the study's prices {number(price)}"
        lost = asked["rows_failed"]
        failed = f" {counted(lost, 'row')} failed and count as wrong." if lost else ""
        yield (
            f"{result.name} was asked at {asked['url']} as {asked['model']}: a thousand rows take "
            f"{costs}{paid}.{failed}"
        )


def of_results(results: Iterable[Result]) -> list[tuple[str, Mapping[str, Any]]]:
    """The names and records of the models that a study evaluated."""
    return [(result.name, result.values) for result in results if result.stage == "evaluate"]


def _best(scored: Sequence[Result]) -> Iterator[str]:
    """The highest accuracy: of a model that misses the answer format by likeliest labels."""
    by_label = {result.name: _by_label(result) for result in scored}
    scores = {result.name: _meaningful(result) for result in scored}
    highest = max(entry["accuracy"] for entry in scores.values())
    best = [name for name, entry in scores.items() if entry["accuracy"] == highest]
    entry = scores[best[0]]
    verb = "has" if len(best) == 1 else "share"
    way = " by the likeliest label" if any(by_label[name] for name in best) else ""
    range_ = interval(entry["accuracy_low"], entry["accuracy_high"])
    yield (
        f"{_joined(best)} {verb} the highest accuracy{way}: {number(highest)} on "
        f"{counted(entry['rows'], 'test row')} (95 % interval {range_})."
    )


def _one_label(scored: Sequence[Result]) -> Iterator[str]:
    classes = scored[0].values["scores"]["classes"]
    tested = [entry["label"] for entry in classes if entry["support"]]
    if len(tested) == 1:
        yield (
            f"All test rows have the label {tested[0]}, so the scores do not say how well any "
            "label is distinguished from the others."
        )


def _by_label(result: Result) -> bool:
    """Whether the likeliest labels tell more of a model than its answers in words."""
    return (
        result.values["mode"] == "generate"
        and result.values.get("scored") is not None
        and format_missed(result.values)
    )


def _meaningful(result: Result) -> Mapping[str, Any]:
    scores: Mapping[str, Any] = result.values["scores"]
    return result.values["scored"]["scores"] if _by_label(result) else scores


def _few_rows(models: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    rows = max((int(record["scores"]["rows"]) for _, record in models), default=0)
    if rows == 1:
        yield (
            "The test has only 1 row, which is right or wrong: it does not say how accurate a "
            "model is. Bring more test rows."
        )
    if not 1 < rows < FEW_ROWS:
        return
    low, high = wilson_interval(rows // 2, rows)
    reach = 100 * ((high or 1.0) - (low or 0.0)) / 2
    yield (
        f"The test has only {counted(rows, 'row')}: an accuracy near 0.5 is then known to within "
        f"{reach:.0f} points on either side, and small differences cannot be found. More test rows "
        "would say more."
    )


def _missed(models: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    for name, record in models:
        if record["mode"] == "generate" and format_missed(record):
            yield f"{missed_in_words(name, record)}."


def _against(comparison: Comparison, sides: Mapping[str, Side]) -> Finding:
    left, right, difference = comparison.left, comparison.right, comparison.difference
    if difference.value is None:
        return Finding(f"{left} and {right} cannot be compared: {difference.reason}.", False)
    p_corrected = comparison.p_corrected
    if p_corrected is None:
        return Finding(f"{left} and {right} show no difference: {difference.reason}.", False)
    shown = p_value(p_corrected)
    tested = f"{difference.test}, p {'' if shown.startswith('<') else '= '}{shown} "
    tested += "after Holm's correction"
    details = difference.details
    if "only_left" in details:
        tested = (
            f"{left} alone is right on {counted(int(details['only_left']), 'row')}, {right} alone "
            f"on {details['only_right']}; {tested}"
        )
    by_label = comparison.metric == "accuracy_scored"
    measured = "accuracy by the likeliest label" if by_label else "accuracy"
    if p_corrected >= ALPHA:
        about = " by the likeliest label" if by_label else ""
        return Finding(
            f"The rows do not decide between {left} and {right}{about} ({tested}).", False
        )
    verb = "beats" if difference.value > 0 else "loses to"
    points = abs(difference.value) * 100
    sentence = f"{left} {verb} {right} by {points:.1f} points of {measured} ({tested})."
    if left in sides and right in sides and apart(sides[left].origin, sides[right].origin):
        sentence += " The two are different models, so that more than fine-tuning differs."
    return Finding(sentence, True)


def _silent(scored: Sequence[Result]) -> Iterator[str]:
    for result in scored:
        scores = result.values["scores"]
        # The notes name a classifier most of whose answers have no label.
        if not scores["unparsed"] or format_missed(result.values):
            continue
        yield f"{result.name} {unlabelled_in_words(result.values)}; these count as wrong."


def _unmeasured(scored: Sequence[Result]) -> Iterator[str]:
    classes = scored[0].values["scores"]["classes"]
    told = macro_labels([(entry["label"], entry["support"]) for entry in classes])
    if told is not None:
        yield f"Macro-F1 counts all labels alike, but {told}."


def _families(sides: Mapping[str, Side]) -> Iterator[str]:
    base, instruct = sides.get("base"), sides.get("instruct")
    told = apart(base.origin, instruct.origin) if base and instruct else None
    if told is not None:
        yield (
            f"{told[:1].upper()}{told[1:]}: what differs between them is not instruction tuning "
            "alone."
        )


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _accuracy(result: Result) -> float | None:
    value = result.values["scores"]["accuracy"]
    return None if value is None else float(value)
