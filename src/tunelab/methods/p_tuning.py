"""P-tuning: virtual tokens stand before every row, and a small network makes them.

As in prompt tuning, V vectors stand before the embeddings of a row and the model is frozen. But
they are not trained as they are: a network of three layers makes each from an embedding of its own,

    p_i = W₃ relu(W₂ relu(W₁ z_i + b₁) + b₂) + b₃

and z, W and b are trained. The network ties the virtual tokens to each other, so that a step that
helps one of them moves all, and its many parameters make the way to a good prompt smoother. After
training the p alone are kept, V · hidden numbers; the network is dropped. The paper puts virtual
tokens between the words of a template and reads them with an LSTM; PEFT, used here, puts them
before the row and advises the MLP.

It acts at the input alone, as prompt tuning does, and trains V · e + e · h + h · h + h · e numbers
and the biases, for embeddings of size e and a network of size h (``hidden``). ``init`` sets the
last layer so that the network begins at the embeddings of real tokens. It cannot be merged into
the weights.

Source: Liu et al., GPT Understands, Too, 2021, https://arxiv.org/abs/2103.10385.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from tunelab.config import Count
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
    """P-tuning's keys in a study."""

    hidden: Count = Field(256, description="size of the network that makes the virtual tokens")


def adapt(model: Any, settings: Settings, instruction: Sequence[int] = ()) -> Any:
    """Freeze a model and put the output of a trainable network before its rows.

    Raises:
        UsageError: ``init`` is instruction, and there is none.
    """
    import torch
    from peft import PromptEncoderConfig

    tokens = start_tokens(model, settings, instruction)
    config = PromptEncoderConfig(
        num_virtual_tokens=settings.virtual_tokens,
        encoder_hidden_size=settings.hidden,
    )
    prompted = put_before(model, config)
    if tokens is not None:
        with torch.no_grad():
            ids = torch.tensor(tokens, device=model.device)
            _begin_at(
                prompted.prompt_encoder[prompted.active_adapter],
                model.get_input_embeddings()(ids).float(),
            )
    return prompted


def count(shape: ModelShape, settings: Settings) -> ParameterCount:
    """V embeddings and the network's three layers.

    Raises:
        UsageError: the model has no room for that many virtual tokens.
    """
    check_context_length(shape, settings)
    inside, outside = settings.hidden, shape.hidden
    network = (outside + 1) * inside + (inside + 1) * inside + (inside + 1) * outside
    return added(shape, settings.virtual_tokens * outside + network)


def _begin_at(encoder: Any, wanted: Any) -> None:
    """Set the last layer so that the network's output is ``wanted`` (V, e).

    Of the weights that do so the smallest are taken; where the network is narrower than there
    are virtual tokens, those that come nearest.
    """
    import torch

    *before, last = encoder.mlp_head
    inside = torch.nn.Sequential(*before)(encoder.embedding.weight)
    inside = torch.cat([inside, torch.ones_like(inside[:, :1])], 1)
    solution = torch.linalg.pinv(inside.double().cpu()) @ wanted.double().cpu()
    last.weight.copy_(solution[:-1].t())
    last.bias.copy_(solution[-1])


METHOD = Method(
    name="p_tuning",
    Settings=Settings,
    adapt=adapt,
    count=count,
    save=save,
    load=load,
    merge=None,
    explanation=str(__doc__),
    drawing=Drawing("A network that makes virtual tokens before the row is trained.", ("network",)),
    adapter=prompt_files("P_TUNING", "encoder_hidden_size"),
    learning_rate=2e-3,
    virtual_tokens=count_virtual_tokens,
    kept=keep_nothing,
)
