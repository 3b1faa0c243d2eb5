"""Windows beside the training and the test: corrected together, and what could be seen."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from tunelab.evaluation.monitoring.monitored import (
    Monitored,
    as_record,
    compare_windows,
    detectable_change,
)
from tunelab.evaluation.monitoring.window import Window
from tunelab.evaluation.monitoring.words import told

LABELS = ["joy", "fear"]
CONFUSION = [[90, 15], [10, 85], [0, 0]]


def _texts(
    generator: np.random.Generator, first: int, size: int = 60
) -> tuple[tuple[int, ...], ...]:
    """Texts of six words each out of 80 that begin with ``first``."""
    return tuple(
        tuple(sorted(set((first + generator.integers(0, 80, size=6)).tolist())))
        for _ in range(size)
    )


@pytest.fixture(scope="module")
def found() -> Monitored:
    generator = np.random.default_rng(5)
    windows = [
        Window("monday", {"joy": 52, "fear": 48}, _texts(generator, 0), 0.8, 3, 100),
        Window("tuesday", {"joy": 10, "fear": 90}, _texts(generator, 0)),
        Window("wednesday", {"joy": 50, "fear": 50}, _texts(generator, 60)),
        Window("thursday", {"joy": 3}, _texts(generator, 0, 3)),
    ]
    old = _texts(generator, 0, 200)
    return compare_windows(windows, old=old, labels=LABELS, confusion=CONFUSION)


def test_the_windows_that_differ_are_found(found: Monitored) -> None:
    assert [one.changed for one in found.windows] == [False, True, True, None]
    tuesday, wednesday = found.windows[1].drift, found.windows[2].drift
    assert (tuesday.texts_differ, tuesday.labels_differ) == (False, True)
    assert (wednesday.texts_differ, wednesday.labels_differ) == (True, False)
    assert found.tests == 6
    assert found.tested_accuracy == pytest.approx(175 / 200)


def test_all_tests_are_corrected_together(found: Monitored) -> None:
    smallest = min(one.drift.labels.p_value or 1 for one in found.windows)
    # 1,600 random tables for four windows. Of six tests one has a smaller p-value, so that Holm
    # multiplies this one by five.
    assert smallest == pytest.approx(1 / 1600)
    assert found.windows[1].drift.p_labels == pytest.approx(5 / 1600)


def test_shares_have_their_intervals(found: Monitored) -> None:
    label, tested, now = found.windows[1].shares[0]
    assert (label, tested, now.value) == ("joy", 105 / 200, 0.1)
    # Wilson's interval of 10 in 100.
    assert now.low == pytest.approx(0.0552, abs=1e-4)
    assert now.high == pytest.approx(0.1744, abs=1e-4)
    assert found.windows[0].to_review.value == 0.03
    assert found.windows[1].to_review.reason == "it is not known who should look"


def test_the_words_lead_with_the_verdict(found: Monitored) -> None:
    first, *rest = told(found)
    assert first.startswith("2 windows of 4 differ from the training and the test")
    assert "(6 tests, corrected together): tuesday, wednesday." in first
    assert any(sentence.startswith("tuesday: The answers have other shares") for sentence in rest)
    assert any("in the last such window (wednesday), take its 100 texts" in one for one in rest)
    assert "Not tested: thursday, as there are 3 new texts, fewer than 30." in rest


def test_without_a_change_it_says_what_could_be_missed() -> None:
    windows = [Window(str(day), {"joy": 105, "fear": 95}, None) for day in range(3)]
    found = compare_windows(windows, old=[], labels=LABELS, confusion=CONFUSION)
    first, *rest = told(found)
    assert first == "No change is shown in 3 windows (3 tests, corrected together)."
    assert any("smaller changes can be missed" in sentence for sentence in rest)
    assert rest[-1].startswith("Only the answers are tested, as the log holds no texts")


def test_too_few_texts_are_no_verdict() -> None:
    found = compare_windows(
        [Window("one", {"joy": 2}, None)], old=[], labels=LABELS, confusion=CONFUSION
    )
    assert found.windows[0].changed is None
    assert found.windows[0].detectable is None
    assert told(found)[0] == (
        "Nothing is tested in 1 window: there are 2 new texts, fewer than 30."
    )


def test_the_detectable_change_is_found_as_often_as_it_says() -> None:
    before, texts = [300, 700], 200
    change = detectable_change(before, texts, tests=1)
    assert change is not None
    generator = np.random.default_rng(2)
    decided = 0
    for _ in range(600):
        tested = generator.binomial(1000, 0.3)
        now = generator.binomial(texts, 0.3 + change)
        table = [[tested, 1000 - tested], [now, texts - now]]
        decided += chi2_contingency(table, correction=False).pvalue < 0.05
    assert decided / 600 == pytest.approx(0.8, abs=0.06)
    more = detectable_change(before, texts, tests=20)
    assert more is not None
    assert more > change
    assert detectable_change([10], texts, tests=1) is None


def test_the_record_holds_everything_and_no_text(found: Monitored) -> None:
    record = as_record(found)
    assert [one["changed"] for one in record["windows"]] == [False, True, True, None]
    assert record["windows"][1]["drift"]["labels"]["p_corrected"] == pytest.approx(5 / 1600)
    assert record["tests"] == 6
