"""A hosted model that can be asked for the labels of texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.classifiers.contract import Answers, LabelAnswer, Size
from tunelab.classifiers.examples import Choose
from tunelab.classifiers.hosted.answers import HostedAnswer
from tunelab.classifiers.hosted.asking import Outcome, Server, ask_all
from tunelab.classifiers.hosted.kept import kept_answers
from tunelab.classifiers.hosted.settings import Settings
from tunelab.classifiers.hosted.usage import describe_requests
from tunelab.config import fingerprint
from tunelab.errors import UsageError
from tunelab.evaluation.parsing.answers import FAILED
from tunelab.evaluation.predictions import Generated, parse_all
from tunelab.generation.endpoint.request import content
from tunelab.generation.settings import GenerationSettings
from tunelab.prompts.conversation import PromptFormat, make_messages

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class HostedModel:
    """A model at an endpoint with the prompt that it is asked with.

    ``choose`` gives the examples before each text. ``folder`` keeps the answers.
    """

    name: str
    settings: Settings
    format: PromptFormat
    choose: Choose
    folder: Path
    key: str = field(default="", repr=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the prompt."""
        return self.format.labels

    @property
    def about(self) -> Mapping[str, Any]:
        """The model's name and the prompt; the server reports no licence, hash or lineage."""
        return {"model": self.settings.model, "prompt": self.format.to_dict()}

    @property
    def size(self) -> Size:
        """Unknown; each answer may be paid for."""
        return Size(None, reason="the server does not report the size of its model", metered=True)

    def answer(self, texts: Sequence[str], *, title: str = "") -> Answers:
        """Ask for the label of each text in words; texts that repeat are asked once.

        The seconds of answers that were kept from before are those of their requests, shared by
        the requests that go on at once.
        """
        rows, outcome = self._ask(texts, title=f"{title} answers" if title else "")
        waited = sum(outcome.answers[key].seconds for key in outcome.kept)
        return Answers(
            labels=self.labels,
            generated=self._generated(rows),
            seconds={"generate": outcome.seconds + waited / self.settings.concurrency},
            facts={"requests": describe_requests(self.settings, outcome, rows)},
        )

    def label(self, texts: Sequence[str]) -> list[LabelAnswer]:
        """The label of each text, from an answer in words."""
        generated = self._generated(self._ask(texts, title="")[0])
        return [
            LabelAnswer(label, reason, None if reason == FAILED else answer)
            for answer, label, reason in zip(
                generated.answers, generated.labels, generated.reasons, strict=True
            )
        ]

    def probabilities(self, texts: Sequence[str], *, title: str = "") -> "np.ndarray":
        """None: a server tells at most how likely some first tokens are.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{self.name} has no probabilities: an endpoint gives answers in words.")

    def _ask(
        self, texts: Sequence[str], *, title: str
    ) -> tuple[list[HostedAnswer | None], Outcome]:
        limit = GenerationSettings(max_new_tokens=self.settings.answer_limit(self.labels))
        keys, questions, path = [], {}, ""
        for text, shots in zip(texts, self.choose(texts), strict=True):
            messages = make_messages(replace(self.format, shots=shots), text)
            path, body = content(self.settings.model, messages, limit)
            key = fingerprint([self._decides, body])
            keys.append(key)
            questions[key] = body
        server = Server(self.settings, self.labels, path, self.key)
        with kept_answers(self.folder) as kept:
            outcome = ask_all(server, questions, kept, title=title)
        return [outcome.answers.get(key) for key in keys], outcome

    @property
    def _decides(self) -> Mapping[str, Any]:
        """What decides an answer besides the body of the request."""
        settings = self.settings
        return {
            "url": settings.url.rstrip("/"),
            "labels": list(self.labels),
            "structured": settings.structured,
            "logprobs": settings.logprobs,
        }

    def _generated(self, rows: Sequence[HostedAnswer | None]) -> Generated:
        none = (None,) * len(self.labels)
        first = [none if row is None else row.first_tokens or none for row in rows]
        given = any(row is not None and row.first_tokens is not None for row in rows)
        return parse_all(
            ["" if row is None else row.text for row in rows],
            self.labels,
            stopped=[row is not None and row.stopped for row in rows],
            failed=[row is None for row in rows],
            # Servers count more than the text that is kept: stop tokens, reasoning, JSON.
            tokens=None,
            first_tokens=tuple(first) if given else None,
        )
