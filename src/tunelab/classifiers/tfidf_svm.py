"""TF-IDF and a linear support vector machine."""

import logging
from collections.abc import Sequence
from typing import Any

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

_log = logging.getLogger(__name__)


class TfidfSVM(ClassifierMixin, BaseEstimator):
    """A linear support vector machine over TF-IDF features.

    Over words and pairs of words; over single characters and up to three in a row where most texts
    hold no word, as emoji, or are in a script that is written without blanks, as Chinese.

    Source: Joachims, Text Categorization with Support Vector Machines, 1998.
    """

    def __init__(self, C: float = 1.0, random_state: int | None = None) -> None:  # noqa: N803
        self.C = C
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> "TfidfSVM":  # noqa: N803 - scikit-learn's name
        """Fit the features and the machine to texts ``X`` with labels ``y``.

        Raises:
            ValueError: no text holds a visible character, or there is one label only.
        """
        if has_words(X):
            features: dict[str, Any] = {"ngram_range": (1, 2)}
        else:
            _log.info("tfidf-svm: most texts have no words between blanks; it counts characters")
            features = {"analyzer": "char", "ngram_range": (1, 3)}
        self.pipeline_ = make_pipeline(
            TfidfVectorizer(sublinear_tf=True, **features),
            LinearSVC(C=self.C, random_state=self.random_state),
        )
        self.pipeline_.fit(X, y)
        self.classes_ = self.pipeline_.classes_
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        """The label of each text."""
        return self.pipeline_.predict(X)


def tfidf_svm(C: float = 1.0) -> TfidfSVM:  # noqa: N803 - scikit-learn's name
    """TF-IDF and a linear support vector machine; ``C`` is the inverse of its regularization."""
    return TfidfSVM(C)


def has_words(texts: Sequence[str]) -> bool:
    """Whether at least half of the texts hold words of two letters or more between blanks."""
    import regex

    # A word as TfidfVectorizer finds it, in a script that puts blanks between words.
    unspaced = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    word = regex.compile(rf"[\w--[{unspaced}]][\w--[{unspaced}]]", flags=regex.VERSION1)
    return 2 * sum(word.search(text) is not None for text in texts) >= len(texts)
