"""An encoder with a linear head over the vector of a text, fine-tuned whole or by a method."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunelab.classifiers.chosen_training import Candidates, count_of, fit_chosen
from tunelab.classifiers.contract import ClassifierKind, Context, Estimator, Fitted, Task
from tunelab.classifiers.encoder_settings import (
    Settings,
    candidates_of,
    check_length,
    learning_rate_of,
    read_settings,
    training_of,
)
from tunelab.classifiers.fitted_encoder import FORMAT
from tunelab.errors import RunError, UsageError
from tunelab.guards.refusals import explain_errors
from tunelab.methods.contract import Method, find_method
from tunelab.methods.settings import MethodSettings
from tunelab.models.kinds import find_encoder
from tunelab.models.lineage import describe_origin
from tunelab.models.loading import fetch, is_here, model_hash
from tunelab.models.pooling import read_pooling
from tunelab.models.shape import read_configuration
from tunelab.runs.results import CLASSIFIERS

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EncoderClassifier:
    """The classifier of a study before it is fitted."""

    name: str
    settings: Settings
    method_settings: MethodSettings
    context: Context
    trains: bool = True
    kept_in: str = CLASSIFIERS

    @property
    def method(self) -> Method[Any]:
        """What is trained beside the head."""
        return find_method(self.settings.method)

    @property
    def about(self) -> Mapping[str, Any]:
        """Its kind and its encoder; it has no prompt."""
        return {"kind": "encoder", "model": self.settings.model}

    @property
    def _all_settings(self) -> dict[str, Any]:
        return {**self.method_settings.model_dump(), **self.settings.model_dump()}

    def key(self, task: Task) -> Mapping[str, Any]:
        """The encoder, all settings of the training, and where it is trained."""
        training = training_of(self.settings, self.context.training)
        return {
            "model": model_hash(self.settings.model),
            "settings": self._all_settings,
            "training": training.key(
                exclude={"seeds", "learning_rate", "precision", "tracking", "shared_prefix"}
            ),
            **({"choose": vars(self._candidates())} if self.candidate_count > 1 else {}),
            **self.answer_key(),
        }

    def answer_key(self) -> Mapping[str, Any]:
        """Where it computes."""
        return {"device": self.context.device, "dtype": self.context.dtype}

    @property
    def candidate_count(self) -> int:
        """How many learning rates and epochs are compared before the training."""
        rate = self.settings.learning_rate
        return count_of(None if rate == "auto" else rate, self.settings.epochs)

    def fit(
        self, task: Task, *, folder: Path, target: Path, title: str, callbacks: Sequence[Any] = ()
    ) -> Mapping[str, Any]:
        """Fine-tune the encoder with its head, and write what was trained.

        Where the learning rate or the epochs are to be chosen, that comes first.
        """
        if self.candidate_count == 1:
            return self._fit(task, folder=folder, target=target, title=title, callbacks=callbacks)
        self._check_labels(task)
        return fit_chosen(
            self._candidates(),
            self._with,
            task,
            name=self.name,
            folder=folder,
            target=target,
            title=title,
            callbacks=callbacks,
        )

    def _candidates(self) -> Candidates:
        width = read_configuration(fetch(find_encoder(self.settings.model))).hidden_size
        return candidates_of(self.settings, self.method, width)

    def _with(self, rate: float, epochs: float) -> "EncoderClassifier":
        update = {"learning_rate": rate, "epochs": epochs}
        return replace(self, settings=self.settings.model_copy(update=update))

    def _fit(
        self, task: Task, *, folder: Path, target: Path, title: str, callbacks: Sequence[Any] = ()
    ) -> Mapping[str, Any]:
        import torch

        from tunelab.classifiers.embedded_texts import token_ids
        from tunelab.classifiers.fitted_encoder import load_base, save_encoder
        from tunelab.inference.encoder_with_head import EncoderWithHead
        from tunelab.models.shape import shape_of_model
        from tunelab.runs.results import write_table
        from tunelab.runs.stages import replace_folder
        from tunelab.training.checkpoints import remove_checkpoints
        from tunelab.training.class_weights import class_weights
        from tunelab.training.labels import LabelledIds, LabelObjective
        from tunelab.training.train import train

        settings, context, method = self.settings, self.context, self.method
        self._check_labels(task)
        device, dtype = context.device, context.dtype
        if dtype == "float16" and device == "cpu":
            raise UsageError("training.precision=float16 needs a GPU; use float32 or bfloat16.")
        encoder = load_base(settings.model, device=device, dtype=method.weights or dtype)
        length = self._length(encoder)
        found = [token_ids(encoder, row.text, length) for row in (*task.train, *task.validation)]
        weights = class_weights(
            context.training.class_weights, [row.label for row in task.train], task.labels
        )
        rows = [
            LabelledIds(
                tuple(ids), task.labels.index(row.label), (weights or {}).get(row.label, 1.0)
            )
            for (ids, _), row in zip(found, (*task.train, *task.validation), strict=True)
        ]
        torch.manual_seed(task.seed)
        names = encoder.tokenizer(" ".join(task.labels), add_special_tokens=False, verbose=False)
        refused = f"{method.name} cannot be put on {settings.model}", "use another method"
        with explain_errors(*refused):
            method.count(shape_of_model(encoder.model), self.method_settings)
            adapted = method.adapt(encoder.model, self.method_settings, names["input_ids"])
        model = EncoderWithHead(adapted, len(task.labels), settings.head_dropout)
        rate = learning_rate_of(settings, method, encoder.model.config.hidden_size)
        pad_token = int(encoder.tokenizer.pad_token_id)
        outcome = train(
            model,
            train_rows=rows[: len(task.train)],
            validation_rows=rows[len(task.train) :],
            pad_token=pad_token,
            options=training_of(settings, context.training),
            learning_rate=rate,
            precision=dtype,
            device=device,
            seed=task.seed,
            folder=folder,
            title=title,
            callbacks=callbacks,
            drawn_by=[row.label for row in task.train],
            objective=LabelObjective(encoder.pooling.mode, pad_token),
        )
        replace_folder(
            target,
            lambda fresh: save_encoder(
                fresh,
                outcome.model,
                method=method.name,
                encoder=encoder,
                record={
                    "settings": self._all_settings,
                    "max_length": length,
                    "labels": list(task.labels),
                    "trained_by": folder.name,
                },
            ),
        )
        values = dict(vars(outcome))
        write_table(folder / "history.parquet", values.pop("history"))
        remove_checkpoints(folder)
        del values["model"]
        return {
            **describe_origin(encoder),
            "settings": self._all_settings,
            "learning_rate": rate,
            "precision": dtype,
            "device": device,
            "max_length": length,
            "texts_cut": sum(cut for _, cut in found),
            "validated": bool(task.validation),
            "adapter_bytes": sum(file.stat().st_size for file in target.glob("*.safetensors")),
            **values,
        }

    def open(self, target: Path, task: Task) -> Fitted:
        """The encoder and the head that :meth:`fit` saved."""
        from tunelab.classifiers import stored
        from tunelab.classifiers.fitted_encoder import open_recorded

        return open_recorded(
            target,
            stored.read_record(target),
            device=self.context.device,
            dtype=self.context.dtype,
            evaluation=None,
        )

    @property
    def device(self) -> str:
        """The study's."""
        return self.context.device

    def memory(self) -> int:
        """The peak of a training step on texts as long as it reads, by the encoder's sizes.

        Raises:
            UsageError: the encoder's configuration is not here.
        """
        from tunelab.memory.encoders import training_peak

        name = self.settings.model
        if not is_here(name):
            raise UsageError(f"the size of {name} is not known before it is downloaded.")
        folder = fetch(find_encoder(name))
        return training_peak(
            folder,
            self.method,
            self.method_settings,
            batch=self.settings.batch_size,
            length=self.settings.max_length or read_pooling(folder).most_tokens,
        )

    def _length(self, encoder: Any) -> int:
        """Tokens of a text at most.

        Raises:
            UsageError: the encoder has no positions for so many.
        """
        # Virtual tokens that stand in attention alone take no position.
        method, virtual = self.method, 0
        if not method.virtual_in_attention_alone:
            virtual = method.virtual_tokens(self.method_settings)
        check_length(self.settings, encoder.positions, virtual)
        length: int = min(encoder.most_tokens, encoder.positions - virtual)
        if length < 3:
            raise UsageError(
                f"{virtual} virtual tokens leave no room for a text: {self.settings.model} reads "
                f"{encoder.positions} tokens."
            )
        return self.settings.max_length or length

    def _check_labels(self, task: Task) -> None:
        """Refuse rows of one label, and tell of labels without a row.

        Raises:
            RunError: as said.
        """
        seen = {row.label for row in task.train}
        if len(seen) < 2:
            only = f"all have the label {next(iter(seen))!r}" if seen else "there are none"
            raise RunError(
                f"{self.name} cannot be fitted to the training rows: {only}; give rows of at least "
                "two labels."
            )
        missing = [label for label in task.labels if label not in seen]
        if missing:
            _log.warning(
                "%s: no training row has the label%s %s, which cannot be learned.",
                self.name,
                "s" if len(missing) > 1 else "",
                ", ".join(map(repr, missing[:6])),
            )


