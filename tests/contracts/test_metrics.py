"""What every registered metric keeps, and its values against scikit-learn's."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from tunelab import registry
from tunelab.errors import UsageError
from tunelab.evaluation.claims import compare_rows
from tunelab.evaluation.metrics import Answered, Metric, all_metrics, find_metric
from tunelab.evaluation.metrics.checking import faults, sample
from tunelab.evaluation.predictions import Given, Predictions
from tunelab.evaluation.statistics.estimates import Estimate

LABELS = ("a", "b", "c")
ROWS = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, None])), min_size=1, max_size=30
)
REFERENCES: dict[str, Callable[..., float]] = {
    "accuracy": reference.accuracy_score,
    "mcc": reference.matthews_corrcoef,
    "kappa": reference.cohen_kappa_score,
    "balanced_accuracy": reference.balanced_accuracy_score,
}


def _value(name: str, truth: list[str], guesses: list[str | None]) -> Estimate:
    texts = tuple(map(str, range(len(truth))))
    predictions = Predictions(LABELS, texts, tuple(truth))
    return find_metric(name).value(Answered(predictions, tuple(guesses), None))


@pytest.mark.parametrize("name", list(registry.METRICS))
def test_contract(name: str) -> None:
    assert find_metric(name).id == name
    assert faults(find_metric(name)) == []


@pytest.mark.parametrize("name", REFERENCES)
@settings(max_examples=150, deadline=None)
@given(ROWS)
@pytest.mark.filterwarnings("ignore")
def test_values_are_those_of_scikit_learn(name: str, rows: list[tuple[str, str | None]]) -> None:
    truth, guesses = [true for true, _ in rows], [guess for _, guess in rows]
    found = _value(name, truth, guesses)
    expected = REFERENCES[name](truth, [guess or "no label" for guess in guesses])
    if found.value is not None:
        assert found.value == pytest.approx(expected, abs=1e-12)
        return
    # scikit-learn gives 0 or NaN where a value is not defined.
    assert found.reason
    assert math.isnan(expected) or expected == 0
    if name == "mcc":
        assert len(set(truth)) == 1 or len(set(guesses)) == 1
    else:
        assert (name, len({*truth, *guesses})) == ("kappa", 1)


@pytest.mark.parametrize(
    ("name", "truth", "guesses", "reason"),
    [
        ("mcc", "aaaa", "abca", "all rows have the same true label"),
        ("mcc", "abab", "aaaa", "every answer is the same label"),
        ("mcc", "abab", "????", "no answer has a label"),
        ("kappa", "aaaa", "aaaa", "all true labels and all answers are one label"),
        ("balanced_accuracy", "", "", "there are no rows"),
    ],
)
def test_undefined_values_say_why(name: str, truth: str, guesses: str, reason: str) -> None:
    found = _value(name, list(truth), [None if one == "?" else one for one in guesses])
    assert (found.value, found.reason) == (None, reason)


def test_a_side_without_a_value_is_named() -> None:
    good, rows = sample(60, 0.9, seed=2), 60
    alike = Given(("red",) * rows)
    predictions = Predictions(
        good.predictions.labels, good.predictions.texts, good.truth, given=alike
    )
    constant = Answered(predictions, alike.labels, None, name="majority")
    difference = compare_rows("mcc", [good], [constant], 0.0, 0, 200)
    assert difference.value is difference.p_value is None
    assert difference.reason == "on the right, every answer is the same label"
    assert compare_rows("kappa", [good], [constant], 0.0, 0, 200).p_value is not None
    silent = compare_rows("parsed", [good], [constant], 0.0, 0, 200)
    assert silent.reason == "majority gives labels and writes no text"


def test_several_seeds_are_compared_in_a_count_metric() -> None:
    left = [sample(60, 0.85, seed=seed) for seed in (2, 3, 4)]
    difference = compare_rows("mcc", left, [sample(60, 0.4, seed=9)], 0.0, 0, 200)
    assert difference.test == "t over rows and over 3 seeds"
    assert difference.low is not None
    assert difference.value is not None
    assert 0 < difference.low < difference.value


def test_one_test_row_of_a_label_gives_no_balanced_accuracy() -> None:
    predictions = Predictions(LABELS, tuple("123456"), tuple("aabbbc"))
    models = [Answered(predictions, tuple(guesses), None) for guesses in ("aabbbc", "aabbba")]
    difference = compare_rows("balanced_accuracy", models[:1], models[1:], 0.0, 0, 200)
    assert "balanced accuracy counts c, with one test row" in str(difference.reason)


def test_names_are_resolved_in_one_place() -> None:
    assert list(all_metrics())[: len(registry.METRICS)] == list(registry.METRICS)
    with pytest.raises(UsageError, match="did you mean mcc"):
        find_metric("mc")


def test_the_checks_find_faults() -> None:
    good = find_metric("accuracy")
    values: dict[str, Any] = dict(vars(good))
    broken = Metric(
        **{
            **values,
            "title": " ",
            "value": lambda answered: Estimate(math.nan, None, None),
            "limits": (0.0, 0.5),
        }
    )
    told = " ".join(faults(broken))
    for part in ("no title", "outside of its limits", "value and estimate differ", "is None"):
        assert part in told
