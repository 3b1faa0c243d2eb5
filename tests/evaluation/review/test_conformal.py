"""Conformal label sets: beside MAPIE's, their coverage, and too few rows."""

from typing import Any

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from tunelab.evaluation.review.conformal import (
    METHODS,
    aps_scores,
    conformal_limit,
    label_sets,
    lac_scores,
)
from tunelab.evaluation.review.rows import AskedRows

LABELS = ("a", "b", "c", "d")


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are its features."""

    def __init__(self) -> None:
        self.classes_ = np.arange(len(LABELS))

    def fit(self, X: Any, y: Any) -> "Given":  # noqa: N803
        self.is_fitted_ = True
        return self

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        return X

    def predict(self, X: Any) -> Any:  # noqa: N803
        return X.argmax(axis=1)


def _rows(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    table = softmax(generator.normal(scale=1.5, size=(rows, len(LABELS))), axis=1)
    truth = (generator.random(rows)[:, None] > table.cumsum(axis=1)).sum(axis=1)
    return table, np.minimum(truth, len(LABELS) - 1)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize(
    ("method", "options"), [("lac", {}), ("aps", {"include_last_label": "randomized"})]
)
def test_the_sets_are_those_of_mapie(method: str, options: dict[str, str], coverage: float) -> None:
    known, truth = _rows(150, 0)
    asked, _ = _rows(200, 1)
    theirs = SplitConformalClassifier(
        Given().fit(known, truth),
        confidence_level=coverage,
        conformity_score=method,
        random_state=7,
    ).conformalize(known, truth)
    _, sets = theirs.predict_set(asked, conformity_score_params=options)
    # MAPIE draws both columns of uniform numbers from its seed.
    uniforms = [np.random.RandomState(7).uniform(size=rows) for rows in (150, 200)]
    score = METHODS[method]
    own = score(known, uniforms[0])[np.arange(150), truth]
    limit = conformal_limit(own.tolist(), coverage)
    assert limit is not None
    assert (score(asked, uniforms[1]) <= limit + 1e-12).tolist() == sets[:, :, 0].tolist()


def test_scores_by_hand() -> None:
    table = [[0.2, 0.5, 0.3]]
    assert lac_scores(table)[0] == pytest.approx([0.8, 0.5, 0.7])
    assert aps_scores(table)[0] == pytest.approx([1.0, 0.5, 0.8])
    assert aps_scores(table, [0.5])[0] == pytest.approx([0.9, 0.25, 0.65])


def test_the_limit_is_the_right_order_statistic() -> None:
    scores = np.arange(1, 100) / 100
    assert conformal_limit(scores.tolist(), 0.9) == pytest.approx(0.90)
    assert conformal_limit(scores[:9].tolist(), 0.9) == pytest.approx(0.09)
    assert conformal_limit(scores[:8].tolist(), 0.9) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        conformal_limit([0.1], 1.0)


@pytest.mark.parametrize("method", METHODS)
def test_the_mean_coverage_is_the_wanted_one(method: str) -> None:
    covered = []
    for seed in range(60):
        table, truth = _rows(1400, seed)
        sets = label_sets(
            method,
            AskedRows(table[:400], truth[:400].tolist()),
            AskedRows(table[400:], truth[400:].tolist()),
            LABELS,
            coverage=0.9,
            seed=seed,
        )
        covered.append(sets.coverage.value)
    assert np.mean(np.array(covered, dtype=float)) == pytest.approx(0.9, abs=0.01)


def test_what_is_told_of_sets() -> None:
    table, truth = _rows(600, 5)
    truth[300:][truth[300:] == 3] = 0
    truth[300:310] = 3
    halves = (
        AskedRows(table[:300], truth[:300].tolist()),
        AskedRows(table[300:], truth[300:].tolist()),
    )
    found = label_sets("lac", *halves, LABELS, coverage=0.9, seed=0)
    assert found.limit is not None
    inside = 1 - table[300:] <= found.limit + 1e-12
    assert found.mean_size == pytest.approx(inside.sum(axis=1).mean())
    assert found.single == pytest.approx((inside.sum(axis=1) == 1).mean())
    assert found.coverage.value == pytest.approx(inside[np.arange(300), truth[300:]].mean())
    assert found.labels["d"].value is None
    assert found.labels["d"].reason == "10 test rows of at least 20"
    of_a = truth[300:] == 0
    assert found.labels["a"].value == pytest.approx(inside[of_a, 0].mean())
    assert label_sets("aps", *halves, LABELS, coverage=0.9, seed=0) == label_sets(
        "aps", *halves, LABELS, coverage=0.9, seed=0
    )


def test_too_few_rows_have_no_sets() -> None:
    table, truth = _rows(40, 5)
    few = label_sets(
        "lac",
        AskedRows(table[:8], truth[:8].tolist()),
        AskedRows(table, truth.tolist()),
        LABELS,
        coverage=0.9,
        seed=0,
    )
    assert (few.limit, few.mean_size, few.coverage.value) == (None, None, None)
    assert few.reason == few.coverage.reason == "8 validation rows of at least 9"
    none = label_sets(
        "lac",
        AskedRows(table, truth.tolist()),
        AskedRows(table[:0], []),
        LABELS,
        coverage=0.9,
        seed=0,
    )
    assert none.reason == "there are no test rows"
