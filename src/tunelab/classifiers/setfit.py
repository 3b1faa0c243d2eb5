"""SetFit: a sentence encoder fine-tuned on pairs of texts, and a linear model over its vectors."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tunelab.classifiers import stored
from tunelab.classifiers.chosen_training import RATES, Candidates, count_of, fit_chosen, values_of
from tunelab.classifiers.contract import ClassifierKind, Context, Estimator, Fitted, Task
from tunelab.classifiers.embedded_texts import embed_texts, token_ids
from tunelab.classifiers.embedding import FittedEmbedding, encoder_memory, load_head
from tunelab.classifiers.fitted_pipeline import check_evaluation, recorded_labels
from tunelab.classifiers.learnt_numbers import count_learnt
from tunelab.classifiers.skops_files import MODEL_FILE, dump_model, refused
from tunelab.config import Candidate, Evaluation
from tunelab.errors import UsageError
from tunelab.guards.validation import validated
from tunelab.models.embedding_cache import without_cache
from tunelab.models.encoders import LoadedEncoder, load_encoder
from tunelab.models.kinds import find_encoder
from tunelab.models.lineage import describe_origin
from tunelab.models.loading import model_hash
from tunelab.models.pooling import pooling_files
from tunelab.runs.folder_size import folder_bytes
from tunelab.runs.results import ADAPTER_RECORD, CLASSIFIERS, write_json
from tunelab.runs.seals import file_hashes, sealed
from tunelab.training.class_weights import class_weights, weights_key

__all__ = ["KIND", "check_evaluation", "open_recorded", "recorded_labels"]

FORMAT = "setfit"
# The folder of the trained encoder within that of the classifier.
ENCODER = "encoder"
# Pairs where a study names no number: as many for a text as in the paper, and no more in all than
# some minutes of training hold.
PAIRS_A_TEXT = 40
MOST_PAIRS = 20_000
# The published library's.
RATE = 2e-5
# Weights, their gradients, and the two moments of AdamW.
_COPIES = 4


class Settings(BaseModel):
    """What a study may say of it. ``pairs`` are all pairs of the training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "all-minilm-l6-v2"
    pairs: Annotated[int, Field(ge=1, le=10**8)] | Literal["auto"] = "auto"
    batch_size: Annotated[int, Field(ge=1, le=10**6)] = 16
    learning_rate: Candidate = RATE
    C: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


def pairs_for(labels: Sequence[str]) -> int:
    """The pairs of a training where ``pairs`` is auto.

    All pairs with two labels and as many with one, as the library setfit takes by default; at most
    40 for each text and 20,000 in all.
    """
    from tunelab.training.pairs import count_pairs

    return min(2 * max(count_pairs(labels)), PAIRS_A_TEXT * len(labels), MOST_PAIRS)


@dataclass(frozen=True)
class SetFit:
    """The classifier of a study before it is fitted."""

    name: str
    settings: Settings
    context: Context
    trains: bool = True
    kept_in: str = CLASSIFIERS

    @property
    def about(self) -> Mapping[str, Any]:
        """Its kind and the encoder that it starts from; it has no prompt and no method."""
        return {"kind": "setfit", "model": self.settings.model}

    def key(self, task: Task) -> Mapping[str, Any]:
        """The encoder, the settings, and where it is trained."""
        return {
            "model": model_hash(self.settings.model),
            "settings": self.settings.model_dump(),
            **weights_key(self.context.training),
            **self.answer_key(),
        }

    def answer_key(self) -> Mapping[str, Any]:
        """Where the vectors are computed."""
        return {"device": self.context.device, "dtype": self.context.dtype}

    @property
    def candidate_count(self) -> int:
        """How many learning rates are compared before the training."""
        return count_of(self.settings.learning_rate)

    def fit(
        self, task: Task, *, folder: Path, target: Path, title: str, callbacks: Sequence[Any] = ()
    ) -> Mapping[str, Any]:
        """Train the encoder on pairs, fit the linear model to its vectors, and save both.

        A training that was interrupted goes on from its checkpoint in ``folder``. Where the
        learning rate is to be chosen, that comes first.
        """
        rates = values_of(self.settings.learning_rate, RATE, RATES)
        if len(rates) == 1:
            return self._fit(rates[0], task, folder=folder, target=target, title=title)
        # It trains on pairs once, which is one epoch of them.
        return fit_chosen(
            Candidates(rates, (1.0,)),
            lambda rate, _: replace(
                self, settings=self.settings.model_copy(update={"learning_rate": rate})
            ),
            task,
            name=self.name,
            folder=folder,
            target=target,
            title=title,
        )

    def _fit(
        self, rate: float, task: Task, *, folder: Path, target: Path, title: str
    ) -> Mapping[str, Any]:
        if self.context.dtype == "float16":
            raise UsageError(
                f"{FORMAT} does not train in float16; use training.precision=bfloat16 or float32."
            )
        from tunelab.runs.stages import replace_folder
        from tunelab.training.contrastive import CHECKPOINT, train_on_pairs
        from tunelab.training.pairs import draw_pairs

        settings, context = self.settings, self.context
        texts, labels = [row.text for row in task.train], [row.label for row in task.train]
        # Float32, whatever the arithmetic is: small steps would be lost in fewer bits.
        encoder = load_encoder(settings.model, device=context.device)
        count = pairs_for(labels) if settings.pairs == "auto" else settings.pairs
        try:
            pairs = draw_pairs(labels, count, seed=task.seed)
        except ValueError as error:
            raise refused(self.name, "be fitted to the training rows", error) from None
        folder.mkdir(parents=True, exist_ok=True)
        trained = train_on_pairs(
            encoder,
            [token_ids(encoder, text)[0] for text in texts],
            pairs,
            batch_size=settings.batch_size,
            learning_rate=rate,
            dtype=context.dtype,
            seed=task.seed,
            folder=folder,
            title=title,
        )
        origin = describe_origin(encoder)
        record = {
            "version": 1,
            "format": FORMAT,
            "use": self.name,
            **origin,
            "settings": settings.model_dump(),
            "labels": list(task.labels),
            "trained_by": folder.name,
        }
        measured: dict[str, Any] = {}

        def write(fresh: Path) -> None:
            save_encoder(encoder, fresh / ENCODER)
            # As it is opened later, in the precision of the study.
            saved = load_encoder(
                str((fresh / ENCODER).resolve()), device=context.device, dtype=context.dtype
            )
            with without_cache():
                found = embed_texts(saved, texts)
            started = time.perf_counter()
            weights = class_weights(context.training.class_weights, labels, task.labels)
            head = _fit_head(self.name, settings.C, found.vectors, labels, task.seed, weights)
            measured["fit"] = time.perf_counter() - started
            measured["learnt"] = count_learnt(head)
            measured["encode"], measured["cut"] = found.seconds, found.cut
            dump_model(head, fresh / MODEL_FILE, self.name)
            names = [
                path.relative_to(fresh).as_posix() for path in fresh.rglob("*") if path.is_file()
            ]
            write_json(fresh / ADAPTER_RECORD, sealed(record, file_hashes(fresh, names)))

        replace_folder(target, write)
        (folder / CHECKPOINT).unlink(missing_ok=True)
        parameters = sum(value.numel() for value in encoder.model.parameters())
        parameters += measured["learnt"]
        parts = {
            "train": trained.seconds,
            "encode": measured["encode"],
            "fit": measured["fit"],
        }
        return {
            **origin,
            "settings": settings.model_dump(),
            "chosen": {"pairs": count} if settings.pairs == "auto" else {},
            "pairs": count,
            "steps": trained.steps,
            "first_loss": trained.first_loss,
            "last_loss": trained.last_loss,
            "resumed": trained.resumed,
            "seconds": sum(parts.values()),
            "seconds_by_part": parts,
            "texts_cut": measured["cut"],
            "encoder_kept": True,
            "adapter_bytes": folder_bytes(target),
            "trainable_parameters": parameters,
            "total_parameters": parameters,
            "precision": context.dtype,
            "device": context.device,
        }

    def open(self, target: Path, task: Task) -> Fitted:
        """The trained encoder, and the linear model over its vectors."""
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
        """The encoder's weights in float32, what trains them, and a batch of texts.

        Raises:
            UsageError: the encoder is not here and not in the catalog.
        """
        return encoder_memory(self.settings.model, copies=_COPIES)


