"""Contrastive fine-tuning of a sentence encoder on pairs of texts.

The cosine similarity of two texts' vectors is brought to 1 where they have the same label and to 0
where they have not, by the squared error: Reimers and Gurevych, Sentence-BERT, 2019; Tunstall et
al., SetFit, 2022 (https://arxiv.org/abs/2209.11055).
"""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.errors import DivergedError, RunError
from tunelab.guards.refusals import explain_errors, name_of
from tunelab.inference.embeddings import check_known
from tunelab.inference.sentence_embeddings import encode
from tunelab.models.encoders import LoadedEncoder
from tunelab.progress import row_bar
from tunelab.runs.results import write_atomically
from tunelab.training.pairs import Pair

if TYPE_CHECKING:
    import torch

CHECKPOINT = "contrastive.safetensors"
# Seconds between two checkpoints.
CHECKPOINT_EVERY = 300.0
# Rows that are padded together: a batch is run in parts of like length.
_TOGETHER = 8
# As the library setfit has them.
WEIGHT_DECAY = 0.01
WARMUP = 0.1
_LARGEST_NORM = 1.0
_NOT_DECAYED = ("bias", "LayerNorm.weight", "layer_norm.weight", "norm.weight")


@dataclass(frozen=True)
class Contrastive:
    """What came of a training: its steps, its loss over the first and the last tenth of them.

    ``seconds`` are of all parts of a training that was interrupted ``resumed`` times.
    """

    steps: int
    first_loss: float
    last_loss: float
    seconds: float
    resumed: int


def train_on_pairs(
    encoder: LoadedEncoder,
    rows: Sequence[Sequence[int]],
    pairs: Sequence[Pair],
    *,
    batch_size: int,
    learning_rate: float,
    dtype: str,
    seed: int,
    folder: Path,
    title: str = "",
    checkpoint_every: float = CHECKPOINT_EVERY,
) -> Contrastive:
    """Train all weights of an encoder, in place, by one pass over the pairs.

    AdamW with a learning rate that rises over a tenth of the steps and then falls to 0. Each text
    of a batch is run once, in however many of its pairs it stands. Every step draws its dropout
    from ``seed`` and its number, so that a training that goes on from its checkpoint comes to the
    same weights.

    Args:
        rows: the token ids of each text, which the pairs name by index.
        batch_size: pairs of a step.
        dtype: of the arithmetic; the weights are float32.
        folder: keeps the checkpoint while the training runs.

    Raises:
        UsageError: the encoder has no embedding for a token.
        RunError: it cannot be trained, the loss is not finite, or the device has no room.
    """
    import torch

    model, device = encoder.model, encoder.model.device
    check_known(model, rows)
    steps = math.ceil(len(pairs) / batch_size)
    optimizer = torch.optim.AdamW(_groups(model), lr=learning_rate, fused=True)
    file = folder / CHECKPOINT
    state = _restore(file, model, optimizer)
    losses, begun = list(state.losses), time.perf_counter()
    kept = begun
    model.train()
    try:
        with (
            row_bar(title, len(pairs), shown=bool(title), unit="pair") as bar,
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
            explain_errors(f"{name_of(model)} cannot be trained", "choose another encoder"),
        ):
            bar.update(min(len(pairs), state.step * batch_size))
            for step in range(state.step, steps):
                torch.manual_seed(_seed_of(seed, step))
                batch = pairs[step * batch_size : (step + 1) * batch_size]
                with torch.autocast(device.type, getattr(torch, dtype), enabled=dtype != "float32"):
                    loss = _loss(encoder, rows, batch)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_NORM)
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate * rate_at(step, steps)
                optimizer.step()
                optimizer.zero_grad()
                losses.append(float(loss.detach()))
                bar.update(len(batch))
                if not math.isfinite(losses[-1]):
                    raise DivergedError(
                        "the loss of the pairs is not a number any more; lower learning_rate (it "
                        f"was {learning_rate:g})."
                    )
                if time.perf_counter() - kept > checkpoint_every and step + 1 < steps:
                    seconds = state.seconds + time.perf_counter() - begun
                    _keep(file, model, optimizer, _State(step + 1, losses, seconds, state.resumed))
                    kept = time.perf_counter()
    except torch.OutOfMemoryError:
        raise RunError(
            "the device has no memory left to train the encoder; lower its batch_size."
        ) from None
    finally:
        model.eval()
    tenth = max(1, len(losses) // 10)
    return Contrastive(
        steps=steps,
        first_loss=sum(losses[:tenth]) / tenth,
        last_loss=sum(losses[-tenth:]) / tenth,
        seconds=state.seconds + time.perf_counter() - begun,
        resumed=state.resumed,
    )


def rate_at(step: int, steps: int) -> float:
    """The share of the highest learning rate at a step, from 0: it rises and then falls to 0."""
    rising = math.ceil(WARMUP * steps)
    if step < rising and steps > 1:
        return step / rising
    return (steps - step) / max(1, steps - rising)


def _seed_of(seed: int, step: int) -> int:
    """A seed of 32 bits, as torch's generator on a CPU looks at no more."""
    import numpy as np

    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])


