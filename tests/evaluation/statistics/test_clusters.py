"""Rows that belong together: errors, intervals and tests against other sources and by hand."""

import math
import random

import numpy as np
import pytest
import statsmodels.api as sm

from tunelab.evaluation.metrics import Answered, Resampling, all_metrics, find_metric
from tunelab.evaluation.metrics.f1 import STATISTICS
from tunelab.evaluation.metrics.scores import wilson_interval
from tunelab.evaluation.predictions import Given, Predictions
from tunelab.evaluation.statistics.best import can_be_best, gain_of_group, rows_to_tell
from tunelab.evaluation.statistics.clusters import (
    LEAST_GROUPS,
    Clusters,
    cluster_mean,
    cluster_share,
    cluster_share_against,
    clusters_of,
    compare_clusters,
    mean_against,
)
from tunelab.evaluation.statistics.resampling import count_difference, count_interval
from tunelab.evaluation.statistics.seeds import across_seeds


def drawn(
    count: int = 30, size: int = 8, seed: int = 0, uneven: int = 3
) -> tuple[list[bool], list[str]]:
    """Right and wrong rows of groups that differ, and each row's group."""
    draw = random.Random(seed)
    flags, groups = [], []
    for group in range(count):
        share = draw.betavariate(3, 1.5)
        for _ in range(size + group % uneven):
            flags.append(draw.random() < share)
            groups.append(f"g{group}")
    return flags, groups


def clusters(groups: list[str]) -> Clusters:
    found = clusters_of(groups)
    assert found is not None
    return found


def test_the_standard_error_is_that_of_statsmodels() -> None:
    # Of groups of one size the jackknife is the ordinary clustered error.
    flags, groups = drawn(uneven=1)
    values = np.asarray(flags, dtype=float)
    fit = sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": np.unique(groups, return_inverse=True)[1]}
    )
    own = clusters(groups)
    # Statsmodels corrects for the number of rows as well: (n - 1) / (n - 1) of one mean.
    assert own.error(flags, float(values.mean())) == pytest.approx(float(fit.bse[0]), rel=1e-9)


def test_miller_by_hand() -> None:
    # Miller 2024, equation 4: √(SE² + Σ of the products within clusters / n²).
    values = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0])
    groups = ["a", "a", "b", "b", "c", "c", "d", "d"]
    mean, rows = values.mean(), len(values)
    off = values - mean
    products = sum(
        off[i] * off[j]
        for i in range(rows)
        for j in range(rows)
        if i != j and groups[i] == groups[j]
    )
    miller = math.sqrt(float(off @ off) / rows**2 + products / rows**2)
    assert clusters(groups).error(values, mean) == pytest.approx(miller * math.sqrt(4 / 3))


def test_the_jackknife_leaves_a_group_out() -> None:
    flags, groups = drawn(12)
    values, names = np.asarray(flags, dtype=float), np.asarray(groups)
    without = np.array([values[names != name].mean() for name in dict.fromkeys(groups)])
    jackknife = math.sqrt(11 / 12 * float(((without - values.mean()) ** 2).sum()))
    assert clusters(groups).error(flags, float(values.mean())) == pytest.approx(jackknife)


def test_a_group_with_most_of_the_rows() -> None:
    groups = ["one"] * 90 + [f"{row}" for row in range(30)]
    own = clusters(groups)
    assert own.count == 31
    assert own.worth == pytest.approx(120**2 / (90**2 + 30))
    found = cluster_share([bool(row % 3) for row in range(120)], own)
    assert found.low is None
    assert "31 groups are, whose sizes make them weigh as 1.8, too few" in str(found.reason)


def test_rows_alone_are_no_clusters() -> None:
    assert clusters_of(None) is None
    assert clusters_of(["a", "b", None, None]) is None
    found = clusters_of(["a", None, "a", None, "b"])
    assert found is not None
    assert found.count == 4
    assert found.index.tolist() == [0, 1, 0, 2, 3]


def test_a_share_is_wider_and_never_narrower_than_wilson() -> None:
    flags, groups = drawn()
    found = cluster_share(flags, clusters(groups))
    low, high = wilson_interval(sum(flags), len(flags))
    assert found.low is not None
    assert found.high is not None
    assert low is not None
    assert high is not None
    assert 0 < found.low < low < high < found.high < 1
    # All right: as many independent rows as there are groups.
    every = cluster_share([True] * len(flags), clusters(groups))
    assert every.high == 1.0
    assert every.low is not None
    assert every.low < 0.9


def test_few_groups_give_no_interval() -> None:
    flags, groups = drawn(LEAST_GROUPS - 1)
    own = clusters(groups)
    for found in (cluster_share(flags, own), cluster_mean(list(map(float, flags)), own)):
        assert found.value is not None
        assert (found.low, found.high) == (None, None)
        assert "9 groups are too few" in str(found.reason)
    values = list(map(float, flags))
    other = [1.0 - value for value in values]
    for outcome in (
        compare_clusters(values, other, own, shares=True),
        cluster_share_against(flags, 0.5, 0.0, own),
        mean_against(values, 0.5, 0.0, own),
    ):
        assert outcome.p_value is None
        assert outcome.low is None
        assert "too few" in str(outcome.reason)
    seeds = across_seeds([flags, flags[::-1]], own)
    assert seeds.accuracy_anywhere.low is None
    assert "too few" in str(seeds.accuracy_anywhere.reason)


