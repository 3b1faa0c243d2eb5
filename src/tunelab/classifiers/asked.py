"""A language model that is asked as it is, with or without examples in its prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunelab.classifiers.answer_keys import answering, step_for
from tunelab.classifiers.asking import encoder_for
from tunelab.classifiers.contextual_calibration import CONTENT_FREE, CalibratedModel
from tunelab.classifiers.contract import Context, Fitted, Task
from tunelab.classifiers.examples import (
    ExampleSettings,
    chooser,
    drawn,
    example_key,
    to_choose_from,
)
from tunelab.classifiers.language_model import LanguageModel
from tunelab.classifiers.unfitted import save_unfitted
from tunelab.config import Evaluation, Prompt, Training
from tunelab.memory.configurations import shape_by_name
from tunelab.memory.formulas import inference_bytes
from tunelab.models.loading import load, model_hash
from tunelab.runs.results import CLASSIFIERS


@dataclass(frozen=True)
class AskedModel:
    """``role`` is what tables call its kind; ``examples`` are the training rows in its prompt.

    ``training`` has the size of the batches that memory is estimated for. ``calibrate`` gives the
    labels of contextual calibration in place of answers.
    """

    name: str
    role: str
    model: str
    prompt: Prompt
    evaluation: Evaluation
    context: Context
    training: Training
    examples: ExampleSettings = field(default_factory=ExampleSettings)
    calibrate: bool = False
    trains: bool = False
    kept_in: str = CLASSIFIERS

    @property
    def about(self) -> Mapping[str, Any]:
        """The role, the model and the number of examples."""
        return {"kind": self.role, "model": self.model, "shots": self.examples.shots}

    def key(self, task: Task) -> Mapping[str, Any]:
        """The model, the prompt and the examples in it."""
        return {
            "model": model_hash(self.model),
            "prompt": self.prompt.decides,
            "shots": example_key(self.examples, task, self.context),
        }

    def answer_key(self) -> Mapping[str, Any]:
        """How it is asked, and where."""
        if self.calibrate:
            return {
                "calibrated": CONTENT_FREE,
                "normalize": self.evaluation.normalize,
                "device": self.context.device,
                "dtype": self.context.dtype,
            }
        return answering(self.evaluation, self.context)

    def fit(
        self, task: Task, *, folder: Path, target: Path, title: str, callbacks: Sequence[Any] = ()
    ) -> Mapping[str, Any]:
        """The settings and the examples; the model stays as it is."""
        own = self.examples.model_dump(
            exclude_unset=True, include=set(ExampleSettings.model_fields)
        )
        return save_unfitted(
            target,
            use="asked",
            settings={"model": self.model, "calibrate": self.calibrate, **own},
            prompt=self.prompt,
            task=task,
            rows=to_choose_from(self.examples, task),
            models=[self.model, *self.examples.encoders],
        )

    def open(self, target: Path, task: Task) -> Fitted:
        """The model, with the prompt; ``target`` is not read."""
        loaded = load(self.model, device=self.context.device, dtype=self.context.dtype)
        shots = drawn(self.examples, task)
        encoder = encoder_for(loaded.tokenizer, loaded.model, self.prompt, task.labels, shots)
        own = chooser(self.examples, task, self.context) if self.examples.are_near else None
        asked = LanguageModel(self.name, loaded, loaded.model, encoder, self.evaluation, own)
        return CalibratedModel(asked) if self.calibrate else asked

    @property
    def device(self) -> str:
        """The study's."""
        return self.context.device

    def memory(self) -> int:
        """Weights and logits; on a GPU the machine holds as much while the weights are read."""
        return inference_bytes(
            shape_by_name(self.model), step_for(self.training, self.prompt, self.context)
        )
