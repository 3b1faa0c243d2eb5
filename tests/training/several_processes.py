"""What each process of tests/training/test_processes.py runs: trainings, and their weights."""

import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from conftest import LABELS, build_model, build_tokenizer
from tunelab import registry
from tunelab.config import Training
from tunelab.inference.label_head import make_head, replace_output
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import (
    EncodedExample,
    Encoder,
    encode_examples,
    encode_for_head,
)
from tunelab.training.processes import is_first, together
from tunelab.training.train import train

# The last batch of an epoch has one row, which two processes cannot divide.
ROWS = 25
TRAININGS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "full": ("full", {}, {}),
    "lora": ("lora", {"r": 4}, {}),
    "accumulated": ("lora", {"r": 4}, {"batch_size": 4, "gradient_accumulation": 2}),
    "by-tokens": ("lora", {"r": 4}, {"batch_tokens": 400}),
    "padded": ("lora", {"r": 4}, {"packing": False, "fused": False}),
    "p_tuning": ("p_tuning", {"virtual_tokens": 4, "hidden": 16}, {}),
    "prefix_tuning": ("prefix_tuning", {"virtual_tokens": 4}, {}),
    "ia3": ("ia3", {}, {}),
    "full-head": ("full", {}, {}),
    "lora-head": ("lora", {"r": 4}, {}),
}


def encoded_rows(*, head: bool = False) -> list[EncodedExample]:
    """Rows with a shared prefix, of different lengths, for words or for a head."""
    tokenizer = build_tokenizer()
    format = make_format(
        tokenizer, system="One of {labels}.", labels=LABELS, style="chat", max_length=150
    )
    encoder = Encoder(tokenizer, format)
    texts = [f"the rain came down {'all day ' * (n % 5)}{n}" for n in range(ROWS + 7)]
    encode = encode_for_head if head else encode_examples
    return encode(encoder, texts, [LABELS[n % 6] for n in range(len(texts))])


class StoppedError(Exception):
    """What ends a training before its time."""


class Stops(TrainerCallback):
    """Ends a training as an error would, behind its first checkpoint."""

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Raise at the step behind the checkpoint."""
        if state.global_step == args.save_steps + 1:
            raise StoppedError


def train_one(name: str, folder: Path, *, stops: bool = False) -> Any:
    """One of the trainings; the model and its history. ``stops``: it is done in two parts."""
    if stops:
        with pytest.raises(StoppedError):
            _train(name, folder, [Stops()])
        assert list(folder.glob("checkpoint-*"))
    return _train(name, folder, [])


def _train(name: str, folder: Path, callbacks: list[Any]) -> Any:
    method, settings, options = TRAININGS[name]
    module = registry.resolve("method", method, registry.METHODS)
    head = name.endswith("-head")
    rows = encoded_rows(head=head)
    model = module.adapt(build_model(), module.Settings(**settings), rows[0].ids[:8])
    if head:
        replace_output(model, make_head(model, range(len(LABELS))))
    return train(
        model,
        train_rows=rows[:ROWS],
        validation_rows=rows[ROWS:],
        pad_token=0,
        options=Training(**({"tracking": [], "epochs": 2, "batch_size": 8} | options)),
        learning_rate=1e-3,
        precision="float32",
        device="cpu",
        seed=1,
        folder=folder,
        callbacks=callbacks,
    )


def main(out: Path, *words: str) -> None:
    """Do all of them; the first process keeps the weights and the losses."""
    with together("cpu"):
        for name in TRAININGS:
            outcome = train_one(name, out / "work" / name, stops="stops" in words)
            if is_first():
                keep(outcome, out / f"{name}.safetensors")


def keep(outcome: Any, path: Path) -> None:
    """The trained weights, and what else must not depend on the processes."""
    trained = {
        name: parameter.detach().contiguous()
        for name, parameter in outcome.model.named_parameters()
        if parameter.requires_grad
    }
    about = {
        "steps": str(outcome.steps),
        "best_step": str(outcome.best_step),
        "best_loss": str(outcome.best_loss),
        "prefix": str(outcome.prefix),
        "processes": str(outcome.processes),
        # AdamW forgives a wrong scale of the gradients; their norms do not.
        "norms": " ".join(
            str(entry["gradient_norm"]) for entry in outcome.history if entry["split"] == "train"
        ),
    }
    save_file(trained, path, metadata=about)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
