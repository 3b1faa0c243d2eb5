"""A classifier as one graph from token ids to probabilities, with what makes the ids of a text.

Formats of other runtimes hold the graph and the tokenizer, and nothing of tunelab.
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from tunelab.errors import UsageError
from tunelab.methods.contract import find_method

if TYPE_CHECKING:
    from tunelab.models.encoders import LoadedEncoder
    from tunelab.prompts.encoding import Encoder


@dataclass(frozen=True)
class TextGraph:
    """``model``: a torch module of ``input_ids`` and ``attention_mask``, both (texts, tokens).

    It gives probabilities (texts, labels) in float32. ``tokenizer``: of the library tokenizers.
    The ids of a text are ``before``, those of ``left``, the text and ``right`` as one string, and
    ``after``; ``special``: whether the tokenizer puts its special tokens around the string. The
    text is in lower case if ``lower`` and without blanks at its ends if ``strip``. A text with more
    than ``most_tokens`` is cut at its end. Batches are padded behind with ``pad_token``.
    """

    model: Any
    tokenizer: Any
    most_tokens: int
    pad_token: int
    special: bool = True
    before: tuple[int, ...] = ()
    left: str = ""
    right: str = ""
    after: tuple[int, ...] = ()
    lower: bool = False
    strip: bool = False

    def settings(self) -> dict[str, Any]:
        """All but the model and the tokenizer, as JSON values."""
        values = {key: value for key, value in vars(self).items() if key not in _PARTS}
        return {**values, "before": list(self.before), "after": list(self.after)}


_PARTS = ("model", "tokenizer")


@runtime_checkable
class HasGraph(Protocol):
    """A fitted classifier that can be one graph."""

    def graph(self) -> TextGraph:
        """The graph; the classifier stays as it is.

        Raises:
            UsageError: this one cannot be a graph, for the reason that the message gives.
        """


def merged(model: Any, method: str) -> Any:
    """A copy of a model with what a method trained written into its weights.

    Raises:
        UsageError: the method puts trained vectors before every text.
    """
    from copy import deepcopy

    merge = find_method(method).merge
    if merge is None:
        raise UsageError(
            f"{method} cannot be merged into the weights, as it puts trained vectors before every "
            "text"
        )
    with warnings.catch_warnings():
        # A head in the place of the output layer is not tied to the embeddings, as PEFT notes.
        warnings.filterwarnings("ignore", message="Input and output embeddings are no longer tied")
        return merge(deepcopy(model))


def encoder_graph(
    encoder: "LoadedEncoder", model: Any, head: Any, *, normalize: bool, most_tokens: int
) -> TextGraph:
    """The graph of an encoder ``model`` with layers over the vector of a text."""
    from tokenizers import Tokenizer

    from tunelab.inference.probability_graph import EncoderProbabilities

    pooling = encoder.pooling
    tokenizer = Tokenizer.from_str(encoder.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.enable_truncation(most_tokens)
    return TextGraph(
        model=EncoderProbabilities(model, head, mode=pooling.mode, normalize=normalize).eval(),
        tokenizer=tokenizer,
        most_tokens=most_tokens,
        pad_token=int(encoder.tokenizer.pad_token_id),
        left=pooling.prefix,
        lower=pooling.lower,
    )


def prompt_graph(model: Any, encoder: "Encoder", probes: Sequence[str]) -> TextGraph:
    """The graph of a causal model whose output layer is a head.

    Raises:
        UsageError: the ids of a probe are others than those of the prompt.
    """
    from tokenizers import Tokenizer

    from tunelab.inference.probability_graph import LastTokenProbabilities
    from tunelab.prompts.frame import frame_of
    from tunelab.prompts.tokens import plain_tokenizer

    frame = frame_of(encoder)
    tokenizer = Tokenizer.from_str(plain_tokenizer(encoder.tokenizer).to_str())
    tokenizer.encode_special_tokens = True
    for probe in probes:
        if frame.ids(tokenizer, probe) != list(encoder.prompt(probe).ids):
            raise UsageError(
                "its tokenizer joins the text with the prompt in a way that only transformers has"
            )
    return TextGraph(
        model=LastTokenProbabilities(model).eval(),
        tokenizer=tokenizer,
        most_tokens=encoder.max_length - encoder.answer_room,
        pad_token=int(encoder.tokenizer.pad_token_id),
        special=False,
        **json.loads(json.dumps(vars(frame))),
    )
