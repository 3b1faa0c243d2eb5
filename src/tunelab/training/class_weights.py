"""What a row of each label weighs in the loss of a training."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.config import ClassWeights, Training
from tunelab.registry import check_name


def weights_key(training: Training) -> dict[str, Any]:
    """What the weights add to the key of a fitted classifier: nothing where none are set."""
    return {} if training.class_weights is None else {"class_weights": training.class_weights}


def class_weights(
    setting: ClassWeights, labels: Sequence[str], possible: Sequence[str]
) -> dict[str, float] | None:
    """The weight of each label with a training row or a weight; None where all rows weigh the same.

    ``labels`` are those of the training rows, ``possible`` all of the study. With balanced, a row
    weighs n / (k · nₗ): n rows in all, k labels, nₗ rows of its own label, so that each label
    weighs the same and a row weighs 1 in the mean. Labels that a mapping does not name weigh 1; one
    that it names acts on validation rows too where no training row has it.

    A weight multiplies the loss of a row. In words that loss is the sum over the tokens of the
    label, so that a label of more tokens still has more of the loss; through a head and on encoders
    each row has one target.

    Source: King and Zeng, Logistic Regression in Rare Events Data, 2001, as scikit-learn's
    ``class_weight``.

    Raises:
        UsageError: the setting names a label that the study does not have.
    """
    if setting is None:
        return None
    counts = Counter(labels)
    if isinstance(setting, Mapping):
        for label in setting:
            check_name("label in training.class_weights", label, possible)
        return {label: setting.get(label, 1.0) for label in {**counts, **setting}}
    return {label: len(labels) / (len(counts) * rows) for label, rows in counts.items()}
