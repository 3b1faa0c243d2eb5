"""Label texts of any kind with a fitted classifier."""

from collections.abc import Sequence
from typing import Protocol

from tunelab.classifiers.contract import LabelAnswer
from tunelab.data.normalizing import normal_text
from tunelab.data.text_identity import identity

_BLANK = LabelAnswer(None, "blank text", "")


class Labels(Protocol):
    """What gives the label of each text, such as a fitted classifier."""

    def label(self, texts: Sequence[str]) -> Sequence[LabelAnswer]:
        """The label of each text."""


def label_texts(classifier: Labels, texts: Sequence[str]) -> list[LabelAnswer]:
    """The label of each text.

    Texts are given in normal form, as training texts are. A text without a visible character is
    not asked; its label is None. A text that repeats is asked once.
    """
    normal = [normal_text(text) for text in texts]
    different = list(dict.fromkeys(text for text in normal if identity(text)))
    found = dict(zip(different, classifier.label(different), strict=True)) if different else {}
    return [found.get(text, _BLANK) for text in normal]
