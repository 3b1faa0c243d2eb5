"""A part of the rows against the rest: against scipy and published intervals, and over groups."""

import random

import numpy as np
import pytest
from scipy.stats import fisher_exact, ttest_ind

from tunelab.evaluation.statistics.clusters import Clusters, clusters_of
from tunelab.evaluation.statistics.parts import compare_parts


def test_shares_are_fishers_and_agresti_and_caffo() -> None:
    # 7 of 10 against 3 of 20: (8/12 − 4/22) ± 1.96 √(p(1−p)/12 + q(1−q)/22).
    values = [1.0] * 7 + [0.0] * 3 + [1.0] * 3 + [0.0] * 17
    found = compare_parts(values, range(10))
    assert found.value == pytest.approx(0.7 - 0.15)
    assert found.p_value == pytest.approx(fisher_exact([[7, 3], [3, 17]]).pvalue)
    middle = 8 / 12 - 4 / 22
    half = 1.959964 * ((8 / 12 * 4 / 12) / 12 + (4 / 22 * 18 / 22) / 22) ** 0.5
    assert found.low == pytest.approx(middle - half, abs=1e-5)
    assert found.high == pytest.approx(middle + half, abs=1e-5)


def test_numbers_are_welchs() -> None:
    draw = np.random.default_rng(1)
    values = [*draw.normal(1, 2, 30), *draw.normal(0, 1, 50)]
    found = compare_parts(values, range(30))
    other = ttest_ind(values[:30], values[30:], equal_var=False)
    assert found.p_value == pytest.approx(other.pvalue)
    low, high = other.confidence_interval()
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)


def test_groups_of_one_row_are_welchs_nearly() -> None:
    draw = np.random.default_rng(2)
    values = draw.normal(0, 1, 80).tolist()
    rows = compare_parts(values, range(40))
    alone = compare_parts(values, range(40), Clusters(np.arange(80), 80))
    assert alone.p_value == pytest.approx(rows.p_value, abs=0.02)


def test_rows_of_a_group_tell_less() -> None:
    draw = random.Random(3)
    values, groups = [], []
    for group in range(40):
        common = draw.gauss(0.5 if group < 20 else 0, 1)
        values += [common + draw.gauss(0, 0.2) for _ in range(6)]
        groups += [str(group)] * 6
    clusters = clusters_of(groups)
    rows = compare_parts(values, range(120))
    own = compare_parts(values, range(120), clusters)
    assert rows.p_value is not None
    assert own.p_value is not None
    assert own.p_value > rows.p_value
    few = compare_parts(values[:24], range(12), clusters_of(groups[:24]))
    assert few.p_value is None
    assert "too few" in str(few.reason)
    with pytest.raises(ValueError, match="two rows each"):
        compare_parts(values, [0])