def save_encoder(encoder: LoadedEncoder, folder: Path) -> None:
    """Write an encoder with its tokenizer and the files that say how its vectors are pooled.

    transformers and sentence-transformers read the folder as well.
    """
    encoder.model.save_pretrained(folder)
    encoder.tokenizer.save_pretrained(folder)
    for file in pooling_files(encoder.folder):
        copy = folder / file.relative_to(encoder.folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def open_recorded(
    folder: Path,
    record: dict[str, Any],
    *,
    device: str,
    dtype: str,
    evaluation: Evaluation | None,
) -> Fitted:
    """The classifier of a folder; the encoder that it was made from need not be there.

    Raises:
        UsageError: the record lacks something, or the file names types of other packages than
            scikit-learn.
        RunError: a file was changed or cannot be read.
    """
    stored.check_files(folder, record)
    labels = recorded_labels(folder, record)
    origin = {
        key: record.get(key) for key in ("model", "licence", "licence_url", "model_hash", "lineage")
    }
    if None in origin.values():
        raise stored.damaged(folder)
    head = load_head(folder, labels)
    encoder = load_encoder(str((folder / ENCODER).resolve()), device=device, dtype=dtype)
    return FittedEmbedding(folder.name, encoder, head, labels, origin)


def _fit_head(
    name: str,
    strength: float,
    vectors: Any,
    labels: Sequence[str],
    seed: int,
    weights: Mapping[str, float] | None,
) -> Any:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    try:
        # The vectors have length 1 or the encoder's own, as in the paper: nothing is scaled.
        return LogisticRegression(
            C=strength, max_iter=2000, random_state=seed, class_weight=weights
        ).fit(vectors, np.asarray(labels, dtype=object))
    except Exception as error:
        raise refused(name, "be fitted to the training rows", error) from None


def _check(values: Mapping[str, Any], prefix: str) -> None:
    find_encoder(validated(Settings, values, prefix=prefix).model)


def _make(values: Mapping[str, Any], context: Context) -> Estimator:
    return SetFit(FORMAT, validated(Settings, values), context)


KIND = ClassifierKind(
    name="setfit",
    check=_check,
    make=_make,
    defaults=Settings().model_dump(),
    seeded=True,
    explanation="""SetFit: a sentence encoder trained on pairs of texts, then logistic regression.

The cosine similarity of two training texts' vectors is brought to 1 where they have one label and
to 0 where they have two. ``pairs`` is the number of pairs, half of each kind; auto takes all pairs
with two labels and as many with one, at most 40 for each text and 20,000 in all. ``batch_size`` is
in pairs, ``C`` the inverse strength of the regression's regularization. ``learning_rate`` is the
highest one of AdamW; ``choose`` takes 2e-5, 1e-5 or 4e-5, and a list one of its numbers, by
trainings on four fifths of the training rows that are asked the rest. It is meant for few rows of
each label.

Source: Tunstall et al., Efficient Few-Shot Learning Without Prompts, 2022.
""",
)