def _check(values: Mapping[str, Any], prefix: str) -> None:
    read_settings(values, prefix)


def _make(values: Mapping[str, Any], context: Context) -> Estimator:
    settings, _, own = read_settings(values)
    return EncoderClassifier(FORMAT, settings, own, context)


KIND = ClassifierKind(
    name="encoder",
    check=_check,
    make=_make,
    defaults=Settings().model_dump(),
    seeded=True,
    explanation="""An encoder with a linear layer over the vector of a text, fine-tuned.

A text's vector is the mean of its tokens' vectors or that of the first one, as the encoder's own
files say. ``head_dropout`` of it is left out in training, and a linear layer gives the logits of
the labels. The loss is the cross-entropy of a row's label, its mean over the rows of a step.

``method`` decides what is trained beside the head: full the whole encoder, the others what their
own page says, with their own settings beside these keys. ``learning_rate: auto`` is the method's
own; for full it is 2e-4 at a width of 384 (MiniLM) and falls with the square of the width, to 5e-5
at 768. ``choose`` tries this rate, half and twice of it, and of ``epochs`` 8, 4 and 12; a list
tries its own numbers. Each is trained on four fifths of the training rows and asked the rest, the
rate first; where the epochs are chosen, the last weights are kept and no validation row acts. Soft
prompts with ``init: instruction`` begin at the names of the labels.

Its own are also ``epochs``, ``batch_size``, ``scheduler`` and ``max_length``. Everything else
(seeds, warmup, weight_decay, max_grad_norm, precision, evaluate_every, early_stopping, packing,
fused, tracking) is that of the study's ``training``. ``gradient_accumulation``, ``batch_tokens``
and ``shared_prefix`` do not act here.

Source: Devlin et al., BERT, 2019; Reimers and Gurevych, Sentence-BERT, 2019.
""",
)
