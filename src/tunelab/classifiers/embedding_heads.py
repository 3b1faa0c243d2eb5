"""What labels a text by its vector: logistic regression, or its nearest neighbours."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.classifiers.chosen_by_folds import choose


@dataclass(frozen=True)
class Head:
    """``setting`` is the one that it has; ``values`` are tried where it is auto.

    ``fallback`` is taken where there are too few rows to choose by. ``make(value, rows,
    seed, weights)`` gives the unfitted classifier for that many training rows, with the weights of
    its classes where it has such.
    """

    setting: str
    values: Sequence[Any]
    fallback: Any
    make: Callable[[Any, int, int, Mapping[str, float] | None], Any]


def fit_head(
    head: Head,
    value: Any,
    vectors: Any,
    labels: Sequence[str],
    *,
    seed: int,
    groups: Sequence[object] | None = None,
    weights: Mapping[str, float] | None = None,
) -> tuple[Any, Mapping[str, Any]]:
    """The fitted classifier, and what was chosen: its setting where ``value`` is auto.

    ``vectors``: array (rows, width). ``groups``: (rows,), which rows belong together. ``weights``
    are what a row of each label weighs, None where all weigh the same.

    Raises:
        ValueError: there is one label only, and the classifier needs two.
    """
    import numpy as np

    truth = np.asarray(labels, dtype=object)

    def answer(fitted: Any, asked: Any) -> Iterator[Any]:
        for one in head.values:
            made = head.make(one, len(fitted), seed, weights).fit(vectors[fitted], truth[fitted])
            yield made.predict(vectors[asked])

    chosen: dict[str, Any] = {}
    if value == "auto":
        value = choose(head.values, head.fallback, labels, answer, seed=seed, groups=groups)
        chosen = {head.setting: value}
    return head.make(value, len(truth), seed, weights).fit(vectors, truth), chosen


def _logistic(strength: float, rows: int, seed: int, weights: Mapping[str, float] | None) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # Encoders differ in the scale of their vectors, and C would mean something else for each.
    return make_pipeline(
        StandardScaler(),
        LogisticRegression(
            C=strength, max_iter=2000, random_state=seed, class_weight=_known(weights)
        ),
    )


def _known(weights: Mapping[str, float] | None) -> dict[str, float] | None:
    return None if weights is None else dict(weights)


def _neighbors(count: int, rows: int, seed: int, weights: Mapping[str, float] | None) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(min(count, rows), metric="cosine", weights="distance")


HEADS: Mapping[str, Head] = {
    "logistic": Head("C", (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0), 0.01, _logistic),
    "knn": Head("neighbors", (1, 3, 5, 10, 20, 40), 1, _neighbors),
}
