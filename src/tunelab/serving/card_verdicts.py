"""What a card says of the tests: the claims that name an adapter, and how it compares."""

from collections.abc import Collection
from typing import Any

from tunelab.evaluation.comparisons import Comparison
from tunelab.evaluation.decisions import Decision
from tunelab.evaluation.metrics import all_metrics
from tunelab.evaluation.review.record import Reviews
from tunelab.evaluation.review.words import sentences
from tunelab.evaluation.verdicts import CLAIMED, EXPLORATORY, Verdicts
from tunelab.numbers import UNDEFINED, counted, p_value, signed, signed_interval


def verdicts_on(names: Collection[str], verdicts: Verdicts) -> dict[str, Any]:
    """The part of a run's verdicts that tells of the adapter with these names.

    ``names`` are its own and, where it is one of several seeds, that of all of them. Each family
    of tests has its rows and the number of tests that its correction covers in the whole run.
    """
    return {
        "claims": [
            {
                "verdict": one.verdict,
                "claim": one.claim.claim,
                "p": p_value(one.comparison.p_corrected),
                "why": one.why,
            }
            for one in verdicts.claims
            if {one.claim.left, one.claim.right} & set(names)
        ],
        "claim_tests": counted(verdicts.tests[CLAIMED], "test"),
        "comparisons": [
            _row(one)
            for one in (*verdicts.comparisons, *verdicts.methods)
            if {one.left, one.right} & set(names)
        ],
        "exploratory_tests": counted(verdicts.tests[EXPLORATORY], "test"),
    }


def review_on(name: str, reviews: Reviews | None) -> list[str]:
    """When to ask a person about the answers of a classifier, in sentences; empty if not known."""
    if reviews is None:
        return []
    return [sentence for one in reviews.reviews if one.name == name for sentence in sentences(one)]


def decision_on(names: Collection[str], decision: Decision | None) -> str:
    """The place of a classifier in the decision of its run, in a sentence; empty without one.

    ``names`` are those of :func:`verdicts_on`.
    """
    own = None
    if decision is not None:
        own = next((one for one in decision.candidates if one.name in names), None)
    if decision is None or own is None:
        return ""
    rows = counted(decision.rows, "test row")
    if own.name == decision.recommended:
        place = "is the classifier to take"
    elif not own.can_be_best:
        place = "is not the best"
    elif decision.recommended is None:
        place = "can be the best; no classifier is recommended"
    else:
        place = "can be the best, and another one is to be taken"
    return f"Decision of the study: {own.name} {place} ({decision.title}, {rows})."


def _row(one: Comparison) -> dict[str, str]:
    difference, about = one.difference, all_metrics()[one.metric]
    return {
        "left": one.left,
        "right": one.right,
        "metric": about.title,
        "difference": signed(difference.value, about.unit),
        "interval": UNDEFINED
        if difference.low is None or difference.high is None
        else signed_interval(difference.low, difference.high, about.unit),
        "p": p_value(one.p_corrected),
    }
