"""Sentence embeddings of an encoder that stays as it is, and a small classifier over them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tunelab.classifiers import stored
from tunelab.classifiers.chosen_by_folds import Strength
from tunelab.classifiers.contract import (
    Answers,
    ClassifierKind,
    Context,
    Estimator,
    Fitted,
    LabelAnswer,
    Size,
    Task,
)
from tunelab.classifiers.embedded_texts import EmbeddedTexts, embed_texts
from tunelab.classifiers.embedding_heads import HEADS, fit_head
from tunelab.classifiers.fitted_pipeline import check_evaluation, recorded_labels
from tunelab.classifiers.head_layer import head_layer
from tunelab.classifiers.learnt_numbers import count_learnt
from tunelab.classifiers.skops_files import MODEL_FILE, dump_model, load_model, refused
from tunelab.classifiers.text_graph import TextGraph, encoder_graph
from tunelab.config import Evaluation
from tunelab.data.examples import groups_of
from tunelab.errors import RunError, UsageError
from tunelab.evaluation.predictions import Given
from tunelab.guards.validation import validated
from tunelab.models.catalog import find
from tunelab.models.encoders import LoadedEncoder, load_encoder
from tunelab.models.kinds import find_encoder
from tunelab.models.lineage import describe_origin
from tunelab.models.loading import fetch, is_here, model_hash
from tunelab.runs.folder_size import folder_bytes
from tunelab.runs.results import ADAPTER_RECORD, CLASSIFIERS, write_json
from tunelab.runs.seals import file_hashes, sealed
from tunelab.training.class_weights import class_weights, weights_key

if TYPE_CHECKING:
    import numpy as np

__all__ = ["KIND", "check_evaluation", "open_recorded", "recorded_labels"]

FORMAT = "embedding"
# Activations of a batch, for the largest encoders.
_BATCH_BYTES = 500_000_000


class Settings(BaseModel):
    """What a study may say of it. ``C`` and ``neighbors`` belong to one head each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "all-minilm-l6-v2"
    head: Literal["logistic", "knn"] = "logistic"
    C: Strength = "auto"
    neighbors: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"

    @model_validator(mode="after")
    def _of_the_head(self) -> "Settings":
        for name, head in HEADS.items():
            if name != self.head and head.setting in self.model_fields_set:
                raise ValueError(f"has {head.setting}, which belongs to head={name}")
        return self

    @property
    def value(self) -> Any:
        """The setting of the head."""
        return getattr(self, HEADS[self.head].setting)

    def as_record(self) -> dict[str, Any]:
        """What acts, as JSON values."""
        return {"model": self.model, "head": self.head, HEADS[self.head].setting: self.value}


