"""A language model that is asked as it is, with or without examples in its prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.classifiers.answer_keys import answering, step_for
from tunelab.classifiers.asking import encoder_for
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.language_model import LanguageModel
from tunelab.config import Evaluation, Prompt, Training
from tunelab.data.sampling import draw_shots
from tunelab.memory.configurations import shape_by_name
from tunelab.memory.formulas import inference_bytes
from tunelab.models.loading import load, model_hash
from tunelab.runs.results import ADAPTERS


@dataclass(frozen=True)
class AskedModel:
    """``role`` is base or instruct; ``shots`` counts the training rows that the prompt shows.

    ``training`` has the size of the batches that memory is estimated for.
    """

    name: str
    role: str
    model: str
    prompt: Prompt
    evaluation: Evaluation
    context: Context
    training: Training
    shots: int = 0
    trains: bool = False
    kept_in: str = ADAPTERS

    @property
    def about(self) -> Mapping[str, Any]:
        """The role, the model and the number of examples."""
        return {"kind": self.role, "model": self.model, "shots": self.shots}

    def key(self, task: Task) -> Mapping[str, Any]:
        """The model, the prompt and the examples in it."""
        return {
            "model": model_hash(self.model),
            "prompt": self.prompt.model_dump(),
            "shots": self._examples(task),
        }

    def answer_key(self) -> Mapping[str, Any]:
        """How it is asked, and where."""
        return answering(self.evaluation, self.context)

    def fit(
        self, task: Task, *, folder: Path, target: Path, title: str, callbacks: Sequence[Any] = ()
    ) -> Mapping[str, Any]:
        """Nothing: the model stays as it is."""
        return {}

    def open(self, target: Path, task: Task) -> LanguageModel:
        """The model, with the prompt; ``target`` is not read."""
        loaded = load(self.model, device=self.context.device, dtype=self.context.dtype)
        encoder = encoder_for(
            loaded.tokenizer, loaded.model, self.prompt, task.labels, self._examples(task)
        )
        return LanguageModel(self.name, loaded, loaded.model, encoder, self.evaluation)

    @property
    def device(self) -> str:
        """The study's."""
        return self.context.device

    def memory(self) -> int:
        """Weights and logits; on a GPU the machine holds as much while the weights are read."""
        return inference_bytes(
            shape_by_name(self.model), step_for(self.training, self.prompt, self.context)
        )

    def _examples(self, task: Task) -> list[tuple[str, str]]:
        shown = draw_shots(task.train, self.shots, seed=task.seed)
        return [(row.text, row.label) for row in shown]
