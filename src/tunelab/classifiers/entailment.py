"""Labels without training rows: the one whose hypothesis follows most from the text."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, field_validator

from tunelab.classifiers.contract import (
    Answers,
    ClassifierKind,
    Context,
    Estimator,
    LabelAnswer,
    Size,
    Task,
)
from tunelab.classifiers.unfitted import save_unfitted
from tunelab.config import Text
from tunelab.errors import UsageError
from tunelab.evaluation.choosing import choose, probabilities
from tunelab.evaluation.predictions import Given
from tunelab.guards.refusals import check_finite
from tunelab.guards.validation import validated
from tunelab.inference.pair_logits import pair_logits
from tunelab.models.catalog import find
from tunelab.models.entailment import EntailmentModel, check_entailment, load_entailment
from tunelab.models.lineage import describe_origin
from tunelab.models.loading import fetch, is_here, model_hash
from tunelab.runs.folder_size import folder_bytes
from tunelab.runs.results import CLASSIFIERS

if TYPE_CHECKING:
    import numpy as np

_FIELD = "{label}"
# Activations of a batch, for the largest models.
_BATCH_BYTES = 500_000_000


class Settings(BaseModel):
    """The settings beside ``name`` and ``use``; ``KIND`` explains them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Text
    hypothesis: Text = "This text is about {label}."

    @field_validator("hypothesis")
    @classmethod
    def _names_the_label(cls, hypothesis: str) -> str:
        if _FIELD not in hypothesis:
            raise ValueError(f"must hold {_FIELD}, which becomes the label")
        return hypothesis


@dataclass(frozen=True)
class Entailment:
    """A loaded model with the hypothesis of each label."""

    name: str
    loaded: EntailmentModel
    labels: tuple[str, ...]
    hypotheses: tuple[str, ...]

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """Licence, hash and lineage of the model, and its hypotheses."""
        return {**describe_origin(self.loaded), "hypotheses": list(self.hypotheses)}

    @cached_property
    def size(self) -> Size:
        """The model's parameters, and the bytes of its files."""
        parameters = sum(value.numel() for value in self.loaded.model.parameters())
        return Size(parameters, folder_bytes(self.loaded.folder))

    def answer(self, texts: Sequence[str], *, title: str = "") -> Answers:
        """The label of each text, and the probabilities."""
        started = time.perf_counter()
        shares, cut = self._shares(texts, title)
        return Answers(
            self.labels,
            given=Given(tuple(choose(shares, self.labels)), tuple(map(tuple, shares))),
            seconds={"label": time.perf_counter() - started},
            texts_cut=cut,
        )

    def label(self, texts: Sequence[str]) -> list[LabelAnswer]:
        """The label of each text."""
        chosen = choose(self._shares(texts, "")[0], self.labels)
        return [LabelAnswer(label, None, None) for label in chosen]

    def probabilities(self, texts: Sequence[str], *, title: str = "") -> "np.ndarray":
        """The softmax over the labels of their logits of entailment, array (texts, labels)."""
        import numpy as np

        shares = self._shares(texts, title)[0]
        return np.array(shares, dtype=float).reshape(len(texts), len(self.labels))

    def _shares(self, texts: Sequence[str], title: str) -> tuple[list[list[float]], int]:
        """The probabilities of the labels for each text, and how many texts were cut."""
        import numpy as np

        found = pair_logits(
            self.loaded.model,
            self.loaded.tokenizer,
            [(text, hypothesis) for text in texts for hypothesis in self.hypotheses],
            most_tokens=self.loaded.most_tokens,
            title=title,
        )
        shape = (len(texts), len(self.labels))
        logits = found.logits[:, self.loaded.column].reshape(shape)
        check_finite(self.name, logits)
        cut = int(np.array(found.cut, dtype=bool).reshape(shape).any(axis=1).sum())
        return probabilities(logits.astype(float).tolist()), cut


@dataclass(frozen=True)
class EntailmentEstimator:
    """The classifier of a study. It has nothing to fit."""

    name: str
    settings: Settings
    context: Context
    trains: bool = False
    kept_in: str = CLASSIFIERS

    @property
    def about(self) -> Mapping[str, Any]:
        """Its kind and its model."""
        return {"kind": "entailment", "model": self.settings.model}

    def key(self, task: Task) -> Mapping[str, Any]:
        """The model and the hypothesis."""
        model = model_hash(self.settings.model)
        return {"entailment": model, "hypothesis": self.settings.hypothesis}

    def answer_key(self) -> Mapping[str, Any]:
        """Where it is computed."""
        return {"device": self.context.device, "dtype": self.context.dtype}

    def fit(
        self, task: Task, *, folder: Path, target: Path, title: str, callbacks: Sequence[Any] = ()
    ) -> Mapping[str, Any]:
        """The settings; the model stays as it is."""
        return save_unfitted(
            target,
            use="entailment",
            settings=self.settings.model_dump(exclude_unset=True),
            prompt=self.context.prompt,
            task=task,
            models=[self.settings.model],
        )

    def open(self, target: Path, task: Task) -> Entailment:
        """The model; ``target`` is not read."""
        context, settings = self.context, self.settings
        loaded = load_entailment(settings.model, device=context.device, dtype=context.dtype)
        hypotheses = tuple(settings.hypothesis.replace(_FIELD, label) for label in task.labels)
        return Entailment(self.name, loaded, task.labels, hypotheses)

    @property
    def device(self) -> str:
        """The study's."""
        return self.context.device

    def memory(self) -> int:
        """The weights in their files, and a batch of pairs.

        Raises:
            UsageError: the model is not here.
        """
        card = find(self.settings.model)
        if not is_here(card.name):
            raise UsageError(f"the size of {card.name} is not known before it is downloaded.")
        return sum(file.stat().st_size for file in fetch(card).glob("*.safetensors")) + _BATCH_BYTES


def _check(values: Mapping[str, Any], prefix: str) -> None:
    check_entailment(validated(Settings, values, prefix=prefix).model)


def _make(values: Mapping[str, Any], context: Context) -> Estimator:
    return EntailmentEstimator("entailment", validated(Settings, values), context)


def _prove(values: Mapping[str, Any], context: Context, labels: Sequence[str]) -> None:
    _check(values, "")


KIND = ClassifierKind(
    name="entailment",
    check=_check,
    make=_make,
    defaults={"hypothesis": Settings.model_fields["hypothesis"].default},
    explanation="""Zero-shot labels by entailment: which label's hypothesis follows from the text.

``model`` is a sequence classification model with a label of entailment, from the Hub or a folder.
``hypothesis`` is the sentence that is held against each text; {label} becomes each label as it is
written. The probabilities are the softmax over the labels of the logits of entailment.

Source: Yin et al., Benchmarking zero-shot text classification, 2019,
https://arxiv.org/abs/1909.00161.
""",
    prove=_prove,
)