@dataclass(frozen=True)
class FittedEmbedding:
    """An encoder and a fitted scikit-learn classifier over its vectors.

    ``about``: licence, hash and lineage of the encoder, or of the one that it was made from.
    ``model_bytes`` are those of an encoder's files that lie elsewhere.
    """

    name: str
    encoder: LoadedEncoder
    head: Any
    labels: tuple[str, ...]
    about: Mapping[str, Any]
    model_bytes: int = 0

    @property
    def size(self) -> Size:
        """The parameters of the encoder and of the classifier, where that is a linear one."""
        head = count_learnt(self.head)
        if head is None:
            return Size(None, self.model_bytes, "the nearest neighbours have no parameters")
        encoder = sum(value.numel() for value in self.encoder.model.parameters())
        return Size(encoder + head, self.model_bytes)

    def answer(self, texts: Sequence[str], *, title: str = "") -> Answers:
        """The label and the probabilities of each text.

        The seconds of a text from the cache are those that encoding it took.
        """
        found = embed_texts(self.encoder, texts, title=title)
        started = time.perf_counter()
        given = tuple(self._predict(found))
        probabilities = tuple(map(tuple, self._probabilities(found).tolist()))
        spent = found.seconds + time.perf_counter() - started
        return Answers(
            self.labels,
            given=Given(given, probabilities),
            seconds={"label": spent},
            texts_cut=found.cut,
        )

    def label(self, texts: Sequence[str]) -> list[LabelAnswer]:
        """The label of each text."""
        found = self._predict(embed_texts(self.encoder, texts))
        return [LabelAnswer(label, None, None) for label in found]

    def probabilities(self, texts: Sequence[str], *, title: str = "") -> "np.ndarray":
        """As the classifier's ``predict_proba``; a label without a training row has 0."""
        return self._probabilities(embed_texts(self.encoder, texts, title=title))

    def graph(self) -> TextGraph:
        """The encoder and the logistic regression over its vectors."""
        encoder = self.encoder
        return encoder_graph(
            encoder,
            encoder.model,
            head_layer(self.head, self.labels),
            normalize=encoder.pooling.normalize,
            most_tokens=encoder.most_tokens,
        )

    def _predict(self, texts: EmbeddedTexts) -> list[str]:
        if not len(texts.vectors):
            return []
        try:
            return [str(label) for label in self.head.predict(texts.vectors)]
        except Exception as error:
            raise refused(self.name, "answer", error) from None

    def _probabilities(self, texts: EmbeddedTexts) -> "np.ndarray":
        import numpy as np

        found = np.zeros((len(texts.vectors), len(self.labels)))
        if not len(found):
            return found
        columns = [self.labels.index(str(label)) for label in self.head.classes_]
        try:
            found[:, columns] = self.head.predict_proba(texts.vectors)
        except Exception as error:
            raise refused(self.name, "give probabilities", error) from None
        return found


@dataclass(frozen=True)
class Embedding:
    """The classifier of a study before it is fitted."""

    name: str
    settings: Settings
    context: Context
    trains: bool = True
    kept_in: str = CLASSIFIERS

    @property
    def about(self) -> Mapping[str, Any]:
        """Its kind and its encoder; it has no prompt and no method."""
        return {"kind": "embedding", "model": self.settings.model}

    def key(self, task: Task) -> Mapping[str, Any]:
        """The encoder, the settings, and where the vectors are computed."""
        return {
            "model": model_hash(self.settings.model),
            "settings": self.settings.as_record(),
            **weights_key(self.context.training),
            **self.answer_key(),
        }

    def answer_key(self) -> Mapping[str, Any]:
        """Where the vectors are computed."""
        return {"device": self.context.device, "dtype": self.context.dtype}

    def fit(
        self, task: Task, *, folder: Path, target: Path, title: str, callbacks: Sequence[Any] = ()
    ) -> Mapping[str, Any]:
        """Encode the training rows, fit the head to their vectors and save it."""
        from tunelab.runs.stages import replace_folder

        settings, context = self.settings, self.context
        encoder = load_encoder(settings.model, device=context.device, dtype=context.dtype)
        texts = embed_texts(encoder, [row.text for row in task.train], title=title)
        started = time.perf_counter()
        try:
            head, chosen = fit_head(
                HEADS[settings.head],
                settings.value,
                texts.vectors,
                [row.label for row in task.train],
                seed=task.seed,
                groups=groups_of(task.train),
                weights=class_weights(
                    context.training.class_weights, [row.label for row in task.train], task.labels
                ),
            )
        except Exception as error:
            raise refused(self.name, "be fitted to the training rows", error) from None
        seconds = time.perf_counter() - started
        record = {
            "version": 1,
            "format": FORMAT,
            "use": self.name,
            "model": settings.model,
            "model_hash": encoder.hash,
            "settings": settings.as_record(),
            "labels": list(task.labels),
            "trained_by": folder.name,
        }

        def write(fresh: Path) -> None:
            dump_model(head, fresh / MODEL_FILE, self.name)
            write_json(fresh / ADAPTER_RECORD, sealed(record, file_hashes(fresh, [MODEL_FILE])))

        replace_folder(target, write)
        return {
            **describe_origin(encoder),
            "settings": settings.as_record(),
            "chosen": dict(chosen),
            "seconds": texts.seconds + seconds,
            "seconds_by_part": {"encode": texts.seconds, "fit": seconds},
            "texts_cut": texts.cut,
            "trainable_parameters": count_learnt(head),
            "adapter_bytes": (target / MODEL_FILE).stat().st_size,
            "precision": context.dtype,
            "device": context.device,
        }

    def open(self, target: Path, task: Task) -> Fitted:
        """The encoder, and the classifier that :meth:`fit` saved."""
        record = stored.read_record(target)
        return open_recorded(
            target,
            record,
            device=self.context.device,
            dtype=self.context.dtype,
            evaluation=None,
        )

    @property
    def device(self) -> str:
        """The study's."""
        return self.context.device

    def memory(self) -> int:
        """The weights of the encoder in float32, and a batch of texts.

        Raises:
            UsageError: the encoder is not here and not in the catalog.
        """
        return encoder_memory(self.settings.model, copies=1)


