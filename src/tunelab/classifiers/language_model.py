"""A language model that labels texts: it is asked in words, by likelihood, or in both ways."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tunelab.classifiers.asking import (
    answer,
    ask_prompts,
    check_room,
    count_cut,
    label_likelihoods,
)
from tunelab.classifiers.contract import Answers, LabelAnswer, LabelScores, Size
from tunelab.classifiers.examples import Choose, Shot
from tunelab.config import Evaluation
from tunelab.evaluation.measuring import choose_labels
from tunelab.evaluation.predictions import parse_all
from tunelab.generation.context import context_length
from tunelab.models.lineage import describe_origin
from tunelab.models.loading import LoadedModel
from tunelab.prompts.encoding import EncodedPrompt, Encoder
from tunelab.runs.folder_size import folder_bytes

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class LanguageModel:
    """A loaded model, fine-tuned or not, with the prompt that it is asked with.

    ``loaded`` is the model as it was read, ``model`` the one that is asked, with what a method
    added. ``evaluation`` says in which ways it is asked. ``choose`` gives the examples before each
    text where texts have their own; otherwise those of ``encoder`` stand before all.
    """

    name: str
    loaded: LoadedModel
    model: Any
    encoder: Encoder
    evaluation: Evaluation
    choose: Choose | None = None

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
        prompts = self.prompts(texts)
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
            scores = self.scores(prompts, title=title)
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
        prompts = self.prompts(texts)
        asked = ask_prompts(
            self.model, self.encoder, prompts, self.evaluation, title="", progress=False
        )
        return [
            LabelAnswer(parsed.label, parsed.reason, entry.text)
            for entry, parsed in zip(asked.answers, asked.parsed, strict=True)
        ]

    def prompts(self, texts: Sequence[str]) -> list[EncodedPrompt]:
        """The prompt of each text, with the examples that stand before it.

        Raises:
            UsageError: as :meth:`encoders`.
        """
        encoders = self.encoders(texts)
        return [encoder.prompt(text) for encoder, text in zip(encoders, texts, strict=True)]

    def encoders(self, texts: Sequence[str]) -> list[Encoder]:
        """The encoder of each text; texts with the same examples before them share one.

        Raises:
            UsageError: the examples of a text are more than the model's context holds.
        """
        if self.choose is None:
            return [self.encoder] * len(texts)
        context = context_length(self.model)
        found: dict[tuple[Shot, ...], Encoder] = {}
        chosen = self.choose(texts)
        for shots in chosen:
            if shots not in found:
                found[shots] = self.encoder.with_shots(shots)
                check_room(found[shots], context)
        return [found[shots] for shots in chosen]

    def scores(self, prompts: Sequence[EncodedPrompt], *, title: str) -> LabelScores:
        """How likely each label is after each prompt, and after that of an empty text."""
        return label_likelihoods(
            self.model,
            self.encoder,
            prompts,
            title=f"{title} scores",
            progress=bool(title),
            empty=self.prompts([""])[0],
        )

    def probabilities(self, texts: Sequence[str], *, title: str = "") -> "np.ndarray":
        """The likelihood of each label's tokens after the prompt, as a share of all labels'."""
        import numpy as np

        found = self.scores(self.prompts(texts), title=title)
        choices = choose_labels(found, self.labels, normalize="sum", calibrate=False)
        return np.array(choices.probabilities, dtype=float).reshape(len(texts), len(self.labels))
