"""Which of the new texts are unlike the training texts, one by one."""

from collections.abc import Sequence

from tunelab.evaluation.drift.hashed_words import as_matrix


def unlike_training(
    old: Sequence[Sequence[int]], new: Sequence[Sequence[int]], *, seed: int
) -> list[float]:
    """The conformal p-value of each new text, in order: "it comes from where the old texts do".

    A classifier learns to tell new texts from old ones in one half of both samples; in the other
    half, which it has not seen, a new text's p-value is the share of old texts that look as new as
    it does, itself counted. Then the halves change places. Of texts that are like the old ones a
    share of at most α has a p-value of at most α. ``old`` and ``new`` are hashed words, at least
    two of each.

    Source: Bates, Candès, Lei, Romano and Sesia, Testing for Outliers with Conformal p-values,
    2023, with the scores of a classifier two-sample test.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(seed)
    half = np.concatenate([generator.permutation(len(one)) % 2 for one in (old, new)])
    is_new = np.repeat([False, True], [len(old), len(new)])
    features = TfidfTransformer().fit_transform(as_matrix([*old, *new]))
    p_values = np.ones(len(is_new))
    for side in (0, 1):
        model = LogisticRegression(class_weight="balanced", solver="liblinear", random_state=0)
        model.fit(features[half != side], is_new[half != side])
        scores = model.decision_function(features)
        older = np.sort(scores[(half == side) & ~is_new])
        mine = (half == side) & is_new
        above = len(older) - np.searchsorted(older, scores[mine] - 1e-9, side="left")
        p_values[mine] = (1 + above) / (1 + len(older))
    found: list[float] = p_values[len(old) :].tolist()
    return found
