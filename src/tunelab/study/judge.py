"""The verdicts of a run: its claims, and every fine-tuned model against every other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from tunelab import registry
from tunelab.config import Claim, Study, make_study
from tunelab.evaluation.claims import TOKENS, compare_rows, decide, signed_margin
from tunelab.evaluation.metrics import all_metrics, find_metric
from tunelab.evaluation.number_metrics import NUMBER_METRICS, full_numbers, unlike_measured
from tunelab.evaluation.sides import (
    Side,
    apart,
    format_missed,
    meaningful_accuracy,
    missed_in_words,
    sides_of,
    two_models,
)
from tunelab.evaluation.statistics.comparison import compare_means, compare_numbers
from tunelab.evaluation.statistics.corrections import holm
from tunelab.evaluation.statistics.estimates import Bound, Difference, undefined
from tunelab.generation.comparison import MEASURES
from tunelab.generation.open_record import (
    OPEN,
    compare_open_answers,
    differing_prompts,
    origin,
    own_value,
    read_open,
)
from tunelab.methods.contract import find_method
from tunelab.runs.results import RECORD
from tunelab.runs.run_folder import RunFolder, once, token_counts

_SHOWN = 40


@dataclass(frozen=True)
class Comparison:
    """Left against right in one metric; ``p_corrected`` is Holm's over all tests of the run."""

    left: str
    right: str
    metric: str
    difference: Difference
    p_corrected: float | None = None


@dataclass(frozen=True)
class Judged:
    """A claim, its verdict, and why. ``values`` are left's and right's own, where they have one.

    ``bounds`` tell where a value was measured at a limit and is a bound. ``notes`` are what a
    reader must know beside the verdict, such as that the two are models of other families.
    ``rows`` are those on which the two differ, for people to read; ``files`` hold all of them.
    """

    claim: Claim
    verdict: str
    why: str
    comparison: Comparison
    values: tuple[float | None, float | None]
    rows: tuple[Mapping[str, Any], ...] = ()
    differing: int = 0
    files: tuple[str, ...] = ()
    bounds: tuple[Bound | None, Bound | None] = (None, None)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The claim and its verdict as JSON values."""
        return {
            **self.claim.model_dump(),
            "verdict": self.verdict,
            "why": self.why,
            "left_value": self.values[0],
            "right_value": self.values[1],
            "left_bound": self.bounds[0],
            "right_bound": self.bounds[1],
            "notes": list(self.notes),
            "difference": self.comparison.difference.to_dict(),
            "p_corrected": self.comparison.p_corrected,
            "files": list(self.files),
        }


@dataclass(frozen=True)
class Judgement:
    """All verdicts and comparisons. ``tests`` counts those that Holm's correction covers.

    ``comparisons`` set each fine-tuned model against each that is not, ``methods`` the fine-tuned
    ones against each other.
    """

    claims: tuple[Judged, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    methods: tuple[Comparison, ...] = ()
    tests: int = 0


@once
def judge(run: RunFolder) -> Judgement:
    """Test every claim of the study, and each fine-tuned model against every other model.

    Models are compared by their answers in words, as the study asks for; but where one of them
    gives no label in most of its answers, by their likeliest labels, as the comparison in words
    would be one of the answers' form. A claim that cannot be decided, as a side is missing, a
    value is not known beyond a limit, or more than training differs, has no p-value and does not
    count among the tests.

    Fine-tuned models are compared with each other in accuracy alone, so that the correction does
    not pay for more tests than a reader has questions.

    A test that stands both among the claims and among the comparisons counts once.
    """
    study = make_study(run.study)
    sides = sides_of(run)
    claimed = [_claimed(claim, run, sides, study) for claim in study.claims]
    compared = [
        Comparison(left.name, right.name, metric, _rows(metric, left, right, 0.0, study))
        for left in _groups(sides)
        for right in _groups(sides)
        if left.kind == "tuned" and right.kind != "tuned"
        for metric in _compared(left, right)
    ]
    tuned = [side for side in _groups(sides) if side.kind == "tuned"]
    methods = [
        Comparison(left.name, right.name, metric, _rows(metric, left, right, 0.0, study))
        for left, right in combinations(tuned, 2)
        for metric in (meaningful_accuracy(left, right),)
    ]
    family: dict[tuple[Any, ...], float | None] = {}
    for comparison in (*claimed, *compared, *methods):
        family[_key(comparison)] = comparison.difference.p_value
    corrected = dict(zip(family, holm(list(family.values())), strict=True))
    claimed = [_corrected(comparison, corrected) for comparison in claimed]
    return Judgement(
        claims=tuple(
            _judged(claim, comparison, run, sides)
            for claim, comparison in zip(study.claims, claimed, strict=True)
        ),
        comparisons=tuple(_corrected(comparison, corrected) for comparison in compared),
        methods=tuple(_corrected(comparison, corrected) for comparison in methods),
        tests=sum(value is not None for value in family.values()),
    )


def _compared(left: Side, right: Side) -> tuple[str, ...]:
    """The metrics that two models are compared in without a claim."""
    metric = meaningful_accuracy(left, right)
    headlines = tuple(name for name, about in all_metrics().items() if about.headline)
    return headlines if metric in headlines else (metric,)


def _groups(sides: Mapping[str, Side]) -> list[Side]:
    """The sides as the study names them, without those of single seeds beside their group."""
    members = {
        result.name for side in sides.values() if len(side.asked) > 1 for result in side.asked
    }
    return [side for name, side in sides.items() if name not in members]


def _key(comparison: Comparison) -> tuple[Any, ...]:
    """What a test is counted by. A claim that cannot be tested shares no key with one that is."""
    difference = comparison.difference
    tested = difference.p_value is not None
    return comparison.metric, comparison.left, comparison.right, difference.margin, tested


def _corrected(
    comparison: Comparison, corrected: Mapping[tuple[Any, ...], float | None]
) -> Comparison:
    return replace(comparison, p_corrected=corrected[_key(comparison)])


def _claimed(claim: Claim, run: RunFolder, sides: Mapping[str, Side], study: Study) -> Comparison:
    """The difference that a claim speaks of, tested at the claim's own edge."""
    value = None
    if claim.relation == "about":
        # Its nearer edge is known once the sign of the difference is.
        value = _difference(claim, run, sides, study, 0.0).value
    margin = signed_margin(value, claim.relation, claim.margin)
    difference = _difference(claim, run, sides, study, margin)
    reason = _confounded(claim, run, sides)
    if reason is not None and difference.value is not None:
        difference = replace(difference, p_value=None, rows_needed=None, reason=reason)
    name = claim.metric if claim.metric != TOKENS else f"{TOKENS}, {claim.language}"
    return Comparison(claim.left, str(claim.right), name, difference)