def test_a_paired_test_by_hand() -> None:
    # Six groups of two rows differ, all for the left; six do not: 2 of 64 patterns of signs.
    left = [1.0] * 12 + [0.0] * 12
    right = [0.0] * 12 + [0.0] * 12
    groups = [f"{row // 2}" for row in range(24)]
    found = compare_clusters(left, right, clusters(groups), shares=True)
    assert found.p_value == pytest.approx(2 / 64)
    assert found.value == pytest.approx(0.5)
    assert found.rows_needed is not None
    # The other way round it is the same test.
    turned = compare_clusters(right, left, clusters(groups), shares=True)
    assert turned.p_value == found.p_value
    assert (turned.low, turned.high) == (-(found.high or 0), -(found.low or 0))
    alike = compare_clusters(left, left, clusters(groups), shares=True)
    assert (alike.p_value, alike.low) == (None, None)


def test_random_signs_agree_with_all_of_them() -> None:
    draw = np.random.default_rng(3)
    sums = draw.normal(0.3, 1, 13)
    groups = [f"{row // 2}" for row in range(26)]
    values = [value / 2 for value in sums for _ in range(2)]
    exact = compare_clusters(values, [0.0] * 26, clusters(groups))
    more = [f"{row // 2}" for row in range(28)]
    # A group with next to no difference turns the exact test into a random one.
    sampled = compare_clusters([*values, 1e-9, 1e-9], [0.0] * 28, clusters(more))
    assert exact.p_value is not None
    assert sampled.p_value == pytest.approx(exact.p_value, abs=0.015)


def test_another_margin_is_tested_as_the_interval_ends() -> None:
    flags, groups = drawn()
    left = list(map(float, flags))
    right = [float(value and row % 5) for row, value in enumerate(flags)]
    found = compare_clusters(left, right, clusters(groups), shares=True)
    assert found.high is not None
    at_end = compare_clusters(left, right, clusters(groups), margin=found.high, shares=True)
    assert at_end.p_value == pytest.approx(0.05)
    share = cluster_share(flags, clusters(groups))
    assert share.high is not None
    edge = cluster_share_against(flags, share.high, 0.0, clusters(groups))
    assert edge.p_value == pytest.approx(0.05)


def test_groups_are_drawn_in_the_bootstrap() -> None:
    flags, groups = drawn()
    truth = [("a", "b", "c")[row % 3] for row in range(len(flags))]
    wrong = {"a": "b", "b": "c", "c": None}
    given = [true if right else wrong[true] for true, right in zip(truth, flags, strict=True)]
    labels = ("a", "b", "c")
    rows = count_interval(STATISTICS["macro"], truth, given, labels, seed=0, resamples=800)
    own = count_interval(
        STATISTICS["macro"],
        truth,
        given,
        labels,
        seed=0,
        resamples=800,
        clusters=clusters(groups),
    )
    assert own.value == rows.value
    assert own.low is not None
    assert own.high is not None
    assert rows.low is not None
    assert rows.high is not None
    assert own.high - own.low > 1.2 * (rows.high - rows.low)
    difference = count_difference(
        STATISTICS["macro"],
        truth,
        given,
        truth,
        labels,
        seed=0,
        resamples=400,
        clusters=clusters(groups),
    )
    assert difference.test == "paired bootstrap of groups"
    assert difference.details["groups"] == 30


def test_groups_of_one_row_resample_as_rows() -> None:
    flags, groups = drawn(60, 1)
    truth = ["ab"[row % 2] for row in range(len(flags))]
    given = [true if right else "a" for true, right in zip(truth, flags, strict=True)]
    alone = Clusters(np.arange(len(flags)), len(flags))
    labels = ("a", "b")
    rows = count_interval(STATISTICS["macro"], truth, given, labels, seed=0, resamples=2000)
    own = count_interval(
        STATISTICS["macro"], truth, given, labels, seed=0, resamples=2000, clusters=alone
    )
    assert own.low == pytest.approx(rows.low, abs=0.01)
    assert own.high == pytest.approx(rows.high, abs=0.01)
    assert groups


def test_the_gain_of_a_group_of_classifiers() -> None:
    flags, groups = drawn(40)
    draw = random.Random(1)
    left = [float(flag) for flag in flags]
    right = [float(flag and draw.random() < 0.8) for flag in flags]
    found = gain_of_group([left], [right], seed=0, groups=groups)
    single = gain_of_group([left], [right], seed=0)
    assert found.value == single.value
    assert found.low is not None
    assert found.high is not None
    assert found.low > 0
    few = gain_of_group([left[:40]], [right[:40]], seed=0, groups=groups[:40])
    assert few.low is None
    assert "too few" in str(few.reason)
    assert can_be_best([left, right], seed=0, groups=groups).inside == (True, False)
    assert rows_to_tell(left, right, groups) != rows_to_tell(left, right)


def test_every_metric_of_labels_is_clustered() -> None:
    flags, groups = drawn()
    truth = tuple(("a", "b", "c")[row % 3] for row in range(len(flags)))
    given = tuple(
        true if right else "a" if true == "c" else "c"
        for true, right in zip(truth, flags, strict=True)
    )

    def answered(names: tuple[str, ...] | None) -> Answered:
        texts = tuple(map(str, range(len(truth))))
        predictions = Predictions(("a", "b", "c"), texts, truth, given=Given(given), groups=names)
        return Answered(predictions, given, given, name="one")

    how = Resampling(0, 400)
    for name, metric in all_metrics().items():
        if metric.reads != "labels":
            continue
        rows = metric.estimate(answered(None), how)
        own = metric.estimate(answered(tuple(groups)), how)
        few = metric.estimate(answered(("g",) * len(groups)), how)
        assert own.value == rows.value
        assert rows.low is not None
        assert rows.high is not None
        assert own.low is not None, name
        assert own.high is not None
        assert own.high - own.low > rows.high - rows.low
        assert few.low is None
        assert few.reason
    other = answered(tuple(groups))
    found = find_metric("accuracy").compare(other, 0.5, 0.0, how)
    assert found.test == "t over groups"
