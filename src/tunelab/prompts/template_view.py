"""What a chat template makes of a conversation: text and tokens, and how two of them differ."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from tunelab.errors import RunError
from tunelab.prompts.conversation import Message
from tunelab.prompts.prompting import SPEAKERS, prompt_ids, prompt_pieces
from tunelab.prompts.template_catalog import choose_template
from tunelab.prompts.tokens import control_tokens
from tunelab.prompts.viewer import TokenView, token_text

if TYPE_CHECKING:
    from rich.text import Text


@dataclass(frozen=True)
class RenderedPrompt:
    """A conversation as one template writes it; ``error`` says why it cannot.

    ``name`` is that of the template, ``own`` or ``none``.
    """

    name: str
    text: str
    tokens: tuple[TokenView, ...]
    error: str | None = None

    @property
    def controls(self) -> int:
        """How many of the tokens are control tokens."""
        return sum(token.control for token in self.tokens)

    def to_dict(self) -> dict[str, Any]:
        """The rendering as JSON values."""
        return {**asdict(self), "controls": self.controls}


@dataclass(frozen=True)
class Change:
    """Where two renderings differ: the tokens of the one that are in place of the other's."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    position: int


def view_prompt(
    tokenizer: Any,
    messages: Sequence[Message],
    template: str,
    speakers: Mapping[str, str] = SPEAKERS,
) -> RenderedPrompt:
    """Render a conversation that asks for an answer with a template by its name.

    Raises:
        UsageError: there is no such template, or the conversation is none.
    """
    chosen = choose_template(tokenizer, template)
    try:
        pieces = prompt_pieces(chosen, messages, speakers)
        ids = prompt_ids(chosen, messages, speakers)
    except RunError as error:
        return RenderedPrompt(template, "", (), str(error))
    controls = set(control_tokens(chosen).values())
    return RenderedPrompt(
        name=template,
        text="".join(piece.text for piece in pieces),
        tokens=tuple(
            TokenView(number, token_text(tokenizer, number), False, number in controls)
            for number in ids
        ),
    )


def differences(left: RenderedPrompt, right: RenderedPrompt) -> list[Change]:
    """Where the tokens of two renderings differ, in order."""
    first = [token.text for token in left.tokens]
    second = [token.text for token in right.tokens]
    matcher = SequenceMatcher(
        None,
        [token.id for token in left.tokens],
        [token.id for token in right.tokens],
        autojunk=False,
    )
    return [
        Change(tuple(first[a:b]), tuple(second[c:d]), a)
        for kind, a, b, c, d in matcher.get_opcodes()
        if kind != "equal"
    ]


def draw_prompt(rendered: RenderedPrompt) -> "Text":
    """The tokens for a terminal, control tokens marked."""
    from rich.text import Text

    line = Text()
    for token in rendered.tokens:
        shown = token.text.replace("\n", "⏎\n")
        line.append(shown, style="bold white on blue" if token.control else "")
        line.append("│", style="bright_black")
    return line
