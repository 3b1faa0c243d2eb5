"""A model behind an OpenAI-compatible chat endpoint, asked for the labels of a study's rows."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.classifiers.contract import ClassifierKind, Context, Estimator, Task
from tunelab.classifiers.examples import check_encoder, chooser, drawn, example_key, to_choose_from
from tunelab.classifiers.hosted.fitted import HostedModel
from tunelab.classifiers.hosted.settings import (
    Settings,
    check_permitted,
    read_key,
    read_settings,
)
from tunelab.classifiers.unfitted import save_unfitted
from tunelab.prompts.conversation import PromptFormat, check_labels, write_instruction
from tunelab.runs.results import CLASSIFIERS

_log = logging.getLogger(__name__)

# What the server's own template is called in records: it is not known here.
_TEMPLATE = "the server's own"


@dataclass(frozen=True)
class Hosted:
    """The classifier of a study. It computes elsewhere, and has nothing to fit."""

    name: str
    settings: Settings
    context: Context
    trains: bool = False
    kept_in: str = CLASSIFIERS
    device: str = "cpu"

    @property
    def about(self) -> Mapping[str, Any]:
        """The model's name and the number of examples."""
        return {"kind": "hosted", "model": self.settings.model, "shots": self.settings.shots}

    def key(self, task: Task) -> Mapping[str, Any]:
        """The endpoint, the model, the prompt and its examples, and what the record tells."""
        settings = self.settings
        return {
            "hosted": settings.model_dump(
                include={"url", "model", "max_tokens", "structured", "logprobs", "prices"}
            ),
            "prompt": self.context.prompt.model_dump(include={"system", "descriptions"}),
            "shots": example_key(settings, task, self.context),
        }

    def answer_key(self) -> Mapping[str, Any]:
        """Nothing besides: an endpoint has no device and no batches."""
        return {}

    def fit(
        self, task: Task, *, folder: Path, target: Path, title: str, callbacks: Sequence[Any] = ()
    ) -> Mapping[str, Any]:
        """The settings and the examples, without the key; the model stays as it is."""
        return save_unfitted(
            target,
            use="hosted",
            settings=self.settings.model_dump(exclude_unset=True),
            prompt=self.context.prompt,
            task=task,
            rows=to_choose_from(self.settings, task),
            models=self.settings.encoders,
        )

    def open(self, target: Path, task: Task) -> HostedModel:
        """The endpoint with the prompt; its answers are kept in ``target``."""
        check_labels(task.labels)
        prompt = self.context.prompt
        format = PromptFormat(
            system=write_instruction(prompt.system, task.labels, prompt.descriptions),
            labels=task.labels,
            style="chat",
            template=_TEMPLATE,
            max_length=prompt.max_length,
            shots=drawn(self.settings, task),
        )
        choose = chooser(self.settings, task, self.context)
        key = read_key(self.settings)
        with_key = f" with the key of {self.settings.key_from}" if key else ""
        _log.info("texts and examples are sent to %s%s", self.settings.url, with_key)
        return HostedModel(self.name, self.settings, format, choose, target, key)

    def memory(self) -> int:
        """Nothing worth counting."""
        return 0


def _check(values: Mapping[str, Any], prefix: str) -> None:
    check_encoder(read_settings(values, prefix))


def _make(values: Mapping[str, Any], context: Context) -> Estimator:
    return Hosted("hosted", read_settings(values), context)


def _prove(values: Mapping[str, Any], context: Context, labels: Sequence[str]) -> None:
    read_key(read_settings(values))


def _stops(values: Mapping[str, Any]) -> bool:
    return read_settings(values).rows == "decided"


def _permit(values: Mapping[str, Any]) -> None:
    check_permitted(read_settings(values))


KIND = ClassifierKind(
    name="hosted",
    check=_check,
    make=_make,
    defaults={
        name: field.get_default()
        for name, field in Settings.model_fields.items()
        if not field.is_required()
    },
    explanation="""A model behind an OpenAI-compatible chat endpoint, asked with the study's prompt.

``url`` (http://HOST:PORT/v1) and ``model`` name it. ``key_from`` is the environment variable that
holds the key. ``concurrency`` requests go on at once; each is tried again ``retries`` times after
429, 5xx, ``timeout`` seconds, or a connection that was cut. ``max_tokens`` bounds an answer.
``structured`` and ``logprobs`` (auto, yes, no) say whether a schema and the likeliest tokens are
asked for; auto goes on without them where the server refuses. ``max_failed`` is the share of rows
that may fail for good. ``prices`` {input, output} are those of a million tokens. ``shots``,
``examples`` and ``encoder`` show training rows in the prompt. Texts are not cut. ``rows``: all, or
decided, which asks test rows in random order, after the other classifiers, until one of these is
shown to be better (confidence sequences by betting, which hold at any row: Waudby-Smith and Ramdas,
2023); the model is then not compared further, and the decision says why.
""",
    prove=_prove,
    permit=_permit,
    prompted=True,
    stops=_stops,
)
