"""A language model that labels texts: it is asked in words, by likelihood, or in both ways."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tunelab.classifiers.asking import answer, ask, count_cut, label_likelihoods
from tunelab.classifiers.contract import Answers, LabelAnswer, Size
from tunelab.config import Evaluation
from tunelab.evaluation.measuring import choose_labels
from tunelab.evaluation.predictions import parse_all
from tunelab.models.lineage import describe_origin
from tunelab.models.loading import LoadedModel
from tunelab.prompts.encoding import Encoder
from tunelab.runs.folder_size import folder_bytes

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class LanguageModel:
    """A loaded model, fine-tuned or not, with the prompt that it is asked with.

    ``loaded`` is the model as it was read, ``model`` the one that is asked, with what a method
    added. ``evaluation`` says in which ways it is asked.
    """

    name: str
    loaded: LoadedModel
    model: Any
    encoder: Encoder
    evaluation: Evaluation

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the prompt."""
        return tuple(self.encoder.format.labels)

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """Name, licence, hash and lineage of the model, and the prompt."""
        return {
            **describe_origin(self.loaded),
            "prompt": self.encoder.format.to_dict(),
        }

    @cached_property
    def size(self) -> Size:
        """The model's parameters with those of a method, and the bytes of its files."""
        parameters = sum(value.numel() for value in self.model.parameters())
        return Size(parameters, folder_bytes(self.loaded.folder))

    def answer(self, texts: Sequence[str], *, title: str = "") -> Answers:
        """Ask for the label of each text in each of the evaluation's modes."""
        prompts = [self.encoder.prompt(text) for text in texts]
        generated = scores = None
        seconds: dict[str, float] = {}
        if "generate" in self.evaluation.modes:
            started = time.perf_counter()
            answers = answer(
                self.model,
                self.encoder,
                prompts,
                self.evaluation,
                title=f"{title} answers",
                progress=bool(title),
            )
            seconds["generate"] = time.perf_counter() - started
            generated = parse_all(
                [entry.text for entry in answers],
                self.labels,
                stopped=tuple(entry.stopped for entry in answers),
                tokens=tuple(entry.kept for entry in answers),
            )
        if "score" in self.evaluation.modes:
            started = time.perf_counter()
            scores = label_likelihoods(
                self.model, self.encoder, prompts, title=f"{title} scores", progress=bool(title)
            )
            seconds["score"] = time.perf_counter() - started
        return Answers(
            labels=self.labels,
            generated=generated,
            scores=scores,
            seconds=seconds,
            texts_cut=count_cut(prompts),
        )

    def label(self, texts: Sequence[str]) -> list[LabelAnswer]:
        """Ask for the label of each text in words, and parse the answers."""
        asked = ask(self.model, self.encoder, texts, self.evaluation, title="", progress=False)
        return [
            LabelAnswer(parsed.label, parsed.reason, entry.text)
            for entry, parsed in zip(asked.answers, asked.parsed, strict=True)
        ]

    def probabilities(self, texts: Sequence[str], *, title: str = "") -> "np.ndarray":
        """The likelihood of each label's tokens after the prompt, as a share of all labels'."""
        import numpy as np

        found = label_likelihoods(
            self.model,
            self.encoder,
            [self.encoder.prompt(text) for text in texts],
            title=f"{title} scores",
            progress=bool(title),
        )
        choices = choose_labels(found, self.labels, normalize="sum", calibrate=False)
        return np.array(choices.probabilities, dtype=float).reshape(len(texts), len(self.labels))
