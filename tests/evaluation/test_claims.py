"""Verdicts on statements, by hand."""

import pytest

from tunelab.evaluation.claims import compare_rows, decide, signed_margin
from tunelab.evaluation.metrics import Answered, Resampling, find_metric, wilson_interval
from tunelab.evaluation.predictions import Predictions, parse_all
from tunelab.evaluation.statistics.comparison import compare_numbers, compare_shares

LABELS = ("joy", "fear")


def _model(right: int, rows: int = 40, offset: int = 0) -> Answered:
    """A model that has ``right`` rows right, beginning at ``offset``."""
    truth = [LABELS[row % 2] for row in range(rows)]
    hits = {(offset + row) % rows for row in range(right)}
    said = [
        true if row in hits else LABELS[1 - LABELS.index(true)] for row, true in enumerate(truth)
    ]
    generated = parse_all(said, LABELS, stopped=(True,) * rows, tokens=tuple(range(rows)))
    predictions = Predictions(LABELS, tuple(map(str, range(rows))), tuple(truth), generated)
    return Answered(predictions, generated.labels, None)


def _difference(metric: str, left: list[Answered], right: list[Answered] | float, margin=0.0):  # type: ignore[no-untyped-def]
    return compare_rows(metric, left, right, margin, 0, 500)


@pytest.mark.parametrize(
    ("relation", "margin", "left", "right", "verdict"),
    [
        ("more", 0.0, 40, 20, "supported"),
        ("more", 0.0, 20, 40, "refuted"),
        ("more", 0.0, 20, 20, "undecided"),
        ("more", 0.4, 40, 20, "undecided"),
        ("more", 0.8, 40, 20, "refuted"),
        ("less", 0.0, 20, 40, "supported"),
        ("less", 0.0, 40, 20, "refuted"),
        ("about", 0.4, 21, 20, "supported"),
        ("about", 0.05, 40, 20, "refuted"),
        ("about", 0.05, 22, 20, "undecided"),
    ],
)
def test_verdicts(relation: str, margin: float, left: int, right: int, verdict: str) -> None:
    models = [_model(left)], [_model(right)]
    value = _difference("accuracy", *models).value
    edge = signed_margin(value, relation, margin)  # type: ignore[arg-type]
    difference = _difference("accuracy", *models, margin=edge)
    found, _ = decide(difference, relation, margin, difference.p_value)  # type: ignore[arg-type]
    assert found == verdict


def test_a_corrected_p_value_decides_and_not_the_bare_one() -> None:
    difference = _difference("accuracy", [_model(28)], [_model(20)])
    assert difference.p_value == pytest.approx(2 / 2**8)
    assert decide(difference, "more", 0.0, difference.p_value)[0] == "supported"
    assert decide(difference, "more", 0.0, 0.06)[0] == "undecided"


def test_counted_numbers_need_no_test() -> None:
    assert decide(compare_numbers(0.0090, 0.009, margin=0.001), "about", 0.001, None)[0] == (
        "supported"
    )
    assert decide(compare_numbers(0.035, 0.009, margin=0.001), "about", 0.001, None)[0] == "refuted"


def test_what_was_not_asked_is_undecided_with_the_reason() -> None:
    difference = _difference("accuracy_scored", [_model(3)], [_model(4)])
    verdict, why = decide(difference, "more", 0.0, None)
    assert verdict == "undecided"
    assert "not asked for" in why


def test_rows_metrics_equal_their_statistics() -> None:
    left, right = _model(30, offset=3), _model(22)
    flags = [
        [true == said for true, said in zip(model.truth, model.predicted, strict=True)]
        for model in (left, right)
    ]
    assert _difference("accuracy", [left], [right]) == compare_shares(*flags)
    f1 = find_metric("f1_macro").compare(left, right, 0.0, Resampling(0, 500))
    assert _difference("f1_macro", [left], [right]) == f1
    same = _difference("answer_tokens", [left], [right])
    assert (same.value, same.p_value) == (0.0, None)


def test_against_a_number() -> None:
    from scipy.stats import binomtest

    difference = _difference("accuracy", [_model(36)], 0.7)
    low, high = wilson_interval(36, 40)
    assert low is not None
    assert high is not None
    assert difference.value == pytest.approx(0.2)
    assert (difference.low, difference.high) == pytest.approx((low - 0.7, high - 0.7))
    assert difference.p_value == pytest.approx(binomtest(36, 40, 0.7).pvalue)
    f1 = _difference("f1_macro", [_model(36)], 0.5)
    assert f1.value == pytest.approx(0.4, abs=0.01)
    assert f1.p_value is not None
    assert f1.p_value < 0.01


def test_several_seeds_widen_the_interval() -> None:
    base = _model(20)
    alike = [_model(30, offset=offset) for offset in (0, 1, 2)]
    apart = [_model(count) for count in (24, 30, 36)]
    first = _difference("accuracy", alike, [base])
    second = _difference("accuracy", apart, [base])
    assert first.value == pytest.approx(0.25)
    assert second.value == pytest.approx(0.25)
    assert second.details["error_seeds"] == pytest.approx(0.15 / 3**0.5)
    assert first.low is not None
    assert second.low is not None
    assert second.low < first.low < 0.25
    assert second.p_value is not None
    assert first.p_value is not None
    assert second.p_value > first.p_value
    # The p-value belongs to the interval: at its end the p-value is 0.05.
    edge = _difference("accuracy", apart, [base], margin=second.low)
    assert edge.p_value == pytest.approx(0.05, abs=1e-6)


def test_other_rows_are_not_compared() -> None:
    difference = _difference("accuracy", [_model(3, rows=10)], [_model(3, rows=12)])
    assert difference.value is None
    assert difference.reason == "the two did not answer the same rows"
