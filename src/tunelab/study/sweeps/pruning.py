"""The callback that ends a trial whose validation loss falls behind."""

import math
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tunelab.study.sweeps.worker import PrunedError


class Pruning(TrainerCallback):
    """Reports the validation loss of each evaluation to ``trial``, and asks whether to go on.

    Losses are compared at equal numbers of ``unit`` epochs. ``sign`` is 1 where the trial's goal
    is to be low, and -1 where it is to be high, as Optuna takes both for the same direction.
    """

    def __init__(self, trial: Any, unit: float, sign: float) -> None:
        self.trial = trial
        self.unit = unit
        self.sign = sign
        self.last = -1

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float],
        **kwargs: Any,
    ) -> None:
        """Report the loss.

        Raises:
            PrunedError: the trial is not worth going on with.
        """
        epoch, loss = float(state.epoch or 0.0), metrics["eval_loss"]
        position = round(epoch / self.unit)
        if position <= self.last or not math.isfinite(loss):
            return
        self.last = position
        self.trial.report(self.sign * loss, position)
        if self.trial.should_prune():
            raise PrunedError(
                f"pruned after {epoch:.2f} epochs, at a validation loss of {loss:.3f}"
            )
