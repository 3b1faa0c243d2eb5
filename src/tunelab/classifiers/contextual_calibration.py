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
from tunelab.progress import row_bar
from tunelab.prompts.encoding import EncodedPrompt, Encoder

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

        Texts with the same examples are scored together, with the texts without content, so that
        the examples are run once for all of them.
        """
        groups: dict[int, tuple[Encoder, list[int]]] = {}
        for row, encoder in enumerate(self.asked.encoders(texts)):
            groups.setdefault(id(encoder), (encoder, []))[1].append(row)
        found: list[list[float]] = [[] for _ in texts]
        cut = 0
        with row_bar(f"{title} scores", len(texts), shown=bool(title)) as bar:
            for encoder, rows in groups.values():
                prompts = [encoder.prompt(texts[row]) for row in rows]
                cut += count_cut(prompts)
                for row, shares in zip(rows, self._shares(encoder, prompts), strict=True):
                    found[row] = shares
                bar.update(len(rows))
        return found, cut

    def _shares(self, encoder: Encoder, prompts: Sequence[EncodedPrompt]) -> list[list[float]]:
        """The calibrated probabilities after prompts of one encoder."""
        free = [encoder.prompt(text) for text in CONTENT_FREE]
        scores = label_likelihoods(
            self.asked.model, encoder, [*prompts, *free], title="", progress=False
        )
        adjusted = adjust(
            scores.logprobs,
            label_tokens=scores.tokens,
            empty_logprobs=None,
            normalize=self.asked.evaluation.normalize,
        )
        shares = probabilities(adjusted)
        columns = zip(*shares[len(prompts) :], strict=True)
        means = [max(sum(column) / len(free), _LEAST) for column in columns]
        found = []
        for own in shares[: len(prompts)]:
            quotients = [share / mean for share, mean in zip(own, means, strict=True)]
            found.append([quotient / sum(quotients) for quotient in quotients])
        return found