def _confounded(claim: Claim, run: RunFolder, sides: Mapping[str, Side]) -> str | None:
    """Why a claim on what training changed cannot be decided by these two models, or None."""
    if claim.compares == "models" or not _by_training(claim, sides):
        return None
    told = _apart(claim, run, sides)
    if told is None:
        return None
    return (
        f"{told}: they differ in more than their training, so that it cannot be told what training "
        "did"
    )


def _by_training(claim: Claim, sides: Mapping[str, Side]) -> bool:
    """Whether a claim sets a base model against an instruction-tuned one."""
    found = [sides.get(claim.left), sides.get(str(claim.right))]
    kinds = {
        side.kind if side is not None else name
        for side, name in zip(found, (claim.left, str(claim.right)), strict=True)
    }
    return kinds == {"base", "instruct"}


def _apart(claim: Claim, run: RunFolder, sides: Mapping[str, Side]) -> str | None:
    """That the two sides of a claim are of different origin, in words, or None."""
    if claim.metric == TOKENS or not isinstance(claim.right, str):
        return None
    if claim.metric in MEASURES:
        record = read_open(run)
        first, second = origin(record, claim.left), origin(record, claim.right)
        return two_models(first, second) if first and second else None
    left, right = sides.get(claim.left), sides.get(claim.right)
    return apart(left, right) if left and right else None


def _difference(
    claim: Claim, run: RunFolder, sides: Mapping[str, Side], study: Study, margin: float
) -> Difference:
    if claim.metric == TOKENS:
        return _tokens(claim, run, margin)
    if claim.metric in MEASURES:
        return compare_open_answers(read_open(run), claim.metric, claim.left, claim.right, margin)
    left = sides.get(claim.left)
    if left is None:
        return undefined(f"{claim.left} is not part of this run", margin)
    if claim.metric in NUMBER_METRICS:
        return _numbers(claim, left, sides, margin)
    right = sides.get(claim.right) if isinstance(claim.right, str) else claim.right
    if right is None:
        return undefined(f"{claim.right} is not part of this run", margin)
    return _rows(claim.metric, left, right, margin, study)


