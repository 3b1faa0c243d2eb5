"""TF-IDF and logistic regression."""

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.linear_model import LogisticRegression

from tunelab.classifiers.chosen_by_folds import Strength
from tunelab.classifiers.tfidf import LinearOverTfidf, words_or_characters


class TfidfLogistic(LinearOverTfidf):
    """Multinomial logistic regression over the TF-IDF features of :class:`TfidfSVM`."""

    strengths = (1.0, 10.0, 30.0, 100.0, 300.0)

    def __init__(
        self,
        C: Strength = "auto",  # noqa: N803
        random_state: int | None = None,
        class_weight: Mapping[str, float] | str | None = None,
    ) -> None:
        self.C = C
        self.random_state = random_state
        self.class_weight = class_weight

    def features(self, texts: Sequence[str]) -> Mapping[str, Any]:
        """Words where there are any, else characters."""
        return words_or_characters(texts, "tfidf-logistic")

    def linear(self, strength: float) -> LogisticRegression:
        """The regression."""
        return LogisticRegression(
            C=strength,
            max_iter=1000,
            random_state=self.random_state,
            class_weight=self.class_weight,
        )

    def predict_proba(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        """The probability of each class, array (texts, classes)."""
        return self.pipeline_.predict_proba(X)


def tfidf_logistic(C: Strength = "auto") -> TfidfLogistic:  # noqa: N803 - scikit-learn's name
    """TF-IDF of words and logistic regression, which has probabilities.

    ``C`` is the inverse strength of its regularization; auto chooses it by cross-validation on the
    training rows.
    """
    return TfidfLogistic(C)
