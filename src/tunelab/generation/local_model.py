"""What answers prompts: the contract, and a model of this machine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from tunelab.errors import UsageError
from tunelab.generation.context import context_length
from tunelab.generation.endpoint.model import is_endpoint, open_endpoint
from tunelab.generation.generate import generate, stream
from tunelab.generation.outcome import Generation, Progress
from tunelab.generation.settings import GenerationSettings
from tunelab.models.loading import load
from tunelab.prompts.conversation import Message
from tunelab.prompts.prompting import Prompt, prompt_ids
from tunelab.prompts.template_catalog import choose_template
from tunelab.prompts.template_view import RenderedPrompt, view_prompt


class Answerer(Protocol):
    """What answers prompts: a model of this machine, or one behind an endpoint."""

    @property
    def name(self) -> str:
        """What the results call it."""

    @property
    def context(self) -> int | None:
        """The tokens it reads and writes at most, None where that is not known."""

    def count(self, prompt: Prompt) -> int:
        """The tokens of a prompt, 0 where they cannot be counted."""

    def answer(
        self,
        prompts: Sequence[Prompt],
        settings: GenerationSettings,
        *,
        interrupt: Callable[[], bool] = ...,
    ) -> list[list[Generation]]:
        """Answers, (prompts, samples)."""

    def stream(
        self,
        prompts: Sequence[Prompt],
        settings: GenerationSettings,
        *,
        begun: Sequence[Sequence[Generation]] | None = ...,
        interrupt: Callable[[], bool] = ...,
    ) -> Iterator[Progress]:
        """The same, step by step."""


@dataclass(frozen=True)
class LocalModel:
    """A loaded model with its tokenizer, whose chat template may be another than its own."""

    name: str
    model: Any
    tokenizer: Any
    batch_size: int = 16

    @property
    def context(self) -> int | None:
        """The model's context in tokens."""
        return context_length(self.model)

    def count(self, prompt: Prompt) -> int:
        """The tokens of a prompt."""
        return len(prompt_ids(self.tokenizer, prompt))

    def answer(
        self,
        prompts: Sequence[Prompt],
        settings: GenerationSettings,
        *,
        interrupt: Callable[[], bool] = lambda: False,
    ) -> list[list[Generation]]:
        """As :func:`tunelab.generation.generate.generate`."""
        return generate(
            self.model,
            self.tokenizer,
            prompts,
            settings,
            batch_size=self.batch_size,
            interrupt=interrupt,
        )

    def stream(
        self,
        prompts: Sequence[Prompt],
        settings: GenerationSettings,
        *,
        begun: Sequence[Sequence[Generation]] | None = None,
        interrupt: Callable[[], bool] = lambda: False,
    ) -> Iterator[Progress]:
        """As :func:`tunelab.generation.generate.stream`."""
        return stream(
            self.model,
            self.tokenizer,
            prompts,
            settings,
            batch_size=self.batch_size,
            begun=begun,
            interrupt=interrupt,
        )

    def with_template(self, template: str) -> "LocalModel":
        """The same model with a template by its name: own, none, or one of the catalog."""
        return replace(self, tokenizer=choose_template(self.tokenizer, template))

    def view_prompt(self, messages: Sequence[Message], template: str = "own") -> RenderedPrompt:
        """The text and tokens that a template makes of a conversation.

        Raises:
            UsageError: there is no such template, or it cannot render the conversation.
        """
        return view_prompt(self.tokenizer, messages, template)


def open_answerer(
    name: str, *, template: str = "own", device: str = "cpu", dtype: str = "float32"
) -> Answerer:
    """A model by its name, or behind an endpoint: ``http://HOST:PORT/v1#MODEL``.

    Raises:
        UsageError: the name or the template is unknown, or a template is named for an endpoint.
        RunError: the model cannot be loaded.
    """
    if is_endpoint(name):
        if template != "own":
            raise UsageError("an endpoint uses its own template; leave --template out.")
        return open_endpoint(name)

    loaded = load(name, device=device, dtype=dtype)
    return LocalModel(name, loaded.model, loaded.tokenizer).with_template(template)
