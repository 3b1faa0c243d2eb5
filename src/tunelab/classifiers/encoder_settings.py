"""What a study may say of a fine-tuned encoder, and what follows from it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tunelab.classifiers.chosen_training import EPOCHS, RATES, Candidates, values_of
from tunelab.config import Candidate, Count, Integer, Number, Scheduler, Text, Training
from tunelab.errors import UsageError
from tunelab.guards.validation import validated
from tunelab.methods.contract import Method, find_method
from tunelab.methods.settings import MethodSettings
from tunelab.models.folder_checks import read_config
from tunelab.models.kinds import find_encoder
from tunelab.models.loading import fetch, is_here

# The learning rate of a whole encoder of a width of 384 (MiniLM). It falls with the square of the
# width, to 5e-5 at 768 (BERT) and 2.8e-5 at 1024.
_RATE, _WIDTH = 2e-4, 384
_EPOCHS = 8.0


class Settings(BaseModel):
    """The settings of the classifier itself; those of its method stand beside them."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    model: Text = Field("all-minilm-l6-v2", description="an encoder: a name, a folder, owner/name")
    method: Text = Field("full", description="full, lora, ia3, prompt_tuning, ...")
    learning_rate: Candidate | Literal["auto"] = Field(
        "auto",
        description="highest learning rate; auto: by the method and the encoder's width; choose, "
        "or a list: chosen on a part of the training rows",
    )
    epochs: Candidate = Field(
        _EPOCHS,
        description="passes over the rows at most; choose, or a list: chosen on a part of the "
        "training rows",
    )
    batch_size: Count = Field(16, description="rows of an optimizer step")
    scheduler: Scheduler = Field("linear", description="transformers' name of the schedule")
    head_dropout: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.1, description="share of a text's vector that is left out in training"
    )
    max_length: Annotated[Integer, Field(ge=3, le=10**7)] | None = Field(
        None, description="tokens of a text at most; null: as the encoder's files say"
    )


def read_settings(
    values: Mapping[str, Any], prefix: str = ""
) -> tuple[Settings, Method[Any], MethodSettings]:
    """The checked settings, the method and the method's own settings.

    Raises:
        UsageError: an unknown key or method, a value of the wrong type, or the model is no encoder
            or reads fewer tokens.
    """
    own = validated(Settings, values, prefix=prefix)
    method = find_method(own.method)
    validated(_all_settings(method.Settings), values, prefix=prefix)
    theirs = {key: value for key, value in values.items() if key in method.Settings.model_fields}
    find_encoder(own.model)
    if own.max_length is not None and is_here(own.model):
        config = read_config(fetch(find_encoder(own.model)) / "config.json")
        check_length(own, config.get("max_position_embeddings"))
    return own, method, validated(method.Settings, theirs, prefix=prefix)


def check_length(settings: Settings, positions: Any, virtual: int = 0) -> None:
    """Refuse texts that are longer than the encoder has positions for.

    Raises:
        UsageError: as said.
    """
    if not isinstance(positions, int) or settings.max_length is None:
        return
    if settings.max_length + virtual > positions:
        beside = f" and {virtual} virtual tokens" if virtual else ""
        raise UsageError(
            f"max_length={settings.max_length}{beside} are more than the {positions} tokens that "
            f"{settings.model} reads; use max_length={max(3, positions - virtual)} or less."
        )


def training_of(settings: Settings, shared: Training) -> Training:
    """The settings of the loop: the classifier's own, and the study's for the rest."""
    return shared.model_copy(
        update={
            "epochs": values_of(settings.epochs, _EPOCHS, EPOCHS)[0],
            "batch_size": settings.batch_size,
            "scheduler": settings.scheduler,
            "batch_tokens": None,
            "gradient_accumulation": 1,
        }
    )


def learning_rate_of(settings: Settings, method: Method[Any], width: int) -> float:
    """The named learning rate, or the one for a method and an encoder's width.

    Of several to choose from it is the first.
    """
    return candidates_of(settings, method, width).rates[0]


def candidates_of(settings: Settings, method: Method[Any], width: int) -> Candidates:
    """The learning rates and epochs that are compared, one of each where nothing is chosen."""
    if method.trains_all_weights:
        default = float(f"{_RATE * (_WIDTH / width) ** 2:.2g}")
    else:
        default = float(method.learning_rate or Training().learning_rate)
    rate = None if settings.learning_rate == "auto" else settings.learning_rate
    return Candidates(values_of(rate, default, RATES), values_of(settings.epochs, _EPOCHS, EPOCHS))


def _all_settings(theirs: type[MethodSettings]) -> type[BaseModel]:
    """All keys that may stand beside each other."""

    class All(Settings, theirs):  # type: ignore[misc, valid-type]
        model_config = ConfigDict(extra="forbid", frozen=True)

    return All