def _rows(metric: str, left: Side, right: Side | float, margin: float, study: Study) -> Difference:
    other = right.answered if isinstance(right, Side) else right
    return compare_rows(
        metric, left.answered, other, margin, study.seed, study.evaluation.resamples
    )


def _tokens(claim: Claim, run: RunFolder, margin: float) -> Difference:
    counts = token_counts(run, claim.language)
    missing = [name for name in (claim.left, str(claim.right)) if name not in counts]
    if missing:
        return undefined(f"{missing[0]} was not counted in {claim.language}", margin)
    return compare_means(counts[claim.left], counts[str(claim.right)], margin=margin)


def _trains_all(name: str) -> bool:
    """Whether this is a method whose numbers follow from the model alone, without a training."""
    return name in registry.METHODS and find_method(name).trains_all_weights


def _numbers(claim: Claim, left: Side, sides: Mapping[str, Side], margin: float) -> Difference:
    metric = NUMBER_METRICS[claim.metric]
    lefts = [metric.of(result.values) for result in left.trained]
    rights: list[float | None]
    if not isinstance(claim.right, str):
        rights = [float(claim.right)]
    elif claim.right in sides:
        rights = [metric.of(result.values) for result in sides[claim.right].trained]
    elif _trains_all(claim.right) and metric.counted and left.trained:
        rights = [full_numbers(left.trained[0].values).get(claim.metric)]
    else:
        return undefined(f"{claim.right} is not part of this run", margin)
    if not lefts or not rights or None in lefts or None in rights:
        return undefined(f"{claim.metric} is known of what was trained alone", margin)
    first, second = [value or 0.0 for value in lefts], [value or 0.0 for value in rights]
    if metric.counted:
        return compare_numbers(first[0], second[0], margin=margin)
    doubt = _doubt(claim, left, sides)
    if doubt is not None:
        value = sum(first) / len(first) - sum(second) / len(second)
        return replace(undefined(doubt, margin), value=value)
    if len(second) == 1:
        second = second * len(first)
    if len(first) < 2 or len(first) != len(second):
        difference = compare_numbers(first[0], second[0], margin=margin)
        return replace(
            difference, low=None, high=None, reason="measured once, which shows no spread"
        )
    return compare_means(first, second, margin=margin)


def _doubt(claim: Claim, left: Side, sides: Mapping[str, Side]) -> str | None:
    """Why what was measured of two trainings cannot be compared, or None."""
    metric = NUMBER_METRICS[claim.metric]
    right = sides.get(str(claim.right))
    others = right.trained if right is not None else ()
    for result in (*left.trained, *others):
        doubt = metric.doubt(result.values)
        if doubt is not None:
            return f"{result.name}: {doubt}"
    for first in left.trained:
        for second in others:
            doubt = unlike_measured(claim.metric, first.values, second.values)
            if doubt is not None:
                return doubt
    return None


def _judged(
    claim: Claim, comparison: Comparison, run: RunFolder, sides: Mapping[str, Side]
) -> Judged:
    verdict, why = decide(
        comparison.difference, claim.relation, claim.margin, comparison.p_corrected
    )
    left, right = sides.get(claim.left), sides.get(str(claim.right))
    shown: tuple[Mapping[str, Any], ...]
    if claim.metric in MEASURES and isinstance(claim.right, str):
        prompts = differing_prompts(read_open(run), claim.metric, claim.left, claim.right)
        shown, differing = tuple(prompts[:_SHOWN]), len(prompts)
    else:
        shown, differing = _differing_rows(claim, left, right)
    own = _own(claim, left, None, run), _own(claim, right, claim.right, run)
    return Judged(
        claim=claim,
        verdict=verdict,
        why=why,
        comparison=comparison,
        values=(own[0][0], own[1][0]),
        bounds=(own[0][1], own[1][1]),
        notes=tuple(_notes(claim, left, right, run, sides, why)),
        rows=shown,
        differing=differing,
        files=tuple(_files(claim, left, right, run)),
    )


