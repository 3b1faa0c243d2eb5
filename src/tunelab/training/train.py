"""Train one method on encoded rows: from a loaded model to the weights of the best loss."""

import logging
import math
import warnings
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.config import Training
from tunelab.errors import DivergedError, RunError
from tunelab.guards.refusals import explain_errors
from tunelab.runs.results import disk_failure
from tunelab.training.objective import AnswerObjective, Objective
from tunelab.training.other_work import look, used_since
from tunelab.training.peak_memory import read_peak, restart_peak
from tunelab.training.plan import BatchPlan
from tunelab.training.processes import first_process_first, is_first, process_count, shards_weights

# Tokens of an optimizer step from which merging LoRA's product once costs less than adding it
# anew to each layer's output: measured at r = 16, see benchmarks/LOG.md.
MERGE_FROM = 2048

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training leaves behind, besides the weights in ``model``.

    ``history``: one dictionary a logged value: step, epoch, split, loss (nats a token),
    perplexity, learning_rate. Times are in seconds; ``seconds_per_step`` is that of optimizer
    steps alone, without validation. ``peak_bytes`` is the most memory that was held, None where
    that was not measured, and ``peak_unknown`` says why. ``resumed`` counts how often the training
    went on from a checkpoint: its times are then sums of its parts, without what was lost behind a
    checkpoint. ``packed`` tells whether rows were run as one sequence, ``prefix`` counts the tokens
    that they shared, ``fused`` the layers of each kind that ran in fused form, and ``processes``
    those that trained together. ``border_states`` is None for a method that trains all layers, else
    it tells the lowest layer trained and how often the states below it were computed and read, or
    why every step ran the whole model.

    Whether times and memory are those of this training alone is recorded in ``other_cpus`` and
    ``free_cpus``, the processors that other processes used and that were free, in the mean, and by
    ``held_before``, the bytes that were held at the start.
    """

    model: Any
    history: tuple[dict[str, Any], ...]
    steps: int
    planned_steps: int
    best_step: int
    best_loss: float | None
    stopped_early: bool
    seconds: float
    seconds_to_best: float
    seconds_per_step: float | None
    peak_bytes: int | None
    peak_unknown: str | None
    resumed: int
    trainable_parameters: int
    total_parameters: int
    packed: bool
    prefix: int
    fused: dict[str, int]
    processes: int
    other_cpus: float | None
    free_cpus: float | None
    held_before: int | None
    border_states: dict[str, Any] | None = None


def count_parameters(model: Any) -> tuple[int, int]:
    """Trainable and total parameters of a model; tied weights count once."""
    total = trainable = 0
    for parameter in model.parameters():
        total += parameter.numel()
        trainable += parameter.numel() if parameter.requires_grad else 0
    return trainable, total


def train(
    model: Any,
    *,
    train_rows: Sequence[Any],
    validation_rows: Sequence[Any],
    pad_token: int,
    options: Training,
    learning_rate: float,
    precision: str,
    device: str,
    seed: int,
    folder: Path,
    title: str = "training",
    callbacks: Sequence[Any] = (),
    objective: Objective | None = None,
    drawn_by: Sequence[str] | None = None,
) -> TrainingOutcome:
    """Train a model that a method has made trainable.

    Without another ``objective`` it learns the answers of :class:`EncodedExample` rows.
    ``drawn_by`` is the label of each training row, by which ``options.sampling`` draws.
    Checkpoints go to ``folder``; a training that was killed goes on from the last whole one. The
    model ends with the weights of the best validation loss, or with the last ones where no row
    validates. ``callbacks`` are transformers', called behind those of the loop itself. Several
    processes (:mod:`tunelab.training.processes`) share each batch and come to the weights of
    one; the first of them writes, and ends with the best weights. Where the weights are sharded
    too, ``model`` comes on the CPU, and ends with its trained parameters in full and the others
    sharded: it can be saved, and cannot be run.

    Raises:
        RunError: the loss is not a number any more, the device has no memory left, or the disk is
            full.
    """
    import torch

    from tunelab.training.callbacks import LossTracker, ProgressBar, load_trainable
    from tunelab.training.checkpoints import BEST, last_complete, restore_checkpoint
    from tunelab.training.fsdp import gather_trained, shard
    from tunelab.training.trainer import AnswerTrainer

    objective = objective or AnswerObjective(pad_token)
    plan = objective.plan(model, train_rows, validation_rows, options, seed=seed)
    trainable, total = count_parameters(model)
    if shards_weights():
        shard(model, device)
    counts = restart_peak(device)
    early = options.early_stopping
    validates = bool(validation_rows)
    tracker = LossTracker(
        metric=early.metric if early else "eval_loss",
        patience=early.patience if early else None,
        min_delta=early.min_delta if early else 0.0,
        keeps_best=validates,
        memory_of=device if counts else None,
    )
    bar = ProgressBar(title)
    folder.mkdir(parents=True, exist_ok=True)
    with first_process_first():
        checkpoint = last_complete(folder)
        if is_first():
            restore_checkpoint(folder, checkpoint)
    trainer = AnswerTrainer(
        model=model,
        args=_arguments(
            options,
            learning_rate=learning_rate,
            precision=precision,
            device=device,
            seed=seed,
            folder=folder,
            batches=plan.batches,
            validates=validates,
            begins=checkpoint is None,
        ),
        train_rows=train_rows,
        validation_rows=validation_rows,
        collator=plan.collator,
        logits=objective.logits,
        batches=plan.by_tokens,
        batch_size=options.batch_size,
        callbacks=[tracker, bar, *callbacks],
        drawn_by=drawn_by if options.sampling == "balanced" else None,
    )
    if counts:
        # What reading the model took, and making the batches ready, is no part of the training.
        restart_peak(device)
    held_before = read_peak(device) if counts else None
    # Read now, as a training removes the checkpoints that it has no more need of.
    earlier_peak_kept = _keeps_peak(checkpoint)
    start = look()
    try:
        with ExitStack() as stack:
            stack.callback(bar.close)
            stack.enter_context(objective.form(model, plan))
            fused = stack.enter_context(_fused(trainer, options, plan, precision, device))
            stack.enter_context(warnings.catch_warnings())
            # The loader of the optimizer's state warns of its own future defaults.
            warnings.filterwarnings("ignore", category=FutureWarning)
            if not _had_stopped(trainer, checkpoint):
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.OutOfMemoryError:
        raise RunError(
            f"{title}: the device has no memory left; lower training.batch_size (and raise "
            "training.gradient_accumulation) or prompt.max_length."
        ) from None
    except Exception as error:
        if (reason := disk_failure(error)) is None:
            raise
        raise RunError(f"{title}: cannot write {folder}: {reason}.") from None
    used = used_since(start)
    tracker = next(
        callback
        for callback in trainer.callback_handler.callbacks
        if isinstance(callback, LossTracker)
    )
    peak_unknown = None
    if tracker.peak_bytes is None:
        peak_unknown = "this system and device do not tell the highest memory of a process"
    elif not earlier_peak_kept:
        peak_unknown = "the training was resumed, and its earlier part kept no highest memory"
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    if any(not math.isfinite(loss) for loss in losses):
        raise DivergedError(
            f"{title}: the loss is not a number any more; lower training.learning_rate "
            f"(it was {learning_rate:g}) or use training.precision=float32."
        )
    if shards_weights():
        gather_trained(model)
    if validates and is_first() and (folder / BEST).is_file():
        load_trainable(model, folder / BEST)
    model.eval()
    return TrainingOutcome(
        model=model,
        history=tuple(_history(trainer.state.log_history)),
        steps=trainer.state.global_step,
        planned_steps=trainer.state.max_steps,
        best_step=tracker.best_step or trainer.state.global_step,
        best_loss=tracker.best,
        stopped_early=tracker.stopped_early,
        seconds=tracker.seconds,
        seconds_to_best=tracker.seconds_to_best or tracker.seconds,
        seconds_per_step=tracker.seconds_per_step,
        peak_bytes=tracker.peak_bytes if peak_unknown is None else None,
        peak_unknown=peak_unknown,
        resumed=tracker.resumed,
        trainable_parameters=trainable,
        total_parameters=total,
        packed=plan.packed,
        prefix=plan.prefix,
        fused=fused,
        processes=process_count(),
        other_cpus=None if used is None else used.others,
        free_cpus=None if used is None else used.free,
        held_before=held_before,
        border_states=plan.whole_model if plan.states is None else plan.states.record(),
    )


def _had_stopped(trainer: Any, checkpoint: Path | None) -> bool:
    """Whether a checkpoint is of a training that had stopped early; if so, take over its end.

    Trainer would forget the stop and take further steps.
    """
    from tunelab.training.callbacks import LossTracker
    from tunelab.training.checkpoints import read_state

    if checkpoint is None:
        return False
    state = read_state(checkpoint)
    tracker = LossTracker.from_state(state.stateful_callbacks[LossTracker.__name__])
    if not tracker.stopped_early:
        return False
    tracker.resumed += 1
    trainer.state = state
    trainer.remove_callback(LossTracker)
    trainer.add_callback(tracker)
    return True


def _keeps_peak(checkpoint: Path | None) -> bool:
    """Whether the part of a training before a checkpoint kept its highest memory; True for none."""
    from tunelab.training.callbacks import LossTracker
    from tunelab.training.checkpoints import read_state

    if checkpoint is None:
        return True
    before = read_state(checkpoint).stateful_callbacks[LossTracker.__name__]["attributes"]
    return before.get("peak_bytes") is not None


def _fused(trainer: Any, options: Training, plan: BatchPlan, precision: str, device: str) -> Any:
    """The context in which layers run in fused form, where that is wanted and exact."""
    from tunelab.training.fused.layers import fused_layers

    wanted = device == "cpu" if options.fused == "auto" else options.fused
    if not wanted or precision != "float32":
        return nullcontext({})
    if shards_weights():
        _log.warning("layers are not fused, since their weights are sharded over processes.")
        return nullcontext({})
    tokens = plan.tokens_a_batch / process_count() * options.gradient_accumulation
    return fused_layers(trainer.model, merge=tokens >= MERGE_FROM)


def _arguments(
    options: Training,
    *,
    learning_rate: float,
    precision: str,
    device: str,
    seed: int,
    folder: Path,
    batches: int,
    validates: bool,
    begins: bool,
) -> Any:
    from transformers import TrainingArguments

    steps_an_epoch = math.ceil(batches / options.gradient_accumulation)
    every = max(1, round(options.evaluate_every * steps_an_epoch))
    steps = max(1, math.ceil(options.epochs * steps_an_epoch))
    with explain_errors(
        "transformers refuses these settings of training", "change the one it names"
    ):
        arguments = TrainingArguments(
            output_dir=str(folder),
            # The rows of a batch are split over the processes.
            per_device_train_batch_size=math.ceil(options.batch_size / process_count()),
            # All that a method trains is used in every step.
            ddp_find_unused_parameters=False,
            per_device_eval_batch_size=max(32, options.batch_size),
            gradient_accumulation_steps=options.gradient_accumulation,
            num_train_epochs=options.epochs,
            learning_rate=learning_rate,
            lr_scheduler_type=options.scheduler,
            warmup_steps=math.ceil(options.warmup * steps),
            weight_decay=options.weight_decay,
            max_grad_norm=options.max_grad_norm,
            bf16=precision == "bfloat16",
            fp16=precision == "float16",
            use_cpu=device == "cpu",
            seed=seed,
            data_seed=seed,
            eval_strategy="steps" if validates else "no",
            eval_steps=every,
            # Once: a training that goes on would log it again, and count it as one that waited.
            eval_on_start=validates and begins,
            save_strategy="steps",
            save_steps=every,
            logging_strategy="steps",
            logging_steps=max(1, min(every, steps_an_epoch // 20)),
            logging_first_step=True,
            logging_nan_inf_filter=False,
            report_to=list(options.tracking) or "none",
            run_name=folder.name,
            remove_unused_columns=False,
            dataloader_pin_memory=device == "cuda",
            disable_tqdm=True,
            log_level="error",
            restore_callback_states_from_checkpoint=True,
        )
    # One process drives one device: several take accelerate or torchrun, and a process each.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def _history(log: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The loop's log as one row a value and split."""
    rows = []
    for entry in log:
        for split, head in (("train", ""), ("validation", "eval_")):
            if f"{head}loss" in entry:
                rows.append(
                    {
                        "step": entry["step"],
                        "epoch": entry.get("epoch"),
                        "split": split,
                        "loss": entry[f"{head}loss"],
                        "perplexity": entry.get(f"{head}perplexity"),
                        "learning_rate": entry.get("learning_rate"),
                        "gradient_norm": entry.get("grad_norm"),
                        "forced_accuracy": entry.get(f"{head}forced_accuracy"),
                    }
                )
    return rows
