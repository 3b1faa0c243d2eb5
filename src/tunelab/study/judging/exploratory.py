"""Comparisons that nobody claimed: each fine-tuned model against every other; a second family."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from tunelab.evaluation.comparisons import Comparison, compare_pairs
from tunelab.evaluation.metrics import all_metrics
from tunelab.evaluation.metrics.of_rows import resampling_of
from tunelab.evaluation.sides import Side, grouped_sides, meaningful_accuracy
from tunelab.runs.run_folder import RunFolder

Pair = tuple[str, str, str]


def explore(run: RunFolder) -> tuple[list[Comparison], list[Comparison]]:
    """Fine-tuned models against those that are not, and against each other, corrected together.

    Models are compared by their answers in words, as the study asks for; but where one of them
    gives no label in most of its answers, by their likeliest labels, as the comparison in words
    would be one of the answers' form. Fine-tuned models are compared with each other in accuracy
    alone, so that the correction does not pay for more tests than a reader has questions.
    """
    sides = grouped_sides(run)
    others, methods = list(_with_others(sides)), list(_between_methods(sides))
    answers = {side.name: side.answered for side in _named(sides, [*others, *methods])}
    found = compare_pairs(answers, [*others, *methods], resampling_of(run))
    return found[: len(others)], found[len(others) :]


def _with_others(sides: Sequence[Side]) -> Iterator[Pair]:
    for left in sides:
        for right in sides:
            if left.method is not None and right.method is None:
                for metric in _compared(left, right):
                    yield left.name, right.name, metric


def _between_methods(sides: Sequence[Side]) -> Iterator[Pair]:
    tuned = [side for side in sides if side.method is not None]
    for left, right in combinations(tuned, 2):
        yield left.name, right.name, meaningful_accuracy(left, right)


def _compared(left: Side, right: Side) -> tuple[str, ...]:
    """The metrics that two models are compared in without a claim."""
    metric = meaningful_accuracy(left, right)
    headlines = tuple(name for name, about in all_metrics().items() if about.headline)
    return headlines if metric in headlines else (metric,)


def _named(sides: Sequence[Side], pairs: Sequence[Pair]) -> list[Side]:
    names = {name for left, right, _ in pairs for name in (left, right)}
    return [side for side in sides if side.name in names]
