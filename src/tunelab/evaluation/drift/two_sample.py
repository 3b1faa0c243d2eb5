"""A classifier two-sample test: can a classifier tell new texts from old ones?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tunelab.evaluation.drift.hashed_words import as_matrix
from tunelab.numbers import counted

# Texts of a sample from which it is tested: half of them are for the test.
FEWEST = 30


@dataclass(frozen=True)
class TwoSample:
    """The test of "both samples come from one distribution".

    ``auc`` is the share of pairs of a new and an old text, both kept back, in which the new one
    looks newer to the classifier: 0.5 where it cannot tell them apart. ``old`` and ``new`` count
    the texts. ``reason`` says why there is no test.
    """

    p_value: float | None
    auc: float | None
    old: int
    new: int
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The test as JSON values."""
        return asdict(self)


def tell_apart(
    old: Sequence[Sequence[int]], new: Sequence[Sequence[int]], *, seed: int
) -> TwoSample:
    """Fit a classifier to one half of both samples, and test it on the other half.

    The classifier is a logistic regression over TF-IDF of hashed words, as
    :func:`~tunelab.evaluation.drift.hashed_words.hash_words` gives them. On the texts that it has
    not seen, its scores of old and new ones are compared by the Wilcoxon rank-sum test, one-sided.
    Where both samples come from one distribution, the texts kept back are exchangeable whatever the
    classifier is, so that the p-value is valid; the texts of a sample are to be independent.

    Source: Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests, 2017, with the ranks of
    the scores in place of accuracy, as the samples may differ in size.
    """
    few = [
        f"{counted(len(sample), name)}, fewer than {FEWEST}"
        for sample, name in ((new, "new text"), (old, "training text"))
        if len(sample) < FEWEST
    ]
    if few:
        be = "is" if few[0].startswith("1 ") else "are"
        return TwoSample(None, None, len(old), len(new), f"there {be} {' and '.join(few)}")
    import numpy as np
    from scipy.stats import mannwhitneyu
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(seed)
    is_new = np.concatenate([np.zeros(len(old), dtype=bool), np.ones(len(new), dtype=bool)])
    seen = np.zeros(len(is_new), dtype=bool)
    for first, size in ((0, len(old)), (len(old), len(new))):
        seen[first + generator.permutation(size)[: size // 2]] = True
    # How rare a word is comes from both samples together, which treats them alike.
    features = TfidfTransformer().fit_transform(as_matrix([*old, *new]))
    model = LogisticRegression(class_weight="balanced", solver="liblinear", random_state=0)
    model.fit(features[seen], is_new[seen])
    scores = model.decision_function(features[~seen])
    newer, older = scores[is_new[~seen]], scores[~is_new[~seen]]
    if np.ptp(scores) == 0:
        # No text holds a word, or all hold the same.
        return TwoSample(1.0, 0.5, len(old), len(new))
    found = mannwhitneyu(newer, older, alternative="greater")
    auc = float(found.statistic) / (len(newer) * len(older))
    return TwoSample(float(found.pvalue), auc, len(old), len(new))
