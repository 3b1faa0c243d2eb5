"""A language model that is asked as it is, as a classifier that a study names."""

from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.classifiers.answer_room import check_model
from tunelab.classifiers.asked import AskedModel
from tunelab.classifiers.contract import ClassifierKind, Context, Estimator
from tunelab.classifiers.examples import ExampleSettings, check_encoder
from tunelab.config import Text
from tunelab.errors import TunelabError
from tunelab.guards.validation import validated
from tunelab.models.kinds import find_language_model
from tunelab.models.loading import load_tokenizer


class Settings(ExampleSettings):
    """The settings beside ``name`` and ``use``; ``KIND`` explains them."""

    model: Text
    calibrate: bool = False


def _check(values: Mapping[str, Any], prefix: str) -> None:
    settings = validated(Settings, values, prefix=prefix)
    find_language_model(settings.model)
    check_encoder(settings)


def _make(values: Mapping[str, Any], context: Context) -> Estimator:
    settings = validated(Settings, values)
    return AskedModel(
        name="asked",
        role="asked",
        model=settings.model,
        prompt=context.prompt,
        evaluation=context.evaluation,
        context=context,
        training=context.training,
        examples=settings,
        calibrate=settings.calibrate,
    )


def _prove(values: Mapping[str, Any], context: Context, labels: Sequence[str]) -> None:
    settings = validated(Settings, values)
    try:
        tokenizer = load_tokenizer(settings.model)
    except TunelabError:
        # A model that cannot be fetched: the cell that needs it reports why.
        return
    check_model(tokenizer, context.prompt, labels, context.evaluation, name=settings.model)


KIND = ClassifierKind(
    name="asked",
    check=_check,
    make=_make,
    defaults={"shots": 0, "examples": "random", "encoder": "all-minilm-l6-v2", "calibrate": False},
    explanation="""A language model that is asked as it is, with training rows shown in its prompt.

``shots`` rows are in the prompt before every text. ``examples`` is random: the same rows for
every text, the labels as evenly as possible; or nearest: for each text those of the most similar
vectors by ``encoder``, whatever their labels, the most similar one last. With ``calibrate`` it
writes no answers, and labels are scored by contextual calibration: each label's probability is
divided by its mean probability after three texts without content.

Sources: Liu et al., What makes good in-context examples for GPT-3?, 2021; Zhao et al., Calibrate
Before Use, 2021.
""",
    prove=_prove,
    prompted=True,
)
