"""Contrasts between methods, with the numbers of the run beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunelab.evaluation.claims import ALPHA
from tunelab.evaluation.comparisons import Comparison
from tunelab.methods.contrasts import CONTRASTS
from tunelab.numbers import number, p_value, signed
from tunelab.report.methods_table import MethodRow


@dataclass(frozen=True)
class NumberedContrast:
    """A contrast, and sentences on the methods of this run that it speaks of."""

    title: str
    paragraphs: tuple[str, ...]
    numbers: tuple[str, ...]


def contrasts_of(
    methods: Sequence[MethodRow], pairs: Sequence[Comparison]
) -> list[NumberedContrast]:
    """Those contrasts of which the run trained two kinds of method or more."""
    found = []
    for contrast in CONTRASTS:
        members = [row for row in methods if row.method in contrast.methods]
        if len({row.method for row in members}) > 1:
            numbers = (*_sizes(members), *_differences(members, pairs))
            found.append(NumberedContrast(contrast.title, contrast.paragraphs, numbers))
    return found


def _sizes(members: Sequence[MethodRow]) -> Iterator[str]:
    fewest = min(members, key=lambda row: row.trainable)
    for row in members:
        times = row.trainable / fewest.trainable if fewest.trainable else 1.0
        more = f", {times:.3g} times as many as {fewest.name}" if times > 1 else ""
        yield (
            f"{row.name} trains {row.trainable:,.0f} numbers ({100 * row.share:.3g} % of all)"
            f"{more}; its accuracy is {number(row.accuracy.value)}."
        )


def _differences(members: Sequence[MethodRow], pairs: Sequence[Comparison]) -> Iterator[str]:
    names = {row.name for row in members}
    for pair in pairs:
        if not {pair.left, pair.right} <= names or pair.difference.value is None:
            continue
        known = pair.p_corrected is not None
        decided = known and (pair.p_corrected or 0.0) < ALPHA
        shown = f"corrected p {p_value(pair.p_corrected)}" if known else "which no test can judge"
        yield (
            f"{pair.left} against {pair.right}: {signed(pair.difference.value)} in accuracy, "
            f"{shown}; the rows {'decide' if decided else 'do not decide'} between them."
        )
