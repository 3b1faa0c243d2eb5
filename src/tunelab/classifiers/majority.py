"""The most frequent training label for every text: what any classifier should beat."""

from typing import Any

from sklearn.base import BaseEstimator, ClassifierMixin


class Majority(ClassifierMixin, BaseEstimator):
    """Answers each text with the most frequent training label, the first by name of equal ones.

    It has no probabilities, as it looks at no text.
    """

    # No text decides its answer.
    reads_no_text = True

    def fit(self, X: Any, y: Any) -> "Majority":  # noqa: N803 - scikit-learn's name
        """Count the labels ``y``."""
        import numpy as np

        self.classes_, counts = np.unique(np.asarray(y, dtype=str), return_counts=True)
        self.label_ = str(self.classes_[counts.argmax()])
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        """The label, once for each text."""
        import numpy as np

        return np.array([self.label_] * len(X), dtype=object)

    def as_scikit_learn(self) -> Any:
        """The same as scikit-learn's own constant classifier."""
        from sklearn.dummy import DummyClassifier

        rows = [[0]] * len(self.classes_)
        return DummyClassifier(strategy="constant", constant=self.label_).fit(rows, self.classes_)


def majority() -> Majority:
    """The most frequent training label for every text."""
    return Majority()
