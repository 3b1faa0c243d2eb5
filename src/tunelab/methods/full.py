"""Full fine-tuning: every weight of the model is trained.

Nothing is added and nothing is frozen: each weight W becomes W − ηĝ, where ĝ is AdamW's scaled
gradient. It is the yardstick of the other methods, and the most costly one: gradients and
AdamW's two moments take three times the memory of the weights besides the weights themselves,
and every trained model is a full copy.

It acts everywhere: in the embeddings, in every linear layer and norm of every block, and in the
output layer. Its learning rate is some thirty times smaller than LoRA's.

Source: Howard and Ruder, Universal Language Model Fine-tuning for Text Classification, 2018,
https://arxiv.org/abs/1801.06146.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tunelab.methods.contract import Drawing, Method
from tunelab.methods.counting import ParameterCount
from tunelab.methods.settings import MethodSettings
from tunelab.models.description import ModelShape
from tunelab.models.folder_checks import check_model_folder


class Settings(MethodSettings):
    """Full fine-tuning has no settings of its own."""


def adapt(model: Any, settings: Settings, instruction: Sequence[int] = ()) -> Any:
    """Make every parameter trainable, in place, and return the model."""
    model.requires_grad_(True)
    return model


def count(shape: ModelShape, settings: Settings) -> ParameterCount:
    """All of them."""
    return ParameterCount(shape.parameters, shape.parameters)


def merge(model: Any) -> Any:
    """Return the model: what was trained are its weights."""
    return model


def save(model: Any, folder: Path) -> None:
    """Write the whole model as safetensors."""
    model.save_pretrained(folder)


def load(model: Any, folder: Path) -> Any:
    """Return the model of ``folder``, of the same type and on the same device as ``model``.

    Raises:
        UsageError: the folder is none that a model may be read from.
    """
    check_model_folder(folder)
    trained = type(model).from_pretrained(
        folder,
        dtype=model.dtype,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
    )
    return trained.to(model.device).eval()


METHOD = Method(
    name="full",
    Settings=Settings,
    adapt=adapt,
    count=count,
    save=save,
    load=load,
    merge=merge,
    explanation=str(__doc__),
    drawing=Drawing("Every layer of every block is trained."),
    adapter=None,
    learning_rate=3e-5,
    # The steps of trained weights are too small for 16 bits.
    weights="float32",
    trains_all_weights=True,
)
