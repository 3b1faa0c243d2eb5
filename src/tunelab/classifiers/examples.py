"""The examples that are in a prompt before a text: drawn once, or the nearest ones of each."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tunelab.classifiers.contract import Context, Task
from tunelab.config import Integer, Text
from tunelab.data.examples import Example
from tunelab.data.sampling import draw_shots
from tunelab.models.kinds import find_encoder

# A text and its label.
Shot = tuple[str, str]
# The examples before each of some texts.
Choose = Callable[[Sequence[str]], list[tuple[Shot, ...]]]


class ExampleSettings(BaseModel):
    """``shots`` training rows are shown in the prompt.

    ``examples`` is random, the same rows for every text and the labels as evenly as possible; or
    nearest, for each text those whose vectors by ``encoder`` have the highest cosine similarity
    with its own, whatever their labels, the most similar one last.

    Source of nearest: Liu et al., What makes good in-context examples for GPT-3?, 2021,
    https://arxiv.org/abs/2101.06804.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    shots: Annotated[Integer, Field(ge=0, le=10**4)] = 0
    examples: Literal["random", "nearest"] = "random"
    encoder: Text = "all-minilm-l6-v2"

    @model_validator(mode="after")
    def _shown(self) -> "ExampleSettings":
        if self.examples == "nearest" and not self.shots:
            raise ValueError("has examples=nearest and shows none; set shots to 1 or more")
        if "encoder" in self.model_fields_set and self.examples != "nearest":
            raise ValueError("has an encoder, which belongs to examples=nearest")
        return self

    @property
    def are_near(self) -> bool:
        """Whether each text has its own examples."""
        return self.examples == "nearest"

    @property
    def encoders(self) -> tuple[str, ...]:
        """The names of the encoders that choose the examples."""
        return (self.encoder,) if self.are_near else ()


def check_encoder(settings: ExampleSettings) -> None:
    """Resolve the encoder of nearest examples.

    Raises:
        UsageError: its name is unknown, or that of a language model.
    """
    if settings.are_near:
        find_encoder(settings.encoder)


def drawn(settings: ExampleSettings, task: Task) -> tuple[Shot, ...]:
    """The examples that every text has.

    Rows that are just as many keep their own order: a saved classifier has those alone.
    """
    if settings.are_near:
        return ()
    if len(task.train) == settings.shots:
        return tuple(map(_shot, task.train))
    return tuple(map(_shot, draw_shots(task.train, settings.shots, seed=task.seed)))


def to_choose_from(settings: ExampleSettings, task: Task) -> tuple[Shot, ...]:
    """The rows that give the same examples again: those that are shown, or all training rows."""
    return tuple(map(_shot, task.train)) if settings.are_near else drawn(settings, task)


def example_key(settings: ExampleSettings, task: Task, context: Context) -> Any:
    """What decides the examples, beside the data, as JSON values."""
    from tunelab.models.loading import model_hash

    if not settings.are_near:
        return [list(shot) for shot in drawn(settings, task)]
    encoder = {"encoder": model_hash(settings.encoder), "device": context.device}
    return {"nearest": settings.shots, **encoder, "dtype": context.dtype}


def chooser(settings: ExampleSettings, task: Task, context: Context) -> Choose:
    """What gives the examples before each text."""
    if settings.are_near:
        return _nearest(settings, task.train, context)
    same = drawn(settings, task)
    return lambda texts: [same] * len(texts)


def _nearest(settings: ExampleSettings, rows: Sequence[Example], context: Context) -> Choose:
    import numpy as np

    from tunelab.classifiers.embedded_texts import embed_texts
    from tunelab.models.encoders import load_encoder

    encoder = load_encoder(settings.encoder, device=context.device, dtype=context.dtype)
    known = _units(embed_texts(encoder, [row.text for row in rows]).vectors)

    def choose(texts: Sequence[str]) -> list[tuple[Shot, ...]]:
        if not texts:
            return []
        # Rounded, so that equal texts stay in the order of the rows on every machine.
        likeness = np.round(_units(embed_texts(encoder, texts).vectors) @ known.T, 6)
        nearest = np.argsort(-likeness, axis=1, kind="stable")[:, : settings.shots]
        return [tuple(_shot(rows[row]) for row in found[::-1]) for found in nearest]

    return choose


def _units(vectors: Any) -> Any:
    import numpy as np

    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _shot(row: Example) -> Shot:
    return row.text, row.label
