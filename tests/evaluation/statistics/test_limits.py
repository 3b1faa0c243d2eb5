"""Values at a limit: means are bounds, and orders hold only where they hold for every value."""

import math
from itertools import product

import pytest
from scipy.stats import binomtest

from tunelab.evaluation.claims import decide
from tunelab.evaluation.statistics.limits import (
    Span,
    at_least,
    bound_of,
    compare_limited,
    exactly,
    limited_estimate,
    mean_span,
)

WHY = "answers were cut"


def test_means_are_bounds() -> None:
    assert mean_span([exactly(2), exactly(4)]) == exactly(3)
    assert bound_of(mean_span([exactly(2), at_least(4)])) == (3.0, "at least")
    assert bound_of(Span(-math.inf, 2.0)) == (2.0, "at most")
    assert bound_of(Span(-math.inf, math.inf)) == (None, None)
    assert bound_of(Span(0.0, 1.0)) == (None, None)
    found = limited_estimate([exactly(2), at_least(4)], WHY)
    assert (found.value, found.bound, found.low, found.reason) == (3.0, "at least", None, WHY)
    with pytest.raises(ValueError, match="no values"):
        mean_span([])


def test_all_left_ended_below_what_right_has_at_least() -> None:
    left, right = [exactly(3.0)] * 8, [at_least(8.0)] * 8
    found = compare_limited(left, right, margin=0.0, reason=WHY)
    assert (found.value, found.bound) == (-5.0, "at most")
    assert found.p_value == pytest.approx(2 / 2**8)
    assert decide(found, "less", 0.0, found.p_value)[0] == "supported"
    assert decide(found, "more", 0.0, found.p_value)[0] == "refuted"
    within = compare_limited(left, right, margin=-2.0, reason=WHY)
    assert decide(within, "about", 2.0, within.p_value)[0] == "refuted"


@pytest.mark.parametrize("relation", ["more", "less", "about"])
def test_a_cut_answer_on_the_side_that_should_be_shorter_decides_nothing(relation: str) -> None:
    left = [exactly(3.0)] * 20 + [at_least(8.0)]
    found = compare_limited(left, [at_least(8.0)] * 21, margin=0.0, reason=WHY)
    assert found.value is None
    assert found.p_value is None
    assert decide(found, relation, 1.0, None) == ("undecided", WHY)  # type: ignore[arg-type]


def test_a_bound_that_reaches_over_the_edge_decides_nothing() -> None:
    # At most -1: whether it is below -2 depends on what was cut off.
    found = compare_limited([exactly(7.0)] * 9, [at_least(8.0)] * 9, margin=-2.0, reason=WHY)
    assert (found.value, found.bound, found.p_value) == (-1.0, "at most", None)
    assert decide(found, "less", 2.0, None)[0] == "undecided"
    # Rows that are longer by themselves are counted against it.
    mixed = [exactly(2.0)] * 12 + [exactly(9.0)] * 5
    found = compare_limited(mixed, [at_least(8.0)] * 17, margin=0.0, reason=WHY)
    assert found.p_value == pytest.approx(
        min(1.0, 2 * binomtest(12, 17, alternative="greater").pvalue)
    )


def test_the_verdict_is_that_of_every_value_beyond_the_limit() -> None:
    """Whatever is put in for what was cut, the sign test of the full values says no less."""
    left = [exactly(float(n % 5)) for n in range(14)]
    right = [at_least(5.0) if n % 3 else exactly(4.0 + n % 2) for n in range(14)]
    found = compare_limited(left, right, margin=0.0, reason=WHY)
    assert found.p_value is not None
    for beyond in product((0.0, 1.0, 1000.0), repeat=2):
        full = [
            span.low if span.known else span.low + beyond[n % 2] for n, span in enumerate(right)
        ]
        pairs = [(a.low, b) for a, b in zip(left, full, strict=True) if a.low != b]
        below = sum(a < b for a, b in pairs)
        whole = min(1.0, 2 * binomtest(below, len(pairs), alternative="greater").pvalue)
        assert whole <= found.p_value + 1e-12
        assert sum(a for a, _ in pairs) < sum(b for _, b in pairs)
