"""Classical models that every language model should beat, trained on the same rows."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tunelab.errors import RunError

_log = logging.getLogger(__name__)


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
    """TF-IDF and a linear support vector machine.

    Over words and pairs of words; over single characters and up to three in a row where most texts
    hold no word, as emoji, or are in a script that is written without blanks, as Chinese.

    Source: Joachims, Text Categorization with Support Vector Machines, 1998.

    Raises:
        RunError: no training text holds a visible character, or there is one label alone.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    if _has_words(texts):
        parts: dict[str, Any] = {"ngram_range": (1, 2)}
    else:
        _log.info("tfidf-svm: most texts have no words between blanks; it counts characters")
        parts = {"analyzer": "char", "ngram_range": (1, 3)}
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True, **parts), LinearSVC(random_state=seed))
    try:
        model.fit(list(texts), list(labels))
    except ValueError as error:
        raise RunError(f"the TF-IDF baseline cannot be trained: {error}.") from None
    return [str(label) for label in model.predict(list(questions))]


def _has_words(texts: Sequence[str]) -> bool:
    """Whether at least half of the texts hold words of two letters or more between blanks."""
    import regex

    # A word as TfidfVectorizer finds it, in a script that puts blanks between words.
    unspaced = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    word = regex.compile(rf"[\w--[{unspaced}]][\w--[{unspaced}]]", flags=regex.VERSION1)
    return 2 * sum(word.search(text) is not None for text in texts) >= len(texts)
