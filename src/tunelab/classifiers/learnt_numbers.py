"""How many numbers a fitted scikit-learn classifier has learnt."""

from typing import Any

# The attributes that hold what linear models and their scalers learn, by scikit-learn's names.
_LEARNT = ("coef_", "intercept_", "idf_", "mean_", "scale_", "class_prior_", "class_log_prior_")
# Where a search, and tunelab's own classifiers, keep what was fitted.
_WITHIN = ("best_estimator_", "pipeline_")
_OF_BAYES = ("feature_log_prob_", "theta_")


def count_learnt(model: Any) -> int | None:
    """The numbers that a linear model, and the steps before it, were fitted to; else None.

    The classes themselves and a vocabulary are no numbers: a classifier that always gives one
    label has learnt none.
    """
    for name in _WITHIN:
        if hasattr(model, name):
            return count_learnt(getattr(model, name))
    if hasattr(model, "steps"):
        counts = [_numbers(step) for _, step in model.steps]
        last = count_learnt(model.steps[-1][1])
        return None if last is None else sum(counts[:-1]) + last
    if getattr(model, "reads_no_text", False):
        return 0
    found = _numbers(model)
    return found if any(hasattr(model, name) for name in ("coef_", *_OF_BAYES)) else None


def _numbers(step: Any) -> int:
    """The numbers of one step, with those of the steps within it."""
    parts = [part for _, part in getattr(step, "transformer_list", ())]
    # The variances of a scaler are its scale once more.
    variances = ("var_",) if hasattr(step, "theta_") else ()
    own = (getattr(step, name, None) for name in (*_LEARNT, *_OF_BAYES, *variances))
    return sum(int(getattr(value, "size", 1)) for value in own if value is not None) + sum(
        map(_numbers, parts)
    )
