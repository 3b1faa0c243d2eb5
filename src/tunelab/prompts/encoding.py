"""Encoded examples: token ids, and labels that are −100 everywhere but on the answer."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from tunelab.errors import RunError, UsageError
from tunelab.prompts.answer_start import answer_start
from tunelab.prompts.conversation import PromptFormat, make_messages
from tunelab.prompts.rendering import Piece, render_chat, render_plain
from tunelab.prompts.tokens import control_tokens, encode_pieces, encode_text, leading_tokens

IGNORED = -100


@dataclass(frozen=True)
class EncodedExample:
    """Token ids of a row, and what is trained.

    ``ids`` and ``labels`` have one entry a token; ``labels`` is −100 where nothing is trained,
    else the token's id, or the number of a label where a head is trained.
    ``prompt_length`` counts the tokens before the answer, ``cut`` the characters of the text
    that max_length left out. ``weight`` is what its answer weighs in the loss.
    """

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    prompt_length: int
    cut: int
    weight: float = 1.0


@dataclass(frozen=True)
class EncodedPrompt:
    """Token ids that ask for a label, and how many characters of the text were cut."""

    ids: tuple[int, ...]
    cut: int


class Encoder:
    """Encodes texts for one tokenizer and format.

    ``answers`` gives the token ids of each label as an answer, its stop token last;
    ``answer_room`` the most tokens of one, ``max_length`` the tokens of a row at most, with the
    examples that stand before every text. ``start`` is what the prompt writes behind the template's
    own question, such as an empty block of reasoning; None where that is nothing. ``trained``
    says that a model was trained to answer in this format, with a label alone.

    Raises:
        RunError: the template puts no stop token after an answer, begins the answer of a
            training row differently from a question, or writes more than one BOS.
        UsageError: the instruction alone fills ``max_length``.
    """

    def __init__(self, tokenizer: Any, format: PromptFormat, *, trained: bool = False) -> None:
        self.tokenizer = tokenizer
        self.trained = trained
        self.format = format
        self._controls = set(control_tokens(tokenizer).values())
        self.start = self._start()
        self.answers = {label: tuple(self._answer(label)) for label in format.labels}
        self.answer_room = max(len(answer) for answer in self.answers.values())
        self.stop_tokens = tuple(dict.fromkeys(answer[-1] for answer in self.answers.values()))
        self.max_length = format.max_length + self._shots_length()

    def with_shots(self, shots: Sequence[tuple[str, str]]) -> "Encoder":
        """The same encoder with other examples before every text; the labels' tokens stay."""
        other = copy(self)
        other.format = replace(self.format, shots=tuple(shots))
        other.max_length = self.format.max_length + other._shots_length()
        return other

    def prompt(self, text: str) -> EncodedPrompt:
        """The prompt for a text, cut at its end so that the longest answer still fits."""
        ids, kept = self._fitted(text)
        return EncodedPrompt(ids=tuple(ids), cut=len(text) - len(kept))

    def pieces(self, text: str) -> list[Piece]:
        """The prompt for a text as it is rendered, not cut."""
        return self._pieces(text, None)

    def example(self, text: str, label: str) -> EncodedExample:
        """The prompt followed by its answer and stop token, which alone are trained."""
        ids, kept = self._fitted(text)
        full = self._full(kept, label, ids)
        return EncodedExample(
            ids=tuple(full),
            labels=(IGNORED,) * len(ids) + tuple(full[len(ids) :]),
            prompt_length=len(ids),
            cut=len(text) - len(kept),
        )

    def _shots_length(self) -> int:
        if not self.format.shots:
            return 0
        bare = copy(self)
        bare.format = replace(self.format, shots=())
        return len(self._encode("x", None)) - len(bare._encode("x", None))

    def _start(self) -> str | None:
        if self.format.style == "plain":
            return None
        question = self._render("x", None)
        return answer_start(question, self._render("x", self.format.labels[0]))

    def _render(self, text: str, label: str | None) -> list[Piece]:
        messages = make_messages(self.format, text, label)
        return render_chat(
            self.tokenizer, messages, generation_prompt=label is None, reasoning=False
        )

    def _answer(self, label: str) -> list[int]:
        prompt = self._encode("x", None)
        return self._full("x", label, prompt)[len(prompt) :]

    def _encode(self, text: str, label: str | None) -> list[int]:
        pieces = self._pieces(text, label)
        ids = encode_pieces(self.tokenizer, pieces)
        if self.format.style == "plain":
            ids = leading_tokens(self.tokenizer) + ids
        return ids + self._plain_end(label)

    def _plain_end(self, label: str | None) -> list[int]:
        end = self.tokenizer.eos_token_id
        plain = self.format.style == "plain" and label is not None and end is not None
        return [end] if plain else []

    def _pieces(self, text: str, label: str | None) -> list[Piece]:
        if self.format.style == "plain":
            return render_plain(self.format, text, label)
        return self._chat(text, label)

    def _row_with_answer(self, text: str, label: str, prompt: list[int]) -> list[int]:
        """The tokens of a row whose answer is encoded by itself, as a model generates it.

        Needed where a tokenizer joins the end of the prompt and the answer: GPT-2's makes one token
        of two line feeds at the end of a text, and two before a word.
        """
        asked = "".join(piece.text for piece in self._pieces(text, None))
        rest = []
        for piece in self._pieces(text, label):
            taken = min(len(asked), len(piece.text))
            if asked[:taken] != piece.text[:taken]:
                raise RunError(
                    "the prompt that asks differs from the prompt in training: this chat template "
                    "writes an answer after other tokens than its generation prompt; use "
                    "prompt.style=plain."
                )
            asked = asked[taken:]
            rest.append(Piece(piece.text[taken:], piece.data))
        ids = encode_pieces(self.tokenizer, [piece for piece in rest if piece.text])
        return prompt + ids + self._plain_end(label)

    def _chat(self, text: str, label: str | None) -> list[Piece]:
        pieces = self._render(text, label)
        if self.start is None:
            return pieces
        start = [Piece(self.start, False)] if self.start else []
        if label is None:
            return [*pieces, *start]
        last = max(position for position, piece in enumerate(pieces) if piece.data)
        return [*self._render(text, None), *start, *pieces[last:]]

    def _full(self, text: str, label: str, prompt: list[int]) -> list[int]:
        ids = self._encode(text, label)
        if ids[: len(prompt)] != prompt:
            ids = self._row_with_answer(text, label, prompt)
        answer = ids[len(prompt) :]
        stop = next(
            (position for position, token in enumerate(answer) if token in self._controls), None
        )
        if stop is None and self.format.style == "plain":
            raise RunError(
                "the tokenizer has no end-of-text token, so a model could not learn to stop; name "
                "one as eos_token in its tokenizer_config.json."
            )
        if stop is None:
            raise RunError(
                "the chat template writes no stop token after an answer, so a model could not "
                "learn to stop; use prompt.style=plain."
            )
        if stop == 0:
            raise RunError(f"the label {label!r} leaves no token to train; rename it.")
        if prompt[:2] == [self.tokenizer.bos_token_id] * 2:
            raise RunError("the prompt begins with more than one BOS; mend the chat template.")
        return prompt + answer[: stop + 1]

    def _fitted(self, text: str) -> tuple[list[int], str]:
        """The prompt's ids, and the text as far as it fits."""
        room = self.max_length - self.answer_room
        ids = self._encode(text, None)
        if len(ids) <= room:
            return ids, text
        offsets = encode_text(self.tokenizer, text)[1]
        kept = len(offsets)
        while len(ids) > room:
            kept -= max(1, len(ids) - room)
            if kept < 1:
                raise UsageError(
                    f"prompt.max_length={self.format.max_length} leaves no room for the text: "
                    f"the instruction takes {len(self._encode('', None))} tokens and the answer "
                    f"{self.answer_room}; raise it."
                )
            shorter = text[: offsets[kept - 1][1]]
            ids = self._encode(shorter, None)
        return ids, shorter


def encode_examples(
    encoder: Encoder, texts: Sequence[str], labels: Sequence[str]
) -> list[EncodedExample]:
    """Encode rows in their order."""
    return [encoder.example(text, label) for text, label in zip(texts, labels, strict=True)]


def encode_for_head(
    encoder: Encoder, texts: Sequence[str], labels: Sequence[str]
) -> list[EncodedExample]:
    """Encode rows that a head labels: what is trained is the label's number, after the prompt.

    The last id, the first of the label's tokens, only takes the place of an answer: the number
    is predicted from the token before it, and no token is predicted from the last.
    """
    numbers = {label: number for number, label in enumerate(encoder.format.labels)}
    rows = []
    for text, label in zip(texts, labels, strict=True):
        prompt = encoder.prompt(text)
        rows.append(
            EncodedExample(
                ids=(*prompt.ids, encoder.answers[label][0]),
                labels=(IGNORED,) * len(prompt.ids) + (numbers[label],),
                prompt_length=len(prompt.ids),
                cut=prompt.cut,
            )
        )
    return rows
