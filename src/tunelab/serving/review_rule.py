"""When a person should look at a label: the rule beside the files of a saved classifier."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunelab.errors import UsageError
from tunelab.guards.bounded_files import read_bounded, within

if TYPE_CHECKING:
    import numpy as np

REVIEW_FILE = "review.json"
_LARGEST = 1_000_000


@dataclass(frozen=True)
class ReviewRule:
    """``temperature`` calibrates probabilities; a label below ``threshold`` needs a review.

    ``threshold`` is None where no threshold reaches the ``wanted_accuracy``.
    """

    temperature: float
    threshold: float | None
    wanted_accuracy: float | None = None

    def calibrated(self, probabilities: "np.ndarray") -> "np.ndarray":
        """Probabilities at the temperature, (texts, labels); each row has the sum 1."""
        import numpy as np

        scores = np.log(np.clip(probabilities, 1e-300, None)) / self.temperature
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        found: np.ndarray = scores / scores.sum(axis=1, keepdims=True)
        return found

    def needs_review(self, probabilities: "np.ndarray") -> "np.ndarray":
        """Whether a person should look at each text, array (texts,) of bool."""
        import numpy as np

        if self.threshold is None:
            return np.ones(len(probabilities), dtype=bool)
        found: np.ndarray = self.calibrated(probabilities).max(axis=1) < self.threshold
        return found


def read_review_rule(folder: Path) -> ReviewRule | None:
    """The rule in the folder of a classifier, or None where there is none.

    Raises:
        UsageError: the file is damaged.
    """
    path = within(folder, folder / REVIEW_FILE)
    try:
        values = json.loads(read_bounded(path, _LARGEST).decode("utf-8"))
        return ReviewRule(
            temperature=float(values["temperature"]),
            threshold=None if values["threshold"] is None else float(values["threshold"]),
            wanted_accuracy=values.get("wanted_accuracy"),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise UsageError(f"{path} is damaged; remove it, or run the study again.") from None
