"""When to ask a person: the section behind the decision, the recommended classifier first."""

from collections.abc import Iterator
from dataclasses import dataclass

from tunelab.evaluation.decisions import Decision
from tunelab.evaluation.review.record import Review, Reviews
from tunelab.evaluation.review.words import advice, sentences
from tunelab.numbers import count, interval, number, share

# Classifiers that the section tells of; a run may have hundreds.
_MOST = 12


@dataclass(frozen=True)
class Entry:
    """A classifier of the section: what is told of it, and what a person finds, as rows."""

    name: str
    first: bool
    sentences: tuple[str, ...]
    caught: tuple[tuple[str, str, str], ...]
    labels: tuple[tuple[str, str, str], ...]
    area: str
    excess: str


@dataclass(frozen=True)
class ReviewSection:
    """``entries``, how many ``more`` there are, and why others are ``left_out``.

    ``missing`` says why the recommended classifier has no entry; empty where it has one.
    """

    accuracy: str
    coverage: str
    entries: tuple[Entry, ...]
    more: int
    left_out: tuple[tuple[str, str], ...]
    missing: str


def review_section(reviews: Reviews, decision: Decision) -> ReviewSection:
    """The reviews in the order of the page: the recommended classifier, then the others."""
    ranked = sorted(reviews.reviews, key=lambda one: not _is_of(one, _best(decision)))
    shown = ranked[:_MOST]
    return ReviewSection(
        accuracy=share(reviews.accuracy),
        coverage=share(reviews.coverage),
        entries=tuple(_entry(one, first=position == 0) for position, one in enumerate(shown)),
        more=len(ranked) - len(shown),
        left_out=tuple(reviews.left_out.items()),
        missing="" if reviews.of(_best(decision)) else review_sentence(reviews, decision),
    )


def review_sentence(reviews: Reviews, decision: Decision) -> str:
    """The advice for the recommended classifier, or the best one; empty where nothing was asked."""
    best = _best(decision)
    found = reviews.of(best)
    if found:
        return f"When to ask a person ({found[0].name}): {advice(found[0])}"
    reason = reviews.left_out.get(best or "")
    return f"When to ask a person is not known of {best}: {reason}." if reason else ""


def _best(decision: Decision) -> str | None:
    return decision.recommended or (decision.best.name if decision.best else None)


def _is_of(review: Review, name: str | None) -> bool:
    return name in (review.name, review.group)


def _entry(review: Review, *, first: bool) -> Entry:
    return Entry(
        name=review.name,
        first=first,
        sentences=tuple(sentences(review)),
        caught=tuple(
            (count(one.rows), f"{one.found:.0f} of {one.wrong:,}", f"{one.at_random:.0f}")
            for one in review.caught
        ),
        labels=tuple(_labels(review)),
        area=number(review.curve.area),
        excess=number(review.curve.excess),
    )


def _labels(review: Review) -> Iterator[tuple[str, str, str]]:
    """How often the smallest label sets hold each label that has enough rows, the worst first."""
    found = review.sets[0].labels if review.sets else {}
    known = [(one.value, label, one) for label, one in found.items() if one.value is not None]
    for value, label, one in sorted(known, key=lambda entry: (entry[0], entry[1])):
        yield label, share(value), interval(one.low, one.high, "share")
