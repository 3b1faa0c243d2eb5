"""A language model that labels texts through a head on the last token of the prompt."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.classifiers.asking import count_cut, faster
from tunelab.classifiers.contract import Answers, LabelAnswer, Size
from tunelab.classifiers.text_graph import TextGraph, merged, prompt_graph
from tunelab.errors import RunError
from tunelab.evaluation.predictions import Given
from tunelab.guards.refusals import check_finite
from tunelab.models.kinds import HEAD_FILE
from tunelab.models.lineage import describe_origin
from tunelab.models.loading import LoadedModel
from tunelab.prompts.encoding import EncodedPrompt, Encoder
from tunelab.runs.folder_size import folder_bytes

if TYPE_CHECKING:
    import numpy as np


# Texts whose ids are compared, with blanks and control tokens in them.
_PROBES = ("What a day! I'd not expected <this>.", " a  b ", "", "<|im_end|> </s> [SEP]", "۱۲ 😀")


@dataclass(frozen=True)
class HeadedModel:
    """A fine-tuned model whose output layer is a head; it writes no words.

    ``loaded`` is the model as it was read, ``model`` the one with what a method added and with the
    head. The columns of the head are the labels of the prompt, in their order. ``method``: what was
    trained beside the head.
    """

    name: str
    loaded: LoadedModel
    model: Any
    encoder: Encoder
    method: str = "full"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the prompt."""
        return tuple(self.encoder.format.labels)

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """Name, licence, hash and lineage of the model, and the prompt."""
        return {**describe_origin(self.loaded), "prompt": self.encoder.format.to_dict()}

    @cached_property
    def size(self) -> Size:
        """The parameters of the model, a method and the head, and the bytes of its files."""
        parameters = sum(value.numel() for value in self.model.parameters())
        return Size(parameters, folder_bytes(self.loaded.folder))

    def answer(self, texts: Sequence[str], *, title: str = "") -> Answers:
        """The likeliest label and the probabilities of each text."""
        started = time.perf_counter()
        prompts = [self.encoder.prompt(text) for text in texts]
        probabilities = self._probabilities(prompts, title=title)
        return Answers(
            self.labels,
            given=Given(self._likeliest(probabilities), tuple(map(tuple, probabilities.tolist()))),
            seconds={"label": time.perf_counter() - started},
            texts_cut=count_cut(prompts),
        )

    def label(self, texts: Sequence[str]) -> list[LabelAnswer]:
        """The likeliest label of each text."""
        return [
            LabelAnswer(label, None, None) for label in self._likeliest(self.probabilities(texts))
        ]

    def probabilities(self, texts: Sequence[str], *, title: str = "") -> "np.ndarray":
        """The softmax of the head's logits."""
        return self._probabilities([self.encoder.prompt(text) for text in texts], title=title)

    def graph(self) -> TextGraph:
        """The model with what the method trained in its weights, and the head."""
        return prompt_graph(merged(self.model, self.method), self.encoder, _PROBES)

    def _likeliest(self, probabilities: "np.ndarray") -> tuple[str, ...]:
        return tuple(self.labels[column] for column in probabilities.argmax(axis=1))

    def _probabilities(self, prompts: Sequence[EncodedPrompt], *, title: str) -> "np.ndarray":
        import numpy as np

        from tunelab.inference.head_logits import head_logits

        if not prompts:
            return np.zeros((0, len(self.labels)))
        with faster(self.model):
            logits = head_logits(
                self.model,
                [prompt.ids for prompt in prompts],
                pad_token=self.encoder.tokenizer.pad_token_id,
                title=f"{title} labels",
                progress=bool(title),
            )
        found: np.ndarray = logits.double().softmax(-1).numpy()
        check_finite(self.name, found)
        return found


def save_head(head: Any, folder: Path) -> None:
    """Write a head as safetensors into the folder of its adapter."""
    from safetensors.torch import save_file

    state = {name: value.detach().cpu().contiguous() for name, value in head.state_dict().items()}
    save_file(state, folder / HEAD_FILE)


def load_head(model: Any, folder: Path, labels: int) -> Any:
    """Let the output of a model be that of the head in a folder, in place; returns the model.

    Raises:
        UsageError: the model does not let its output layer be replaced.
        RunError: the file is missing or damaged, or has the sizes of another model or other labels.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from tunelab.inference.label_head import make_head, replace_output

    head = make_head(model, [0] * labels)
    wanted = {name: (value.shape, value.dtype) for name, value in head.state_dict().items()}
    try:
        state = load_file(folder / HEAD_FILE)
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"{folder / HEAD_FILE} cannot be read ({str(error).splitlines()[0][:120]}); train the "
            "classifier again."
        ) from None
    if {name: (value.shape, value.dtype) for name, value in state.items()} != wanted:
        raise RunError(
            f"{folder / HEAD_FILE} is no head of {labels} labels for this model; train the "
            "classifier again."
        )
    head.load_state_dict(state)
    replace_output(model, head.requires_grad_(False))
    return model
