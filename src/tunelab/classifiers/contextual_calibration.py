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

from tunelab.classifiers.asking import count_cut, label_likelihoods
from tunelab.classifiers.contract import Answers, LabelAnswer, Size
from tunelab.classifiers.language_model import LanguageModel
from tunelab.evaluation.choosing import adjust, choose, probabilities
from tunelab.evaluation.predictions import Given
from tunelab.prompts.encoding import EncodedPrompt

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

    @property
    def size(self) -> Size:
        """The model's."""
        return self.asked.size

    def answer(self, texts: Sequence[str], *, title: str = "") -> Answers:
        """The likeliest label of each text after calibration, and the probabilities."""
        started = time.perf_counter()
        found, cut = self._calibrated(texts, title)
        return Answers(
            self.labels,
            given=Given(tuple(choose(found, self.labels)), tuple(map(tuple, found))),
            seconds={"label": time.perf_counter() - started},
            texts_cut=cut,
        )

    def label(self, texts: Sequence[str]) -> list[LabelAnswer]:
        """The likeliest label of each text after calibration."""
        found, _ = self._calibrated(texts, "")
        return [LabelAnswer(label, None, None) for label in choose(found, self.labels)]

    def probabilities(self, texts: Sequence[str], *, title: str = "") -> "np.ndarray":
        """The calibrated probabilities, array (texts, labels)."""
        import numpy as np

        found, _ = self._calibrated(texts, title)
        return np.array(found, dtype=float).reshape(len(texts), len(self.labels))

    def _calibrated(self, texts: Sequence[str], title: str) -> tuple[list[list[float]], int]:
        """The probabilities of each text, and how many texts were cut.

        Texts with the same examples share the texts without content behind them.
        """
        if not texts:
            return [], 0
        encoders = self.asked.encoders(texts)
        prompts = [encoder.prompt(text) for encoder, text in zip(encoders, texts, strict=True)]
        different = {id(encoder): encoder for encoder in encoders}
        free = [encoder.prompt(text) for encoder in different.values() for text in CONTENT_FREE]
        shares = self._shares([*prompts, *free], title)
        own, bare = shares[: len(prompts)], shares[len(prompts) :]
        size = len(CONTENT_FREE)
        means = {
            key: [sum(column) / size for column in zip(*bare[start : start + size], strict=True)]
            for key, start in zip(different, range(0, len(bare), size), strict=True)
        }
        found = []
        for encoder, row in zip(encoders, own, strict=True):
            quotients = [
                share / max(mean, _LEAST)
                for share, mean in zip(row, means[id(encoder)], strict=True)
            ]
            found.append([quotient / sum(quotients) for quotient in quotients])
        return found, count_cut(prompts)

    def _shares(self, prompts: Sequence[EncodedPrompt], title: str) -> list[list[float]]:
        """The probability of each label among all labels after each prompt."""
        scores = label_likelihoods(
            self.asked.model,
            self.asked.encoder,
            prompts,
            title=f"{title} scores",
            progress=bool(title),
        )
        adjusted = adjust(
            scores.logprobs,
            label_tokens=scores.tokens,
            empty_logprobs=None,
            normalize=self.asked.evaluation.normalize,
        )
        return probabilities(adjusted)