@dataclass(frozen=True)
class _State:
    step: int = 0
    losses: Sequence[float] = ()
    seconds: float = 0.0
    resumed: int = 0


def _loss(
    encoder: LoadedEncoder, rows: Sequence[Sequence[int]], pairs: Sequence[Pair]
) -> "torch.Tensor":
    """The mean over the pairs of (cosine − target)²."""
    import torch

    texts = sorted({index for pair in pairs for index in (pair.left, pair.right)})
    texts.sort(key=lambda index: len(rows[index]))
    parts = [
        encode(
            encoder.model,
            [rows[index] for index in texts[start : start + _TOGETHER]],
            pad_token=encoder.tokenizer.pad_token_id,
            mode=encoder.pooling.mode,
            normalize=True,
        )
        for start in range(0, len(texts), _TOGETHER)
    ]
    vectors = torch.cat(parts)
    place = {index: position for position, index in enumerate(texts)}
    left = vectors[[place[pair.left] for pair in pairs]]
    right = vectors[[place[pair.right] for pair in pairs]]
    target = torch.tensor([float(pair.same) for pair in pairs], device=vectors.device)
    return torch.nn.functional.mse_loss((left * right).sum(-1), target)


def _groups(model: Any) -> list[dict[str, Any]]:
    """Biases and the scales of norms are not decayed."""
    named = [(name, value) for name, value in model.named_parameters() if value.requires_grad]
    free = [value for name, value in named if name.endswith(_NOT_DECAYED)]
    decayed = [value for name, value in named if not name.endswith(_NOT_DECAYED)]
    return [
        {"params": decayed, "weight_decay": WEIGHT_DECAY},
        {"params": free, "weight_decay": 0.0},
    ]


def _keep(file: Path, model: Any, optimizer: Any, state: _State) -> None:
    """Write the weights, the optimizer's moments and how far the training is."""
    from safetensors.torch import save_file

    tensors = {}
    for name, value in model.named_parameters():
        tensors[f"weight.{name}"] = value.detach().contiguous()
        for key, moment in optimizer.state.get(value, {}).items():
            tensors[f"{key}.{name}"] = moment.detach().contiguous()
    told = {
        "step": str(state.step),
        "losses": json.dumps(list(state.losses)),
        "seconds": repr(state.seconds),
        "resumed": str(state.resumed),
    }
    write_atomically(file, lambda path: save_file(tensors, path, metadata=told))


def _restore(file: Path, model: Any, optimizer: Any) -> _State:
    """Set weights and optimizer to where a checkpoint left them, if there is a whole one."""
    import torch
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        return _State()
    try:
        with safe_open(file, framework="pt") as opened:
            told = opened.metadata()
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
        state = _State(
            int(told["step"]),
            json.loads(told["losses"]),
            float(told["seconds"]),
            int(told["resumed"]) + 1,
        )
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        file.unlink(missing_ok=True)
        return _State()
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(tensors[f"weight.{name}"])
            if f"exp_avg.{name}" in tensors:
                optimizer.state[value] = {
                    key: tensors[f"{key}.{name}"].to(value.device)
                    for key in ("step", "exp_avg", "exp_avg_sq")
                }
    return state
