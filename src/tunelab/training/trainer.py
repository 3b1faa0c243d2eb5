"""The training loop: transformers' Trainer, with the loss of short answers."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import BatchSampler, SequentialSampler
from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.trainer_utils import EvalLoopOutput

from tunelab.guards.refusals import explain_errors, name_of
from tunelab.training.callbacks import load_trainable, perplexity, save_trainable
from tunelab.training.fsdp import save_full_state
from tunelab.training.head_rate import bound_head_rate
from tunelab.training.loss import AnswerLogits, answer_loss, correct_rows
from tunelab.training.ordering import LengthGroupedOrder, TokenBatches
from tunelab.training.processes import shards_weights, summed
from tunelab.training.sharing import shared_loader

# What a checkpoint keeps of the model: every parameter that is trained, by its name. PEFT's own
# files hold what a soft prompt came to, without the network that made it.
TRAINED = "trained.safetensors"


class AnswerTrainer(Trainer):
    """Trains what an :class:`tunelab.training.objective.Objective` teaches.

    The loss of an optimizer step is the sum over all targets of its batches, each times its
    weight, divided by their number, however they are split. ``collator`` makes a batch of rows and
    ``logits`` runs it; ``batches`` divides an epoch's rows by tokens, or is None to take
    ``batch_size`` rows at a time. ``drawn_by`` is the label of each training row where an epoch
    draws as many of each, else None. Several processes share each batch.
    """

    def __init__(
        self,
        *,
        model: Any,
        args: TrainingArguments,
        train_rows: Sequence[Any],
        validation_rows: Sequence[Any],
        collator: Any,
        logits: Callable[[Any, dict[str, Any]], AnswerLogits],
        batches: TokenBatches | None,
        batch_size: int,
        callbacks: Sequence[Any],
        drawn_by: Sequence[str] | None = None,
    ) -> None:
        super().__init__(
            model=model,
            args=args,
            train_dataset=list(train_rows),
            # Sorted, so that a batch pads little; the loss does not depend on the order.
            eval_dataset=sorted(validation_rows, key=lambda row: len(row.ids)) or None,
            data_collator=collator,
        )
        # Not by a mark on the model: Trainer would refuse to write checkpoints, which the methods
        # below can do.
        self.is_distributed_loading_by_transformers = shards_weights()
        self.logits = logits
        self.batches = batches
        self.batch_size = batch_size
        self.drawn_by = drawn_by
        # Trainer then counts the trained tokens of a step and hands the number to compute_loss.
        self.model_accepts_loss_kwargs = True
        self.remove_callback(PrinterCallback)
        for callback in reversed(callbacks):
            self.callback_handler.callbacks.insert(0, callback)

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroupedOrder:
        rows = train_dataset if train_dataset is not None else self.train_dataset
        return LengthGroupedOrder(
            [len(row.ids) for row in rows], self.batch_size, self.args.data_seed, self.drawn_by
        )

    def get_train_dataloader(self) -> Any:
        """The loader of an epoch, by rows or by tokens."""
        if self.args.world_size > 1:
            if self.batches is not None:
                return self._shared(self.train_dataset, self.batches, self.batches.sampler)
            order = self._get_train_sampler()
            batches = BatchSampler(order, self.batch_size, drop_last=False)
            return self._shared(self.train_dataset, batches, order)
        if self.batches is None:
            return super().get_train_dataloader()
        loader = torch.utils.data.DataLoader(
            self.train_dataset,
            batch_sampler=self.batches,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )
        return self.accelerator.prepare(loader)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """The loader of the validation rows."""
        if self.args.world_size == 1:
            return super().get_eval_dataloader(eval_dataset)
        size = self.args.eval_batch_size * self.args.world_size
        order = SequentialSampler(self.eval_dataset)
        return self._shared(self.eval_dataset, BatchSampler(order, size, drop_last=False), None)

    def _shared(self, rows: Any, batches: Any, order: Any) -> Any:
        return shared_loader(
            rows,
            batches,
            order,
            self.data_collator,
            process=self.args.process_index,
            processes=self.args.world_size,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None
    ) -> None:
        """Write the trained parameters."""
        folder = Path(output_dir or str(self.args.output_dir))
        save_trainable(self.accelerator.unwrap_model(self.model), folder / TRAINED)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        file = Path(resume_from_checkpoint) / TRAINED
        load_trainable(self.accelerator.unwrap_model(model or self.model), file)

    def _move_model_to_device(self, model: Any, device: Any) -> None:
        if not shards_weights():
            super()._move_model_to_device(model, device)

    def _defer_fsdp_gradient_reduction(self) -> AbstractContextManager[None]:
        # The gradients of each batch are sharded at once: kept in full until the last batch of a
        # step, they would take the memory that is to be saved.
        return nullcontext()

    def create_optimizer(self, model: Any = None) -> Any:
        """AdamW; checkpoints keep its full state, also where the weights are sharded."""
        optimizer = super().create_optimizer(model)
        bound_head_rate(optimizer, model or self.model)
        if shards_weights():
            save_full_state(optimizer)
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """transformers' schedule of the learning rate."""
        with explain_errors(
            f"transformers refuses the scheduler {self.args.lr_scheduler_type.value} for a "
            f"learning rate of {self.args.learning_rate:g}",
            "use another training.scheduler or learning rate",
        ):
            return super().create_scheduler(num_training_steps, optimizer)

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """The forward and the backward pass of one batch."""
        with explain_errors(*self._refusal):
            return super().training_step(*args, **kwargs)

    @property
    def _refusal(self) -> tuple[str, str]:
        model = self.accelerator.unwrap_model(self.model)
        return f"{name_of(model)} cannot be trained", "use another method or model"

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if shards_weights() and not self.args.should_save:
            # Take part in gathering what the first process writes.
            self.optimizer.state_dict()
        super()._save_optimizer_and_scheduler(output_dir)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Mean of −log p, each times its weight, over the step's targets, in nats."""
        answers = self.logits(model, inputs)
        tokens = len(answers.targets) if num_items_in_batch is None else num_items_in_batch
        loss = answer_loss(answers) / tokens
        if num_items_in_batch is not None and self.args.average_tokens_across_devices:
            loss = loss * self.accelerator.num_processes
        return (loss, {"logits": answers.logits}) if return_outputs else loss

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Weighted mean loss of all targets, its perplexity, teacher-forced accuracy of rows."""
        model = self._wrap_model(self.model, training=False, dataloader=dataloader)
        model.eval()
        loss, tokens, right, rows = (torch.zeros((), dtype=torch.float64) for _ in range(4))
        with torch.no_grad(), self.compute_loss_context_manager():
            for inputs in dataloader:
                batch = self._prepare_inputs(inputs)
                with explain_errors(*self._refusal):
                    answers = self.logits(model, batch)
                size = int(batch["rows"].max()) + 1 if len(batch["rows"]) else 0
                loss += answer_loss(answers).double().cpu()
                tokens += answers.weight
                right += correct_rows(answers, size).cpu()
                rows += size
        sums = torch.stack([loss, tokens, right, rows])
        if self.args.world_size > 1:
            sums = summed(sums.to(self.args.device)).cpu()
        loss, tokens, right, rows = sums
        mean = float(loss / tokens)
        metrics = {
            f"{metric_key_prefix}_loss": mean,
            f"{metric_key_prefix}_perplexity": perplexity(mean),
            f"{metric_key_prefix}_forced_accuracy": float(right / rows),
        }
        return EvalLoopOutput(
            predictions=None, label_ids=None, metrics=metrics, num_samples=int(rows)
        )
