"""A language model that a method fine-tunes to label texts, in words or through a head."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunelab.classifiers.answer_keys import answering, step_for
from tunelab.classifiers.chosen_training import Candidates, fit_chosen
from tunelab.classifiers.contract import Context, Fitted, Task
from tunelab.classifiers.stored import open_classifier
from tunelab.config import AnswersWith, Evaluation, Prompt, Training
from tunelab.memory.configurations import shape_by_name
from tunelab.memory.formulas import estimate
from tunelab.memory.terms import total
from tunelab.memory.training_step import answering_with
from tunelab.methods.contract import find_method
from tunelab.methods.settings import MethodSettings
from tunelab.models.lineage import describe_origin
from tunelab.models.loading import model_hash
from tunelab.runs.results import ADAPTERS


@dataclass(frozen=True)
class TunedModel:
    """``method`` with its ``settings`` trains ``model`` on conversations that end in the label.

    With ``answers`` of head, a linear layer on the last token before the label is trained with it.
    ``group`` is the name that its training seeds share. ``candidates`` are the learning rates and
    epochs to choose from, None where nothing is chosen.
    """

    name: str
    group: str
    model: str
    method: str
    settings: MethodSettings
    learning_rate: float
    seed: int
    prompt: Prompt
    training: Training
    evaluation: Evaluation
    context: Context
    answers: AnswersWith = "words"
    candidates: Candidates | None = None
    trains: bool = True
    kept_in: str = ADAPTERS

    @property
    def about(self) -> Mapping[str, Any]:
        """The model, the method, the seed and the group of seeds."""
        return {
            "kind": "tuned",
            "model": self.model,
            "method": self.method,
            "answers": self.answers,
            "group": self.group,
            "seed": self.seed,
        }

    def key(self, task: Task) -> Mapping[str, Any]:
        """All that decides what is trained.

        The seed, the learning rate and the type of the weights stand on their own, as a method can
        have its own; a tracker only watches.
        """
        training = self.training.key(exclude={"seeds", "learning_rate", "precision", "tracking"})
        # Only where it is no words: what was trained before there were heads stays valid.
        head = {} if self.answers == "words" else {"answers": self.answers}
        chosen = {} if self.candidates is None else {"choose": vars(self.candidates)}
        return {
            **head,
            **chosen,
            "model": model_hash(self.model),
            "prompt": self.prompt.decides,
            "training": training,
            "learning_rate": self.learning_rate,
            "method": self.method,
            "settings": self.settings.model_dump(),
            "device": self.context.device,
            "dtype": self.context.dtype,
        }

    def answer_key(self) -> Mapping[str, Any]:
        """How it is asked, and where; a head is asked in one way alone."""
        if self.answers == "head":
            return {"device": self.context.device, "dtype": self.context.dtype}
        return answering(self.evaluation, self.context)

    @property
    def candidate_count(self) -> int:
        """How many learning rates and epochs are compared before the training."""
        return 1 if self.candidates is None else self.candidates.number

    def fit(
        self, task: Task, *, folder: Path, target: Path, title: str, callbacks: Sequence[Any] = ()
    ) -> Mapping[str, Any]:
        """Fine-tune the model and write the adapter with its prompt.

        Where the learning rate or the epochs are to be chosen, that comes first.
        """
        if self.candidates is None:
            return self._fit(task, folder=folder, target=target, title=title, callbacks=callbacks)
        return fit_chosen(
            self.candidates,
            self._with,
            task,
            name=self.name,
            folder=folder,
            target=target,
            title=title,
            callbacks=callbacks,
        )

    def _with(self, rate: float, epochs: float) -> "TunedModel":
        training = self.training.model_copy(update={"epochs": epochs})
        return replace(self, learning_rate=rate, training=training, candidates=None)

    def _fit(
        self, task: Task, *, folder: Path, target: Path, title: str, callbacks: Sequence[Any] = ()
    ) -> Mapping[str, Any]:
        from tunelab.classifiers.fine_tuning import fine_tune
        from tunelab.prompts.viewer import measure_lengths
        from tunelab.runs.results import write_table
        from tunelab.training.checkpoints import remove_checkpoints
        from tunelab.training.processes import is_first

        tuned = fine_tune(
            task.train,
            task.validation,
            model=self.model,
            method=self.method,
            settings=self.settings,
            labels=task.labels,
            answers=self.answers,
            prompt=self.prompt,
            training=self.training,
            learning_rate=self.learning_rate,
            seed=task.seed,
            device=self.context.device,
            dtype=self.context.dtype,
            folder=folder,
            target=target,
            title=title,
            callbacks=callbacks,
        )
        if not is_first():
            return {}
        outcome = vars(tuned.outcome)
        write_table(folder / "history.parquet", outcome["history"])
        remove_checkpoints(folder)
        lengths = measure_lengths(
            tuned.train_rows,
            max_length=self.prompt.max_length,
            batch_size=self.training.batch_size,
        )
        return {
            **describe_origin(tuned.loaded),
            "settings": self.settings.model_dump(),
            "learning_rate": self.learning_rate,
            "precision": self.context.dtype,
            "device": self.context.device,
            "lengths": vars(lengths),
            "validated": bool(task.validation),
            "adapter_bytes": sum(file.stat().st_size for file in target.glob("*.safetensors")),
            **{key: value for key, value in outcome.items() if key not in {"model", "history"}},
        }

    def open(self, target: Path, task: Task) -> Fitted:
        """The fine-tuned model, with the prompt that it was trained with."""
        return open_classifier(
            target,
            device=self.context.device,
            dtype=self.context.dtype,
            evaluation=self.evaluation,
        )

    @property
    def device(self) -> str:
        """The study's."""
        return self.context.device

    def memory(self) -> int:
        """The peak of a training step; beside a GPU the weights and logits that are read."""
        shape = shape_by_name(self.model)
        step = answering_with(step_for(self.training, self.prompt, self.context), self.answers)
        found = estimate(shape, find_method(self.method), self.settings, step)
        if self.context.device == "cuda":
            return total(found.terms, "weights", "logits")
        return found.peak
