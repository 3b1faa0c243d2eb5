"""TF-IDF of characters and a linear support vector machine."""

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.svm import LinearSVC

from tunelab.classifiers.chosen_by_folds import Strength
from tunelab.classifiers.tfidf import LinearOverTfidf


class TfidfCharacters(LinearOverTfidf):
    """A linear support vector machine over the TF-IDF of characters.

    Of one to five characters in a row within words, with the blanks around them; a text without
    blanks is one word. It is robust to spelling and inflection, which change a word and few of its
    characters.

    Source: Cavnar and Trenkle, N-Gram-Based Text Categorization, 1994.
    """

    strengths = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)

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
        """One to five characters in a row, within words and with the blanks around them."""
        return {"analyzer": "char_wb", "ngram_range": (1, 5)}

    def linear(self, strength: float) -> LinearSVC:
        """The machine."""
        return LinearSVC(C=strength, random_state=self.random_state, class_weight=self.class_weight)


def tfidf_characters(C: Strength = "auto") -> TfidfCharacters:  # noqa: N803 - scikit-learn's name
    """TF-IDF of up to five characters in a row and a linear support vector machine.

    ``C`` is the inverse strength of its regularization; auto chooses it by cross-validation on the
    training rows.
    """
    return TfidfCharacters(C)
