"""A fitted scikit-learn classifier over texts: how it answers, and how a folder is opened."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab import registry
from tunelab.classifiers import stored
from tunelab.classifiers.contract import Answers, Fitted, LabelAnswer, Size
from tunelab.classifiers.learnt_numbers import count_learnt
from tunelab.classifiers.skops_files import MODEL_FILE, load_model, package_of, refused
from tunelab.config import Evaluation
from tunelab.errors import RunError, UsageError
from tunelab.evaluation.predictions import Given
from tunelab.numbers import counted

if TYPE_CHECKING:
    import numpy as np

FORMAT = "scikit-learn"


@dataclass(frozen=True)
class FittedPipeline:
    """A fitted scikit-learn classifier. ``labels`` are all labels of the task."""

    name: str
    model: Any
    labels: tuple[str, ...]

    @property
    def about(self) -> Mapping[str, Any]:
        """Whether it answers the same whatever the text is, which its class says."""
        return {"constant": True} if getattr(self.model, "reads_no_text", False) else {}

    @property
    def size(self) -> Size:
        """The numbers that a linear model was fitted to; of other models they are not known."""
        found = count_learnt(self.model)
        reason = None if found is not None else "only linear models report their parameters"
        return Size(found, reason=reason)

    def estimator(self) -> Any:
        """The fitted scikit-learn model over texts, in scikit-learn's own classes where it can be.

        A model of tunelab, or of another package, says by ``as_scikit_learn`` what it is made of.
        """
        convert = getattr(self.model, "as_scikit_learn", None)
        return self.model if convert is None else convert()

    def answer(self, texts: Sequence[str], *, title: str = "") -> Answers:
        """The label of each text, with probabilities where the classifier has them."""
        started = time.perf_counter()
        given = tuple(self._predict(texts))
        probabilities = None
        if hasattr(self.model, "predict_proba"):
            probabilities = tuple(map(tuple, self.probabilities(texts).tolist()))
        seconds = {"label": time.perf_counter() - started}
        return Answers(self.labels, given=Given(given, probabilities), seconds=seconds)

    def label(self, texts: Sequence[str]) -> list[LabelAnswer]:
        """The label of each text."""
        return [LabelAnswer(label, None, None) for label in self._predict(texts)]

    def probabilities(self, texts: Sequence[str], *, title: str = "") -> "np.ndarray":
        """As scikit-learn's ``predict_proba``; a label without a training row has 0.

        Raises:
            UsageError: the classifier has no ``predict_proba``.
            RunError: it cannot answer, or its answer has another shape.
        """
        import numpy as np

        if not hasattr(self.model, "predict_proba"):
            raise UsageError(f"{self.name} has no probabilities: it gives labels only.")
        found = np.zeros((len(texts), len(self.labels)))
        if not texts:
            return found
        try:
            columns = [self.labels.index(str(label)) for label in self.model.classes_]
            given = np.asarray(self.model.predict_proba(as_array(texts)), dtype=float)
            if given.shape != (len(texts), len(columns)):
                raise ValueError(
                    f"predict_proba has the shape {given.shape}, not {(len(texts), len(columns))}"
                )
            if not ((given >= 0).all() and np.allclose(given.sum(axis=1), 1, atol=1e-6)):
                raise ValueError("the probabilities of a text must be 0 or more, with the sum 1")
            found[:, columns] = given
        except Exception as error:
            raise refused(self.name, "give probabilities", error) from None
        return found

    def _predict(self, texts: Sequence[str]) -> list[str]:
        if not texts:
            return []
        try:
            found = [str(label) for label in self.model.predict(as_array(texts))]
        except Exception as error:
            raise refused(self.name, "answer", error) from None
        known = set(self.labels)
        strange = next((label for label in found if label not in known), None)
        if strange is not None or len(found) != len(texts):
            what = (
                f"{counted(len(found), 'label')} for {counted(len(texts), 'text')}"
                if strange is None
                else f"{strange[:80]!r}, which is not one of the training labels"
            )
            raise RunError(
                f"{self.name} predicted {what}; predict must give one of the training labels for "
                "each text."
            )
        return found


def open_recorded(
    folder: Path,
    record: dict[str, Any],
    *,
    device: str,
    dtype: str,
    evaluation: Evaluation | None,
) -> Fitted:
    """The classifier of a folder. Types of installed plug-ins and of tunelab are trusted.

    Raises:
        UsageError: the record lacks something, or the file names types of another package.
        RunError: a file was changed, or cannot be read.
    """
    stored.check_files(folder, record)
    labels = recorded_labels(folder, record)
    trusted = {"tunelab"}
    if (use := str(record.get("use"))) in registry.CLASSIFIERS:
        trusted.add(package_of(registry.CLASSIFIERS[use]))
    return FittedPipeline(folder.name, load_model(folder / MODEL_FILE, trusted), labels)


def recorded_labels(folder: Path, record: dict[str, Any]) -> tuple[str, ...]:
    """The labels of the task.

    Raises:
        UsageError: the record has none.
    """
    labels = record.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise stored.damaged(folder)
    return tuple(labels)


def check_evaluation(folder: Path, record: dict[str, Any], evaluation: Evaluation) -> None:
    """Nothing to check: no setting of an evaluation acts on it."""


def as_array(values: Sequence[str]) -> "np.ndarray":
    """An array of texts: scikit-learn's searches index it, which they cannot with a tuple."""
    import numpy as np

    return np.array(list(values), dtype=object)
