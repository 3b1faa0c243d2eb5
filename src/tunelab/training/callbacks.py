"""Callbacks: perplexity, the best loss, early stopping, whole checkpoints, progress."""

import math
import sys
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from tunelab.runs.results import write_atomically
from tunelab.training.checkpoints import BEST, complete_checkpoint
from tunelab.training.peak_memory import read_peak
from tunelab.training.processes import is_first, shards_weights, wait


class LossTracker(TrainerCallback, ExportableState):
    """Logs perplexity, keeps the weights of the best validation loss, and stops early.

    Perplexity is exp(loss), the loss being the mean of −log p over the trained tokens, in nats.
    Training stops after ``patience`` evaluations whose ``metric`` did not fall by more than
    ``min_delta`` below the best; a patience of None never stops. All of it is part of a
    checkpoint, so that a resumed run stops where an undisturbed one would.

    Times are sums over the parts of a training that was resumed, of each up to its last
    checkpoint; ``peak_bytes`` is the highest of all parts. ``memory_of`` is the device whose peak
    is counted, None where it does not tell.
    """

    def __init__(
        self,
        metric: str,
        patience: int | None,
        min_delta: float,
        keeps_best: bool,
        memory_of: str | None = None,
    ) -> None:
        self.metric = metric
        self.patience = patience
        self.min_delta = min_delta
        self.keeps_best = keeps_best
        self.memory_of = memory_of
        self.best: float | None = None
        self.best_step = 0
        self.waited = 0
        self.stopped_early = False
        self.seconds = 0.0
        self.seconds_to_best = 0.0
        self.step_seconds = 0.0
        self.timed_steps = 0
        self.resumed = 0
        self.peak_bytes: int | None = None
        self._since: float | None = None
        self._step_since: float | None = None

    @property
    def seconds_per_step(self) -> float | None:
        """The mean of the optimizer steps, without validation and without writing."""
        return self.step_seconds / self.timed_steps if self.timed_steps else None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock; a training that goes on from a checkpoint is a resumed one."""
        self.resumed += state.global_step > 0
        self._since = time.perf_counter()

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock of a step."""
        self._step_since = time.perf_counter()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Add a step; log before each checkpoint, which keeps no sum of losses since the last."""
        if self._step_since is not None:
            self.step_seconds += time.perf_counter() - self._step_since
            self.timed_steps += 1
        if state.global_step % args.save_steps == 0:
            control.should_log = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Put the training perplexity beside the training loss, before it is written anywhere."""
        if logs is not None and "loss" in logs:
            logs["perplexity"] = perplexity(logs["loss"])
            state.log_history[-1]["perplexity"] = logs["perplexity"]

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float],
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Keep the best weights, and count how long there were none better."""
        self._tick()
        value = metrics[self.metric]
        if self.best is None or value < self.best - self.min_delta:
            self.best, self.best_step, self.waited = value, state.global_step, 0
            self.seconds_to_best = self.seconds
            if self.keeps_best:
                save_trainable(model, Path(str(args.output_dir)) / BEST)
            return
        self.waited += 1
        if self.patience is not None and self.waited >= self.patience:
            self.stopped_early = True
            control.should_training_stop = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Make the checkpoint whole."""
        # Each process writes the state of its random numbers.
        wait()
        if state.is_world_process_zero:
            complete_checkpoint(Path(str(args.output_dir)), state.global_step)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Stop the clock."""
        self._tick()
        self.note_peak()

    def note_peak(self) -> None:
        """Take in the highest memory until now."""
        found = None if self.memory_of is None else read_peak(self.memory_of)
        if found is not None:
            self.peak_bytes = max(found, self.peak_bytes or 0)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of this callback."""
        self._tick()
        self.note_peak()
        attributes = (
            "best",
            "best_step",
            "waited",
            "stopped_early",
            "seconds",
            "seconds_to_best",
            "step_seconds",
            "timed_steps",
            "resumed",
            "peak_bytes",
        )
        return {
            "args": {
                "metric": self.metric,
                "patience": self.patience,
                "min_delta": self.min_delta,
                "keeps_best": self.keeps_best,
                "memory_of": self.memory_of,
            },
            "attributes": {name: getattr(self, name) for name in attributes},
        }

    def _tick(self) -> None:
        now = time.perf_counter()
        if self._since is not None:
            self.seconds += now - self._since
            self._since = now


class ProgressBar(TrainerCallback):
    """One line on standard error: steps, time left, and the last losses; none without a title."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.bar: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Draw the bar, from the step that a resumed run begins at."""
        from tqdm import tqdm

        if state.is_world_process_zero and self.title:
            self.bar = tqdm(
                total=state.max_steps,
                initial=state.global_step,
                desc=self.title,
                unit="step",
                file=sys.stderr,
                dynamic_ncols=True,
                mininterval=1.0,
            )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Move on."""
        if self.bar is not None:
            self.bar.update(state.global_step - self.bar.n)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Show the losses."""
        shown = {"loss": "loss", "eval_loss": "validation loss"}
        if self.bar is not None and logs:
            self.bar.set_postfix(
                {shown[key]: f"{value:.3f}" for key, value in logs.items() if key in shown}
            )

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Leave the finished bar where it is."""
        self.close()

    def close(self) -> None:
        """End the line, also of a training that fails, so that its error has one of its own."""
        if self.bar is not None:
            self.bar.close()


def perplexity(loss: float) -> float | None:
    """exp(loss), or None where that is not a finite number."""
    try:
        value = math.exp(loss)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def save_trainable(model: Any, path: Path) -> None:
    """Write the trainable parameters by name as safetensors, atomically.

    Several processes call it together, and the first of them writes.
    """
    from safetensors.torch import save_file

    from tunelab.training.fsdp import gather

    if not (is_first() or shards_weights()):
        return
    state = {
        name: gather(parameter.detach()).cpu().contiguous()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    if is_first():
        write_atomically(path, lambda temporary: save_file(state, temporary))


def load_trainable(model: Any, path: Path) -> None:
    """Read what :func:`save_trainable` wrote into a model of the same kind, in place."""
    import torch
    from safetensors.torch import load_file

    from tunelab.training.fsdp import shard_like

    state = load_file(path)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in state:
                parameter.copy_(shard_like(state[name], parameter))
