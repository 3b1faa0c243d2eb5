"""What soft prompts share: their settings, the tokens they begin at, and how they are loaded."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tunelab.config import Count
from tunelab.errors import UsageError
from tunelab.inference.virtual_tokens import hide_virtual_tokens
from tunelab.methods.adapter_files import load as load_adapter
from tunelab.methods.contract import AdapterFiles, Kept
from tunelab.methods.settings import MethodSettings
from tunelab.methods.targets import put_on
from tunelab.models.description import ModelShape

Start = Literal["instruction", "vocabulary", "random"]


class SoftPromptSettings(MethodSettings):
    """The keys of soft prompts in a study."""

    virtual_tokens: Annotated[Count, Field(le=10**5)] = Field(
        20, description="virtual tokens before every row"
    )
    init: Start = Field(
        "instruction",
        description="where training begins: the instruction's own tokens, tokens drawn from the "
        "vocabulary, or random numbers",
    )


def put_before(model: Any, config: Any) -> Any:
    """Freeze a model and put a trainable soft prompt, PEFT's ``config``, before it.

    Raises:
        UsageError: PEFT cannot do so with this model.
    """
    if model.get_output_embeddings() is None:
        # Encoders such as DistilBERT name their sizes otherwise than PEFT looks for them.
        config.token_dim = model.config.hidden_size
        config.num_attention_heads = model.config.num_attention_heads
    return hide_virtual_tokens(put_on(model, config))


def load(model: Any, folder: Path) -> Any:
    """Put the soft prompt of ``folder`` before a model, frozen."""
    return hide_virtual_tokens(load_adapter(model, folder))


def start_tokens(
    model: Any, settings: SoftPromptSettings, instruction: Sequence[int]
) -> list[int] | None:
    """The ids of the V tokens that a soft prompt begins at, or None for random numbers.

    An instruction that is too short is repeated, one that is too long is cut.

    Raises:
        UsageError: ``init`` is instruction, and there is none.
    """
    import torch

    count = settings.virtual_tokens
    if settings.init == "random":
        return None
    if settings.init == "vocabulary":
        vocabulary = model.get_input_embeddings().num_embeddings
        return torch.randint(vocabulary, (count,)).tolist()
    if not instruction:
        raise UsageError(
            "init=instruction begins a soft prompt at the instruction's tokens, and the prompt "
            "has no instruction; use init=vocabulary."
        )
    return [instruction[position % len(instruction)] for position in range(count)]


def check_context_length(shape: ModelShape, settings: SoftPromptSettings) -> None:
    """Refuse more virtual tokens than the model's context has room for.

    Raises:
        UsageError: as said.
    """
    limits = [limit for limit in (shape.context, shape.window) if limit is not None]
    if limits and settings.virtual_tokens >= min(limits):
        raise UsageError(
            f"virtual_tokens={settings.virtual_tokens} fill what this model sees, "
            f"{min(limits)} tokens; use {min(limits) // 2} or fewer."
        )


def count_virtual_tokens(settings: SoftPromptSettings) -> int:
    """Virtual tokens before every row."""
    return settings.virtual_tokens


def keep_nothing(kinds: Sequence[str], settings: SoftPromptSettings, fused: bool) -> Kept:
    """No layer is trained, so that none keeps anything for its own sake."""
    return Kept()


def prompt_files(
    peft_type: str,
    *more: str,
    width: Callable[[Mapping[str, Any]], int | None] = lambda values: values.get("token_dim"),
) -> AdapterFiles:
    """The files of a soft prompt: one matrix, virtual tokens × ``width``.

    ``more``: settings beside those that all soft prompts have; ``width``: from the configuration.
    """

    def fits(values: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> bool:
        found = {name: list(shape) for name, shape in shapes.items()}
        return found == {"prompt_embeddings": [values.get("num_virtual_tokens"), width(values)]}

    shared = {
        *("num_virtual_tokens", "token_dim", "num_transformer_submodules"),
        *("num_attention_heads", "num_layers", "modules_to_save"),
    }
    return AdapterFiles(peft_type, frozenset(shared | set(more)), fits)
