"""The starter corpus: its counts, its variety, and that it is hard enough."""

import re
from collections import Counter

import pytest

from tunelab.classifiers.tfidf_svm import tfidf_svm
from tunelab.data.checks import check
from tunelab.data.examples import Dataset
from tunelab.data.near_duplicates import near_duplicates
from tunelab.data.sources import open_source
from tunelab.evaluation.metrics import score

OWN_WORD = {
    "sadness": r"\b(sad|sadly|sadness|sadder|saddest|saddened)\b",
    "joy": r"\b(joy|joys|joyful|joyfully|joyous|enjoy\w*|overjoyed|rejoic\w*)\b",
    "love": r"\b(love|loves|loved|loving|lovingly|lovely|beloved|lovers?)\b",
    "anger": r"\b(anger|angers|angered|angry|angrily|angrier)\b",
    "fear": r"\b(fear|fears|feared|fearful|fearfully|afraid)\b",
    "surprise": r"\b(surpris\w*)\b",
}


@pytest.fixture(scope="module")
def corpus() -> Dataset:
    return open_source("starter", text="text", label="label")


def test_sizes_and_classes(corpus: Dataset) -> None:
    sizes = {split: len(rows) for split, rows in corpus.splits.items()}
    assert sizes["train"] >= 900
    assert sizes["validation"] >= 150
    assert sizes["test"] >= 240
    for rows in corpus.splits.values():
        counts = Counter(row.label for row in rows)
        assert set(counts) == set(OWN_WORD)
        assert min(counts.values()) >= len(rows) / 10


def test_no_faults_and_no_two_alike(corpus: Dataset) -> None:
    report = check(corpus)
    assert not any([*report.repeated.values(), *report.shared.values(), *report.blank.values()])
    assert report.conflicting == 0
    texts = [row.text for rows in corpus.splits.values() for row in rows]
    assert near_duplicates(texts, 0.5) == []


def test_the_own_word_is_rare(corpus: Dataset) -> None:
    rows = [row for split in corpus.splits.values() for row in split]
    for label, pattern in OWN_WORD.items():
        texts = [row.text for row in rows if row.label == label]
        share = sum(bool(re.search(pattern, text, re.IGNORECASE)) for text in texts) / len(texts)
        assert share <= 0.1, label


def test_no_opening_is_a_template(corpus: Dataset) -> None:
    rows = [row.text for split in corpus.splits.values() for row in split]
    openings = Counter(" ".join(text.lower().split()[:4]) for text in rows)
    assert openings.most_common(1)[0][1] <= 6


def test_bags_of_words_do_not_solve_it(corpus: Dataset) -> None:
    train, test = corpus.splits["train"], corpus.splits["test"]
    model = tfidf_svm().fit([row.text for row in train], [row.label for row in train])
    predicted = [str(label) for label in model.predict([row.text for row in test])]
    scores = score([row.label for row in test], predicted, corpus.labels)
    assert scores.f1_macro is not None
    assert scores.f1_macro < 0.75
