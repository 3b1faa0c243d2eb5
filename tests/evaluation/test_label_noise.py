"""Confident learning by hand, and on labels that were swapped on purpose."""

import numpy as np
import pytest

from tunelab.evaluation.label_noise import likely_label_noise


def test_by_hand() -> None:
    probabilities = [
        [0.9, 0.1, 0.0],  # given 0
        [0.7, 0.2, 0.1],  # given 0
        [0.2, 0.8, 0.0],  # given 0: suspect
        [0.1, 0.8, 0.1],  # given 1
        [0.62, 0.38, 0.0],  # given 1: 0 reaches its threshold of 0.6, 1 does not reach 0.59
        [0.0, 0.4, 0.6],  # given 0: label 2 was given to nobody
    ]
    # Thresholds: (0.9 + 0.7 + 0.2 + 0.0) / 4 = 0.45 and (0.8 + 0.38) / 2 = 0.59.
    found = likely_label_noise(probabilities, [0, 0, 0, 1, 1, 0])
    assert [(entry.row, entry.given, entry.likely) for entry in found] == [(2, 0, 1), (4, 1, 0)]
    assert [entry.margin for entry in found] == pytest.approx([0.2 - 0.8, 0.38 - 0.62])


def test_most_probable_of_those_that_reach() -> None:
    # Row 0 reaches both thresholds, 0.4 and 0.5, and its given label is the more probable one.
    probabilities = [[0.52, 0.48, 0.0], [0.28, 0.3, 0.42], [0.3, 0.45, 0.25]]
    assert likely_label_noise(probabilities, [0, 0, 1]) == []


def test_finds_swapped_labels() -> None:
    generator = np.random.default_rng(0)
    rows, labels = 1000, 4
    truth = generator.integers(labels, size=rows)
    scores = generator.normal(size=(rows, labels)) + 4 * np.eye(labels)[truth]
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    given = truth.copy()
    swapped = generator.choice(rows, size=80, replace=False)
    given[swapped] = (truth[swapped] + 1) % labels
    found = likely_label_noise(probabilities, given.tolist())
    rows_found = [entry.row for entry in found]
    assert len(set(rows_found[:60]) & set(swapped.tolist())) >= 57
    assert len(set(rows_found) & set(swapped.tolist())) >= 60
    assert all(entry.likely == truth[entry.row] for entry in found[:40])
    margins = [entry.margin for entry in found]
    assert margins == sorted(margins)


def test_nothing_to_find() -> None:
    assert likely_label_noise([], []) == []
    assert likely_label_noise([[1.0], [1.0]], [0, 0]) == []
    assert likely_label_noise([[0.2, 0.8]], [0]) == []
