"""TF-IDF features and a linear classifier over them, as the TF-IDF kinds share them."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from tunelab.classifiers.chosen_by_folds import choose
from tunelab.data.scripts import has_words

_log = logging.getLogger(__name__)


class LinearOverTfidf(ClassifierMixin, BaseEstimator):
    """A linear classifier over TF-IDF features; subclasses say which of each.

    With ``C="auto"`` the inverse strength of the regularization is chosen from ``strengths`` by
    cross-validation on the training rows, and is kept in ``best_params_``.
    """

    strengths: Sequence[float] = ()
    # Where there are too few rows to choose by.
    fallback = 1.0

    def features(self, texts: Sequence[str]) -> Mapping[str, Any]:
        """The arguments of TfidfVectorizer for these training texts."""
        raise NotImplementedError

    def linear(self, strength: float) -> Any:
        """The unfitted linear classifier."""
        raise NotImplementedError

    def fit(
        self,
        X: Any,  # noqa: N803 - scikit-learn's name
        y: Any,
        groups: Sequence[object] | None = None,
    ) -> "LinearOverTfidf":
        """Fit the features and the classifier to texts ``X`` with labels ``y``.

        ``groups`` say which texts belong together; a fold of a cross-validation divides none.

        Raises:
            ValueError: no text holds a visible character, or there is one label only.
        """
        features = self.features(X)
        strength = self.C
        if strength == "auto":
            strength = self._chosen(X, y, features, groups)
            self.best_params_ = {"C": strength}
        self.pipeline_ = make_pipeline(_vectorizer(features), self.linear(strength))
        self.pipeline_.fit(X, y)
        self.classes_ = self.pipeline_.classes_
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        """The label of each text."""
        return self.pipeline_.predict(X)

    def as_scikit_learn(self) -> Any:
        """The fitted pipeline, which scikit-learn alone can run."""
        return self.pipeline_

    def _chosen(
        self,
        texts: Any,
        labels: Any,
        features: Mapping[str, Any],
        groups: Sequence[object] | None,
    ) -> float:
        import numpy as np

        texts, labels = np.asarray(texts, dtype=object), np.asarray(labels, dtype=object)

        def answer(fitted: Any, asked: Any) -> Iterator[Any]:
            # The features of a fold know nothing of the texts that are asked.
            vectorizer = _vectorizer(features)
            known = vectorizer.fit_transform(texts[fitted])
            unknown = vectorizer.transform(texts[asked])
            for strength in self.strengths:
                yield self.linear(strength).fit(known, labels[fitted]).predict(unknown)

        found = choose(
            self.strengths,
            self.fallback,
            labels,
            answer,
            seed=self.random_state,
            groups=groups,
        )
        return float(found)


def _vectorizer(features: Mapping[str, Any]) -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True, **features)


def words_or_characters(texts: Sequence[str], name: str) -> Mapping[str, Any]:
    """Words and pairs of words; where most texts hold no word, up to three characters in a row.

    ``name`` is that of the classifier, for the log.
    """
    if has_words(texts):
        return {"ngram_range": (1, 2)}
    _log.info("%s: most texts have no words between blanks; it counts characters", name)
    return {"analyzer": "char", "ngram_range": (1, 3)}
