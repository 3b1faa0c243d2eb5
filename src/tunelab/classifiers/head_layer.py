"""A fitted scikit-learn head over vectors as a layer of a network."""

from collections.abc import Sequence
from typing import Any

from tunelab.errors import UsageError

# A logit whose share is 0 in float32.
_NEVER = -1e4


def head_layer(head: Any, labels: Sequence[str]) -> Any:
    """Logits (texts, labels) of vectors (texts, width), as a torch module in float32.

    Their softmax is the head's ``predict_proba``. A label that the head was not fitted to has the
    probability 0.

    Raises:
        UsageError: the head is no logistic regression, alone or behind a scaler.
    """
    import numpy as np
    import torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    steps = [step for _, step in head.steps] if isinstance(head, Pipeline) else [head]
    *scalers, last = steps
    if not isinstance(last, LogisticRegression) or not all(
        isinstance(one, StandardScaler) for one in scalers
    ):
        raise UsageError(
            f"{type(last).__name__} over its vectors keeps rows and is no layer; logistic is"
        )
    weight, bias = np.asarray(last.coef_, float), np.asarray(last.intercept_, float)
    if len(weight) == 1:
        # Of two classes it keeps the logit of the second alone.
        weight, bias = np.vstack([np.zeros_like(weight), weight]), np.array([0.0, *bias])
    for scaler in reversed(scalers):
        bias = bias - weight @ (scaler.mean_ / scaler.scale_)
        weight = weight / scaler.scale_
    layer = torch.nn.Linear(weight.shape[1], len(labels))
    columns = [list(labels).index(str(label)) for label in last.classes_]
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.fill_(_NEVER)
        layer.weight[columns] = torch.tensor(weight, dtype=torch.float32)
        layer.bias[columns] = torch.tensor(bias, dtype=torch.float32)
    return layer
