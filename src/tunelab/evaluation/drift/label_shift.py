"""Label shift: how often each label comes in new texts, from what a classifier answers to them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tunelab.evaluation.drift.two_sample import FEWEST
from tunelab.evaluation.statistics.estimates import Estimate
from tunelab.evaluation.statistics.few_rows import named
from tunelab.numbers import counted

if TYPE_CHECKING:
    import numpy as np

# Test rows of a label from which it is known how the label is answered.
_FEWEST_OF_LABEL = 5
# Smallest singular value of the confusion matrix from which it can be inverted.
_SINGULAR = 0.1
# Random tables of the test, and draws of the estimates.
DRAWS = 1000


@dataclass(frozen=True)
class Shares:
    """A label's share of the test rows, and the estimate of its share of the new texts."""

    label: str
    tested: float
    now: Estimate


@dataclass(frozen=True)
class LabelShift:
    """What the answers to new texts tell of their labels.

    ``p_value`` tests that the classifier answers new texts with each label as often as the test
    rows. ``shares`` and ``accuracy`` are estimates, should nothing but the labels' shares have
    changed; ``tested`` is the accuracy on the ``rows`` test rows. ``reason`` says why the estimates
    are None, ``untested`` why the p-value is.
    """

    p_value: float | None
    tested: float | None
    accuracy: Estimate
    shares: tuple[Shares, ...]
    rows: int
    texts: int
    reason: str | None = None
    untested: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return asdict(self)


def label_shift(
    labels: Sequence[str],
    confusion: Sequence[Sequence[int]],
    counts: Sequence[int],
    *,
    seed: int,
    tables: int = DRAWS,
) -> LabelShift:
    """Black-box shift estimation.

    The shares of the answers are compared by a chi-squared statistic, whose p-value comes from
    random tables of the same margins. The labels' shares q solve ``P(answer | label) q =
    P(answer)`` with the answers to the new texts; the accuracy is then the sum of each label's
    recall times its share. The 95 % intervals come from draws of both sides' shares (Dirichlet,
    with the weight of one row besides).

    Source: Lipton, Wang and Smola, Detecting and Correcting for Label Shift with Black Box
    Predictors, 2018. It takes for granted that texts of one label are as they were.

    Args:
        labels: (labels,).
        confusion: (labels + 1, labels), test rows by answer and true label; the last line counts
            those without an answer.
        counts: (labels + 1,), new texts by answer.
        seed: of the random tables and the draws.
        tables: random tables; the smallest p-value is 1 / ``tables``.
    """
    import numpy as np

    table = np.asarray(confusion, dtype=float).reshape(len(labels) + 1, len(labels))
    given = np.asarray(counts, dtype=float)
    generator = np.random.default_rng(seed)
    rows, texts = int(table.sum()), int(given.sum())
    tested = float(np.trace(table[:-1]) / rows) if rows else None
    p_value = untested = None
    if min(rows, texts) < FEWEST:
        few = counted(texts, "new text") if texts < FEWEST else counted(rows, "test row")
        untested = f"there are {few}, fewer than {FEWEST}"
    else:
        p_value = _homogeneous(table.sum(axis=1), given, generator, tables)
    reason = untested or _cannot_be_estimated(labels, table)
    if reason is not None:
        nothing = Estimate(None, None, None, reason)
        return LabelShift(p_value, tested, nothing, (), rows, texts, reason, untested)
    shares, accuracy = _estimated(table, given, generator)
    old = table.sum(axis=0) / rows
    return LabelShift(
        p_value,
        tested,
        accuracy,
        tuple(
            Shares(label, float(before), now)
            for label, before, now in zip(labels, old, shares, strict=True)
        ),
        rows,
        texts,
    )


def _homogeneous(before: "np.ndarray", now: "np.ndarray", generator: Any, tables: int) -> float:
    """The p-value of "both have the same shares", by random tables of the same margins."""
    import numpy as np

    margins = (before + now).astype(np.int64)
    size = int(now.sum())
    expected = margins * (size / margins.sum())
    there = margins > 0

    def distance(counts: "np.ndarray") -> "np.ndarray":
        # The other line differs by as much, so that this orders tables as chi-squared does.
        found: np.ndarray = ((counts[..., there] - expected[there]) ** 2 / expected[there]).sum(
            axis=-1
        )
        return found

    draws = distance(generator.multivariate_hypergeometric(margins, size, size=tables - 1))
    return float((1 + np.sum(draws >= distance(now) - 1e-9)) / tables)


def _cannot_be_estimated(labels: Sequence[str], table: "np.ndarray") -> str | None:
    import numpy as np

    if len(labels) < 2:
        return "there is one label"
    support = table.sum(axis=0)
    rare = [label for label, rows in zip(labels, support, strict=True) if rows < _FEWEST_OF_LABEL]
    if rare:
        return f"there are fewer than {_FEWEST_OF_LABEL} test rows of {named(rare)}"
    if np.linalg.svd(table / support, compute_uv=False)[-1] < _SINGULAR:
        return "the classifier confuses labels so often that its answers do not tell their shares"
    return None


def _estimated(
    table: "np.ndarray", given: "np.ndarray", generator: Any
) -> tuple[list[Estimate], Estimate]:
    """The shares of the labels, and the accuracy."""
    import numpy as np

    count = table.shape[1]
    shares = _solved((table / table.sum(axis=0))[None], (given / given.sum())[None])[0]
    recall = np.diagonal(table[:-1]) / table.sum(axis=0)
    prior = 1 / (count + 1)
    columns = np.stack(
        [generator.dirichlet(table[:, one] + prior, size=DRAWS) for one in range(count)], axis=2
    )
    drawn = _solved(columns, generator.dirichlet(given + prior, size=DRAWS))
    recalls = np.diagonal(columns[:, :-1], axis1=1, axis2=2)
    accuracy = _between(float(recall @ shares), (recalls * drawn).sum(axis=1))
    # Noise of the matrix draws the solutions apart, whose spread is right and whose middle is not.
    return [_between(share, drawn[:, label]) for label, share in enumerate(shares)], accuracy


def _solved(columns: "np.ndarray", answers: "np.ndarray") -> "np.ndarray":
    """The shares that give these shares of answers, by least squares, (draws, labels)."""
    import numpy as np

    found: np.ndarray = (np.linalg.pinv(columns) @ answers[..., None])[..., 0]
    return found


def _between(value: float, draws: "np.ndarray") -> Estimate:
    """A share, and the interval that the draws leave around it."""
    import numpy as np

    ends = value + np.quantile(draws - draws.mean(), [0.025, 0.975])
    low, high = np.clip(ends, 0, 1).tolist()
    return Estimate(float(np.clip(value, 0, 1)), low, high)
