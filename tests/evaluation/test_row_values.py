"""Values of rows whose mean is a metric."""

from typing import Any

import numpy as np
import pytest

from tunelab.evaluation.metrics import Answered, find_metric
from tunelab.evaluation.predictions import Given, Predictions
from tunelab.evaluation.row_values import mean_over_seeds, row_values

LABELS = ("a", "b", "c")


def _answered(rows: int, seed: int) -> Answered:
    draw = np.random.default_rng(seed)
    truth = tuple(draw.choice(LABELS, rows, p=[0.6, 0.3, 0.1]).tolist())
    given = tuple(true if draw.random() < 0.7 else str(draw.choice(LABELS)) for true in truth)
    texts = tuple(map(str, range(rows)))
    return Answered(Predictions(LABELS, texts, truth, given=Given(given)), given, given)


def test_of_a_share_they_are_the_rows() -> None:
    answered = _answered(40, 1)
    found = row_values(find_metric("accuracy"), answered)
    assert found == [
        float(true == guess) for true, guess in zip(answered.truth, answered.predicted, strict=True)
    ]


@pytest.mark.parametrize("name", ["f1_macro", "balanced_accuracy", "kappa"])
def test_of_another_metric_they_have_its_value_and_its_error(name: str) -> None:
    metric, answered = find_metric(name), _answered(300, 2)
    values = row_values(metric, answered)
    assert values is not None
    assert np.mean(values) == pytest.approx(metric.value(answered).value, abs=0.005)
    # As the spread of the metric over other rows.
    again: list[Any] = [metric.value(_answered(300, seed)).value for seed in range(3, 303)]
    assert np.std(values) / 300**0.5 == pytest.approx(np.std(again), rel=0.25)


def test_what_is_no_label_has_none() -> None:
    assert row_values(find_metric("answer_tokens"), _answered(20, 1)) is None
    assert row_values(find_metric("f1_macro"), _answered(1, 1)) is None


def test_the_mean_over_seeds_is_one_of_each_row() -> None:
    assert mean_over_seeds([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]) == [1.0, 0.5, 0.5]
