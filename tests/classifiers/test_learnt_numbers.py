"""The numbers that classifiers of scikit-learn have learnt."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from tunelab.classifiers.learnt_numbers import count_learnt
from tunelab.classifiers.majority import majority
from tunelab.classifiers.tfidf_svm import tfidf_svm

TEXTS = np.array(["red one", "red two", "blue one", "blue two", "green one", "green two"])
LABELS = np.array(["r", "r", "b", "b", "g", "g"])
NUMBERS = np.eye(6)[:, :4]
BOTH = FeatureUnion([("words", TfidfVectorizer()), ("again", TfidfVectorizer())])


@pytest.mark.parametrize(
    ("model", "inputs", "count"),
    [
        (majority(), TEXTS, 0),
        # Five words, three labels.
        (make_pipeline(CountVectorizer(), LinearSVC()), TEXTS, 5 * 3 + 3),
        (make_pipeline(TfidfVectorizer(), LinearSVC()), TEXTS, 5 + 5 * 3 + 3),
        (make_pipeline(BOTH, LinearSVC()), TEXTS, 10 + 10 * 3 + 3),
        # With the pairs of words.
        (tfidf_svm(), TEXTS, 11 + 11 * 3 + 3),
        (make_pipeline(StandardScaler(), LogisticRegression()), NUMBERS, 2 * 4 + 4 * 3 + 3),
        (GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2), NUMBERS, 4 * 3 + 3),
        (make_pipeline(CountVectorizer(), MultinomialNB()), TEXTS, 5 * 3 + 3),
        (GaussianNB(), NUMBERS, 2 * 4 * 3 + 3),
        (KNeighborsClassifier(1), NUMBERS, None),
        (RandomForestClassifier(3), NUMBERS, None),
    ],
)
def test_counted_by_hand(model: Any, inputs: Any, count: int | None) -> None:
    assert count_learnt(model.fit(inputs, LABELS)) == count