def _notes(
    claim: Claim,
    left: Side | None,
    right: Side | None,
    run: RunFolder,
    sides: Mapping[str, Side],
    why: str,
) -> Iterator[str]:
    """What a reader of the verdict must know of the two sides."""
    told = _apart(claim, run, sides)
    if told is not None and told not in why:
        yield f"{told}: this compares two models, and not what training changes"
    compared = [side for side in (left, right) if side is not None]
    about = all_metrics().get(claim.metric)
    # Such metrics read labels from answers in words.
    if about is not None and about.reads in ("labels", "answers"):
        for side in compared:
            for result in side.asked:
                if result.values["mode"] == "generate" and format_missed(result.values):
                    yield missed_in_words(result.name, result.values)
    if about is not None and about.reads == "text" and about.unit == "mean_count":
        ends = {answer.name: answer.ends for side in compared for answer in side.answered}
        if len(set(ends.values()) - {None}) > 1:
            yield "an answer ends " + ", ".join(f"of {name} {end}" for name, end in ends.items())


def _files(claim: Claim, left: Side | None, right: Side | None, run: RunFolder) -> Iterator[str]:
    """Where the numbers of both sides stand, within the run folder."""
    sides = [side for side in (left, right) if side is not None]
    if claim.metric in MEASURES:
        found = [(result, OPEN) for result in run.generated]
    elif claim.metric == TOKENS:
        found = [
            (result, "tokens.parquet")
            for result in run.tokenized
            if result.values.get("language") == claim.language
            and result.values["tokenizer"] in (claim.left, claim.right)
        ]
    elif claim.metric in NUMBER_METRICS:
        found = [(result, RECORD) for side in sides for result in side.trained]
    else:
        found = [(result, "predictions.parquet") for side in sides for result in side.asked]
    for result, name in found:
        if (result.folder / name).is_file():
            yield (result.folder / name).relative_to(run.folder).as_posix()


def _own(
    claim: Claim, side: Side | None, number: str | float | None, run: RunFolder
) -> tuple[float | None, Bound | None]:
    """The metric of one side by itself, the mean over its seeds, and whether it is a bound."""
    if isinstance(number, float | int):
        return float(number), None
    if claim.metric == TOKENS:
        counts = token_counts(run, claim.language).get(str(number or claim.left))
        return (sum(counts) / len(counts) if counts else None), None
    if claim.metric in MEASURES:
        return own_value(read_open(run), claim.metric, str(number or claim.left))
    if side is None:
        return None, None
    values: list[float | None]
    bounds: list[Bound | None] = []
    if claim.metric in NUMBER_METRICS:
        values = [NUMBER_METRICS[claim.metric].of(result.values) for result in side.trained]
    else:
        own = [find_metric(claim.metric).value(answered) for answered in side.answered]
        values, bounds = [entry.value for entry in own], [entry.bound for entry in own]
    known = [value for value in values if value is not None]
    if not known or len(known) != len(values):
        return None, None
    return sum(known) / len(known), next((bound for bound in bounds if bound), None)


def _differing_rows(
    claim: Claim, left: Side | None, right: Side | None
) -> tuple[tuple[Mapping[str, Any], ...], int]:
    """The rows whose values differ, the largest differences first; some of them, and how many."""
    about = all_metrics().get(claim.metric)
    if about is None or left is None or right is None:
        return (), 0
    first, second = left.answered[0], right.answered[0]
    left_spans, right_spans = about.rows(first), about.rows(second)
    if left_spans is None or right_spans is None or first.truth != second.truth:
        return (), 0
    lefts, rights = [span.low for span in left_spans], [span.low for span in right_spans]
    positions = [
        position
        for position, pair in enumerate(zip(lefts, rights, strict=True))
        if pair[0] != pair[1]
    ]
    positions.sort(key=lambda position: (-abs(lefts[position] - rights[position]), position))
    spread = positions[:: max(1, len(positions) // _SHOWN)][:_SHOWN]
    return tuple(
        {
            "row": position,
            "text": first.predictions.texts[position],
            "truth": first.truth[position],
            "left": _said(first, position),
            "right": _said(second, position),
            "left_value": lefts[position],
            "right_value": rights[position],
            "left_cut": not left_spans[position].known,
            "right_cut": not right_spans[position].known,
        }
        for position in spread
    ), len(positions)


def _said(answered: Any, position: int) -> str:
    generated = answered.predictions.generated
    label = answered.predicted[position]
    if generated is None:
        return str(label)
    return f"{generated.answers[position]}" if label is None else str(label)
