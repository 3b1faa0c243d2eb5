"""The training step itself, as :mod:`tunelab.training.train` runs it, on rows made for it.

A trace and a measurement both run this step: the one on tensors without memory, the other on
real ones. What they count memory with has nothing in common.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tunelab.inference.attention_form import with_known_attention
from tunelab.inference.label_head import make_head, replace_output
from tunelab.memory.settings import StepSettings
from tunelab.prompts.encoding import IGNORED, EncodedExample
from tunelab.training.batching import PackedCollator, PaddedCollator
from tunelab.training.loss import answer_logits, answer_loss


def make_rows(settings: StepSettings, vocabulary: int) -> list[EncodedExample]:
    """Rows of the length asked for, which share the prefix and nothing behind it.

    Padded rows are not all of one length, so that there is padding as in real batches.
    """
    shared = tuple(position % vocabulary for position in range(settings.prefix))
    rows = []
    for number in range(settings.batch):
        shorter = not settings.packed and number == 0 and settings.batch > 1 < settings.length - 1
        size = settings.own - shorter
        ids = (
            *shared,
            number % vocabulary,
            *((7 * position) % vocabulary for position in range(1, size)),
        )
        prompt = max(1, len(ids) - settings.trained)
        trained = ids[prompt:] if settings.head is None else (number % settings.head,)
        rows.append(EncodedExample(ids, (IGNORED,) * prompt + trained, prompt, 0))
    return rows


def build(
    config: Any,
    method: Any,
    method_settings: Any,
    settings: StepSettings,
    device: str | None = None,
) -> Any:
    """A model of this configuration with random weights, made trainable by a method.

    ``device``: where it is built, meta for a model without numbers; by default the step's own.
    """
    import torch
    from transformers import AutoModelForCausalLM

    dtype = method.weights or settings.precision
    with torch.device(device or settings.device):
        model = with_known_attention(
            lambda attention: AutoModelForCausalLM.from_config(
                config, dtype=getattr(torch, dtype), attn_implementation=attention
            )
        )
        # What a soft prompt begins at makes no difference to memory.
        if "init" in type(method_settings).model_fields:
            method_settings = method_settings.model_copy(update={"init": "random"})
        adapted = method.adapt(model, method_settings)
        if settings.head is not None:
            replace_output(adapted, make_head(adapted, [0] * settings.head))
    if settings.checkpointing:
        # transformers 5 renamed it on the way.
        new = getattr(adapted, "activation_checkpointing_enable", None)
        (new or adapted.gradient_checkpointing_enable)({"use_reentrant": False})
    return adapted.train()


@contextmanager
def ready(model: Any, settings: StepSettings, *, known_equal: bool) -> Iterator[Callable[[], None]]:
    """Within this context the yielded function runs one optimizer step.

    The optimizer has its state already, as it has after any first step.

    ``known_equal``: equal lengths are known here without reading the mask.
    """
    import torch

    from tunelab.inference.packed_attention import packed_attention
    from tunelab.training.fused.layers import fused_layers

    rows = make_rows(settings, model.config.get_text_config().vocab_size)
    collate = PackedCollator(settings.prefix) if settings.packed else PaddedCollator(0)
    batch = {
        name: value.to(settings.device) if isinstance(value, torch.Tensor) else value
        for name, value in collate(rows).items()
    }
    if known_equal and len({len(row.ids) for row in rows}) == 1:
        for name in ("attention_mask", "position_ids") if not settings.packed else ():
            del batch[name]
    optimizer = _optimizer(model, settings)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with ExitStack() as stack:
        if settings.packed:
            stack.enter_context(packed_attention(model))
        if settings.fused:
            stack.enter_context(fused_layers(model, merge=settings.merges))

        _make_state(optimizer, trained)
        # What building left behind is no part of the step.
        gc.collect()

        def step() -> None:
            _loss(model, batch, settings).backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad()

        yield step


def _make_state(optimizer: Any, trained: list[Any]) -> None:
    """Have the optimizer make its state, by a step with gradients of zero."""
    import torch

    for parameter in trained:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad()


def _loss(model: Any, batch: dict[str, Any], settings: StepSettings) -> Any:
    import torch

    mixed = settings.precision != "float32"
    dtype = getattr(torch, settings.precision) if mixed else None
    with torch.autocast(settings.device, dtype=dtype, enabled=mixed):
        answers = answer_logits(model, batch)
        return answer_loss(answers) / len(answers.targets)


def _optimizer(model: Any, settings: StepSettings) -> Any:
    import torch

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0, fused=True)
    if settings.optimizer == "sgd":
        return torch.optim.SGD(trained, lr=1e-4)
    raise ValueError(f"the optimizer {settings.optimizer} is estimated by formula alone")