def open_recorded(
    folder: Path,
    record: dict[str, Any],
    *,
    device: str,
    dtype: str,
    evaluation: Evaluation | None,
) -> Fitted:
    """The classifier of a folder.

    Raises:
        UsageError: the record lacks something, or the file names types of other packages than
            scikit-learn.
        RunError: a file was changed or cannot be read, or the encoder is not that of the training.
    """
    stored.check_files(folder, record)
    labels = recorded_labels(folder, record)
    if not {"model", "model_hash"} <= set(record):
        raise stored.damaged(folder)
    name = str(record["model"])
    head = load_head(folder, labels)
    encoder = load_encoder(name, device=device, dtype=dtype)
    if encoder.hash != record["model_hash"]:
        raise RunError(
            f"{folder} was trained on other weights of {name} than those here; use the same "
            "revision of the model, or train again."
        )
    return FittedEmbedding(
        folder.name,
        encoder,
        head,
        labels,
        describe_origin(encoder),
        folder_bytes(encoder.folder),
    )


def load_head(folder: Path, labels: Sequence[str]) -> Any:
    """The scikit-learn classifier in a folder, whose classes are among the labels.

    Raises:
        UsageError: they are not, or the file names types of other packages than scikit-learn.
        RunError: it cannot be read.
    """
    head = load_model(folder / MODEL_FILE, set())
    if not set(map(str, getattr(head, "classes_", [""]))) <= set(labels):
        raise stored.damaged(folder)
    return head


def encoder_memory(name: str, *, copies: int) -> int:
    """Bytes of an encoder's weights in float32, ``copies`` times, and of a batch of texts.

    Raises:
        UsageError: the encoder is not here and not in the catalog.
    """
    card = find(name)
    if card.parameters is not None:
        return 4 * card.parameters * copies + _BATCH_BYTES
    if not is_here(card.name):
        raise UsageError(f"the size of {card.name} is not known before it is downloaded.")
    files = fetch(card).glob("*.safetensors")
    return sum(file.stat().st_size for file in files) * copies + _BATCH_BYTES


def _check(values: Mapping[str, Any], prefix: str) -> None:
    find_encoder(validated(Settings, values, prefix=prefix).model)


def _make(values: Mapping[str, Any], context: Context) -> Estimator:
    return Embedding(FORMAT, validated(Settings, values), context)


KIND = ClassifierKind(
    name="embedding",
    check=_check,
    make=_make,
    defaults=Settings().model_dump(),
    explanation="""Sentence embeddings with logistic regression or nearest neighbours over them.

The encoder stays as it is. Its vectors of tokens become one of the text as its own files say, and
are kept in tunelab's cache. ``head`` is logistic or knn. ``C`` is the inverse strength of the
regression's regularization, for features of unit variance; ``neighbors`` the number of training
texts that are looked at. auto chooses them by cross-validation on the training rows.

Source: Reimers and Gurevych, Sentence-BERT, 2019.
""",
)
