"""Classical models that every language model should beat, trained on the same rows."""

from collections import Counter
from collections.abc import Sequence

from tunelab.errors import RunError


def majority(
    texts: Sequence[str], labels: Sequence[str], questions: Sequence[str], *, seed: int
) -> list[str]:
    """Answer every question with the most frequent training label; ties go by name."""
    counts = Counter(labels)
    top = min(counts, key=lambda label: (-counts[label], label))
    return [top] * len(questions)


def tfidf_svm(
    texts: Sequence[str], labels: Sequence[str], questions: Sequence[str], *, seed: int
) -> list[str]:
    """TF-IDF over words and pairs of words, and a linear support vector machine.

    Source: Joachims, Text Categorization with Support Vector Machines, 1998.

    Raises:
        RunError: no training text holds a word.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC(random_state=seed)
    )
    try:
        model.fit(list(texts), list(labels))
    except ValueError as error:
        raise RunError(f"the TF-IDF baseline cannot be trained: {error}.") from None
    return [str(label) for label in model.predict(list(questions))]
