"""A scikit-learn pipeline in the format of skops, which holds no code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tunelab.classifiers.skops_files import dump_model
from tunelab.runs.results import write_json
from tunelab.serving.formats.contract import SETTINGS, Format, Source

_MODEL = "classifier.skops"


@runtime_checkable
class HasEstimator(Protocol):
    """A fitted classifier that is a scikit-learn model over texts."""

    def estimator(self) -> Any:
        """The fitted model."""


def _refusal(source: Source) -> str | None:
    if isinstance(source.fitted, HasEstimator):
        return None
    return "a file of skops holds a scikit-learn model over texts, and this classifier is none"


def _write(source: Source, folder: Path, type: str) -> Mapping[str, Any]:
    assert isinstance(source.fitted, HasEstimator)
    model = source.fitted.estimator()
    trusted = dump_model(model, folder / _MODEL, source.fitted.name)
    # As in the study, where a model that looks at no text has no probabilities.
    given = hasattr(getattr(source.fitted, "model", model), "predict_proba")
    settings = {"labels": list(source.fitted.labels), "probabilities": given}
    write_json(folder / SETTINGS, settings)
    return {"trusted_types": trusted}


FORMAT = Format(
    name="skops",
    title="a scikit-learn model in a file of skops",
    types={"float64": 1e-9},
    refusal=_refusal,
    write=_write,
    packages={"skops": "skops", "sklearn": "scikit-learn"},
    library="sklearn",
    literals={"TRUSTED_TYPES": "trusted_types"},
    code='''import json
from pathlib import Path

import numpy as np
from skops.io import load

settings = json.loads(Path("classifier.json").read_text(encoding="utf-8"))
labels = settings["labels"]
# Check these types: the file may use their code, beside that of scikit-learn, NumPy and SciPy.
trusted = TRUSTED_TYPES
model = load("classifier.skops", trusted=trusted)


def classify(texts):
    """Of each text its label, the probabilities in the order of the labels, and no raw answer."""
    texts = np.array(list(texts), dtype=object)
    found = [str(label) for label in model.predict(texts)]
    if not settings["probabilities"]:
        return [(label, None, None) for label in found]
    shares = np.zeros((len(texts), len(labels)))
    columns = [labels.index(str(label)) for label in model.classes_]
    shares[:, columns] = model.predict_proba(texts)
    return [(label, row, None) for label, row in zip(found, shares.tolist())]
''',
)
