"""Prompt tuning: trained embeddings stand before every row, and nothing else is trained.

The model is frozen. Before the embeddings e(x₁) … e(xₛ) of a row stand V vectors of the same size

    p₁ … p_V  e(x₁) … e(xₛ)

and the p are trained, as if an instruction were written in words that no vocabulary has. The row
sees them through attention as it sees any token before it, and its positions begin behind them.

It acts at the input alone, below the first block, and on no layer. It trains V · hidden numbers,
the fewest of all methods. What they do has to pass through every frozen layer, so that training
begins slowly and needs a learning rate many times LoRA's; beginning at the embeddings of real
tokens (``init``) matters, and most so for small models. A soft prompt cannot be merged into the
weights, and costs V tokens more in every row; tunelab runs them once a batch.

Source: Lester et al., The Power of Scale for Parameter-Efficient Prompt Tuning, 2021,
https://arxiv.org/abs/2104.08691.
"""

from collections.abc import Sequence
from typing import Any

from tunelab.methods.adapter_files import save
from tunelab.methods.contract import Drawing, Method
from tunelab.methods.counting import ParameterCount, added
from tunelab.methods.soft_prompt import (
    SoftPromptSettings,
    check_context_length,
    count_virtual_tokens,
    keep_nothing,
    load,
    prompt_files,
    put_before,
    start_tokens,
)
from tunelab.models.description import ModelShape


class Settings(SoftPromptSettings):
    """Prompt tuning's keys in a study."""


def adapt(model: Any, settings: Settings, instruction: Sequence[int] = ()) -> Any:
    """Freeze a model and put trainable embeddings before its rows.

    Raises:
        UsageError: ``init`` is instruction, and there is none.
    """
    import torch
    from peft import PromptTuningConfig

    tokens = start_tokens(model, settings, instruction)
    config = PromptTuningConfig(num_virtual_tokens=settings.virtual_tokens)
    prompted = put_before(model, config)
    if tokens is not None:
        prompt = prompted.prompt_encoder[prompted.active_adapter].embedding.weight
        with torch.no_grad():
            ids = torch.tensor(tokens, device=prompt.device)
            prompt.copy_(model.get_input_embeddings()(ids))
    return prompted


def count(shape: ModelShape, settings: Settings) -> ParameterCount:
    """V · hidden.

    Raises:
        UsageError: the model has no room for that many virtual tokens.
    """
    check_context_length(shape, settings)
    return added(shape, settings.virtual_tokens * shape.hidden)


METHOD = Method(
    name="prompt_tuning",
    Settings=Settings,
    adapt=adapt,
    count=count,
    save=save,
    load=load,
    merge=None,
    explanation=str(__doc__),
    drawing=Drawing("Virtual tokens before the row are trained.", ("virtual_tokens",)),
    adapter=prompt_files("PROMPT_TUNING"),
    learning_rate=1e-2,
    virtual_tokens=count_virtual_tokens,
    kept=keep_nothing,
)
