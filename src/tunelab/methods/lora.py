"""LoRA: the change of a weight matrix is learned as a product of two thin matrices.

A linear layer with weight W (out × in) is frozen and answers with

    y = W x + (alpha / r) · B A dropout(x)

where A (r × in) begins random and B (out × r) begins at zero, so that training begins at the
model as it was. Only A and B are trained: r · (in + out) numbers for each layer in place of
in · out. The rank r bounds what the change can express, alpha scales it, and after training B A
can be added to W, so that the adapted model costs no more to run.

Source: Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021,
https://arxiv.org/abs/2106.09685.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from tunelab.config import Count, Number
from tunelab.methods.settings import MethodSettings
from tunelab.methods.targets import Targets, target_modules

LEARNING_RATE: float | None = None
WEIGHTS: str | None = None


class Settings(MethodSettings):
    """LoRA's keys in a study."""

    r: Count = Field(16, description="rank of the change")
    alpha: Annotated[Number, Field(gt=0)] = Field(32, description="scale of the change: alpha / r")
    dropout: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.0, description="share of the inputs of A that is left out in training"
    )
    targets: Targets = Field(
        "all-linear", description="all-linear, attention, mlp, qv, or a list of module names"
    )


def adapt(model: Any, settings: Settings) -> Any:
    """Wrap a model with trainable A and B; all else is frozen.

    Raises:
        UsageError: a target module is not in the model.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=target_modules(model, settings.targets),
        bias="none",
    )
    return get_peft_model(model, config)


def save(model: Any, folder: Path) -> None:
    """Write the adapter in PEFT's own format."""
    model.save_pretrained(folder, save_embedding_layers=False)


def load(model: Any, folder: Path) -> Any:
    """Put the adapter of ``folder`` on a model, frozen."""
    from peft import PeftModel

    return PeftModel.from_pretrained(model, folder, is_trainable=False).eval()
