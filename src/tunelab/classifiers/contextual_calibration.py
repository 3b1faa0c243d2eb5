"""Labels of an asked model by contextual calibration.

A model that likes a label whatever the text says likes it after texts without content too. The
probability of each label is divided by its mean probability after such texts, with the same
examples before them, and the quotients are made shares of their sum.

Source: Zhao et al., Calibrate Before Use, 2021, https://arxiv.org/abs/2102.09690, with its three
texts and a diagonal matrix.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunelab.classifiers.asking import count_cut
from tunelab.classifiers.contract import Answers, LabelAnswer
from tunelab.classifiers.language_model import LanguageModel
from tunelab.evaluation.choosing import adjust, choose, probabilities
from tunelab.evaluation.predictions import Given

if TYPE_CHECKING:
    import numpy as np

# Texts without content.
CONTENT_FREE = ["N/A", "", "[MASK]"]
# A label that has no probability at all is not made the likeliest by dividing.
_LEAST = 1e-12


@dataclass(frozen=True)
class CalibratedModel:
    """A language model whose labels are calibrated; it writes no answers."""

    asked: LanguageModel

    @property
    def name(self) -> str:
        """The model's."""
        return self.asked.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the prompt."""
        return self.asked.labels

    @property
    def about(self) -> Mapping[str, Any]:
        """What a record holds of the model."""
        return self.asked.about

    def answer(self, texts: Sequence[str], *, title: str = "") -> Answers:
        """The likeliest label of each text after calibration, and the probabilities."""
        started = time.perf_counter()
        prompts = self.asked.prompts(texts)
        found = self._calibrated(texts, prompts, title)
        return Answers(
            self.labels,
            given=Given(tuple(choose(found, self.labels)), tuple(map(tuple, found))),
            seconds={"label": time.perf_counter() - started},
            texts_cut=count_cut(prompts),
        )

    def label(self, texts: Sequence[str]) -> list[LabelAnswer]:
        """The likeliest label of each text after calibration."""
        found = self._calibrated(texts, self.asked.prompts(texts), "")
        return [LabelAnswer(label, None, None) for label in choose(found, self.labels)]

    def probabilities(self, texts: Sequence[str], *, title: str = "") -> "np.ndarray":
        """The calibrated probabilities, array (texts, labels)."""
        import numpy as np

        found = self._calibrated(texts, self.asked.prompts(texts), title)
        return np.array(found, dtype=float).reshape(len(texts), len(self.labels))

    def _calibrated(
        self, texts: Sequence[str], prompts: Sequence[Any], title: str
    ) -> list[list[float]]:
        if not texts:
            return []
        bare, without = self._without_content(texts)
        shares = self._shares([*prompts, *without], title)
        found = []
        for own, before in zip(shares[: len(prompts)], bare, strict=True):
            start = len(prompts) + before
            free = shares[start : start + len(CONTENT_FREE)]
            means = [sum(column) / len(column) for column in zip(*free, strict=True)]
            quotients = [share / max(mean, _LEAST) for share, mean in zip(own, means, strict=True)]
            found.append([quotient / sum(quotients) for quotient in quotients])
        return found

    def _without_content(self, texts: Sequence[str]) -> tuple[list[int], list[Any]]:
        """The prompts of the texts without content, with each text's examples before them.

        Also where those of each text begin: texts with the same examples share them.
        """
        shots = None if self.asked.choose is None else self.asked.choose(texts)
        if shots is None:
            return [0] * len(texts), self.asked.prompts(CONTENT_FREE)
        begin: dict[Any, int] = {}
        prompts: list[Any] = []
        for one in shots:
            if one not in begin:
                begin[one] = len(prompts)
                encoder = self.asked.encoder.with_shots(one)
                prompts += [encoder.prompt(text) for text in CONTENT_FREE]
        return [begin[one] for one in shots], prompts

    def _shares(self, prompts: Sequence[Any], title: str) -> list[list[float]]:
        """The probability of each label among all labels after each prompt."""
        scores = self.asked.scores(prompts, title=title)
        normalize = self.asked.evaluation.normalize
        return probabilities(
            adjust(
                scores.logprobs,
                label_tokens=scores.tokens,
                empty_logprobs=None,
                normalize=normalize,
            )
        )
