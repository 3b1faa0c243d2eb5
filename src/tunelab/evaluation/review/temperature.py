"""Temperature scaling: one number that makes probabilities mean what they say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunelab.evaluation.probabilities import as_table
from tunelab.numbers import counted

if TYPE_CHECKING:
    import numpy as np

# Temperatures that are searched; at either end the rows do not say where the best one is.
LOWEST, HIGHEST = 0.05, 20.0
FEWEST_ROWS = 20
# A probability of 0 has no logarithm, and a label that got it by rounding would outweigh all rows.
_LEAST = 1e-12


@dataclass(frozen=True)
class Temperature:
    """``value`` is None where the rows do not determine it, and ``reason`` says why.

    ``before`` and ``after`` are the mean negative log-likelihoods of the true labels of the rows,
    in nats, with the probabilities as they are and with those of the temperature.
    """

    value: float | None
    rows: int
    before: float | None
    after: float | None
    reason: str | None = None


def fit_temperature(
    probabilities: "Sequence[Sequence[float]] | np.ndarray",
    truth_index: "Sequence[int] | np.ndarray",
) -> Temperature:
    """The temperature at which rows with known labels are likeliest.

    ``probabilities``: (rows, labels), ``truth_index``: (rows,), the column of each true label. The
    rows must not be those that the classifier was fitted to.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017. Probabilities stand for
    logits by their logarithms, which differ by a constant for each row.

    Raises:
        ValueError: the probabilities are no such table, or a true label has no column.
    """
    import numpy as np
    from scipy.optimize import minimize_scalar

    table, truth = as_table(probabilities, truth_index)
    rows = len(truth)
    if not rows:
        return Temperature(None, 0, None, None, "there are no rows")
    logits = np.log(np.maximum(table, _LEAST))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        highest = scaled.max(axis=1)
        total = np.log(np.exp(scaled - highest[:, None]).sum(axis=1)) + highest
        return float((total - scaled[np.arange(rows), truth]).mean())

    before = loss(0.0)

    def undefined(reason: str) -> Temperature:
        return Temperature(None, rows, before, None, reason)

    if rows < FEWEST_ROWS:
        return undefined(f"{counted(rows, 'row')} of at least {FEWEST_ROWS}")
    if (logits.max(axis=1) - logits.min(axis=1)).max() < 1e-9:
        return undefined("all labels have the same probability in every row")
    if (table.argmax(axis=1) == truth).all():
        return undefined(f"all {rows:,} rows are right, which any lower temperature fits better")
    ends = float(np.log(LOWEST)), float(np.log(HIGHEST))
    # The loss is convex in the inverse temperature, so that there is one minimum.
    found = float(minimize_scalar(loss, bounds=ends, method="bounded").x)
    value = float(np.exp(found))
    if found - ends[0] < 0.01 or ends[1] - found < 0.01:
        end = f"{LOWEST:g} or less" if found < 0 else f"{HIGHEST:g} or more"
        return undefined(f"the temperature would be {end}")
    return Temperature(value, rows, before, loss(found))


def with_temperature(probabilities: Any, temperature: float) -> "np.ndarray":
    """Probabilities, array (rows, labels), as they are at a temperature above 0.

    At 1 they stay as they are; a higher temperature brings them closer together. The order of the
    labels of a row stays the same.
    """
    import numpy as np

    table = np.asarray(probabilities, dtype=float)
    if temperature == 1 or not table.size:
        return table
    logits = np.log(np.maximum(table, _LEAST)) / temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    scaled: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return scaled
