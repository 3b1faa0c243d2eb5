"""TF-IDF and a linear support vector machine."""

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.svm import LinearSVC

from tunelab.classifiers.chosen_by_folds import Strength
from tunelab.classifiers.tfidf import LinearOverTfidf, words_or_characters


class TfidfSVM(LinearOverTfidf):
    """A linear support vector machine over TF-IDF features.

    Over words and pairs of words; over single characters and up to three in a row where most texts
    hold no word, as emoji, or are in a script that is written without blanks, as Chinese.

    Source: Joachims, Text Categorization with Support Vector Machines, 1998.
    """

    strengths = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)

    def __init__(
        self,
        C: Strength = 1.0,  # noqa: N803
        random_state: int | None = None,
        class_weight: Mapping[str, float] | str | None = None,
    ) -> None:
        self.C = C
        self.random_state = random_state
        self.class_weight = class_weight

    def features(self, texts: Sequence[str]) -> Mapping[str, Any]:
        """Words where there are any, else characters."""
        return words_or_characters(texts, "tfidf-svm")

    def linear(self, strength: float) -> LinearSVC:
        """The machine."""
        return LinearSVC(C=strength, random_state=self.random_state, class_weight=self.class_weight)


def tfidf_svm(C: Strength = 1.0) -> TfidfSVM:  # noqa: N803 - scikit-learn's name
    """TF-IDF and a linear support vector machine.

    ``C`` is the inverse strength of its regularization; auto chooses it by cross-validation on the
    training rows.
    """
    return TfidfSVM(C)
