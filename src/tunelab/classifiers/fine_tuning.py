"""Fine-tune a language model to label texts, from plain arguments to the files of an adapter."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunelab.config import AnswersWith, Prompt, Training
from tunelab.data.examples import Example
from tunelab.errors import UsageError


@dataclass(frozen=True)
class FineTuned:
    """What a training leaves behind besides the adapter's files.

    ``outcome`` is a :class:`tunelab.training.train.TrainingOutcome`; ``train_rows`` are the
    encoded training rows.
    """

    outcome: Any
    loaded: Any
    encoder: Any
    train_rows: Sequence[Any]


def fine_tune(
    train_rows: Sequence[Example],
    validation_rows: Sequence[Example],
    *,
    model: str,
    method: str,
    settings: Any,
    labels: Sequence[str],
    answers: AnswersWith = "words",
    prompt: Prompt,
    training: Training,
    learning_rate: float,
    seed: int,
    device: str,
    dtype: str,
    folder: Path,
    target: Path,
    title: str = "",
    callbacks: Sequence[Any] = (),
) -> FineTuned:
    """Adapt ``model`` with ``method`` to rows, and write the adapter and its prompt to ``target``.

    ``settings`` are the method's own, checked. With ``answers`` of head, a head on the last token
    of the prompt is trained with the adapter, and the labels' words are not. Checkpoints go to
    ``folder``; a training that was killed continues from the last complete one. The caller removes
    them when it has kept the outcome
    (:func:`tunelab.training.checkpoints.remove_checkpoints`). Without a ``title`` no progress is
    shown.

    Raises:
        UsageError: a label cannot be told from another, or a setting does not fit the model.
        RunError: the model cannot be loaded, the loss is no number any more, the device has no
            memory left or the disk is full.
    """
    import torch

    from tunelab.classifiers.adapters import save_adapter
    from tunelab.classifiers.asking import encoder_for
    from tunelab.inference.label_head import make_head, replace_output
    from tunelab.methods.contract import find_method
    from tunelab.models.loading import load
    from tunelab.prompts.checks import check_rows
    from tunelab.prompts.encoding import encode_examples, encode_for_head
    from tunelab.prompts.tokens import encode_text, leading_tokens
    from tunelab.runs.stages import replace_folder
    from tunelab.training.class_weights import class_weights
    from tunelab.training.processes import is_first, shards_weights
    from tunelab.training.train import train

    if dtype == "float16" and device == "cpu":
        raise UsageError("training.precision=float16 needs a GPU; use float32 or bfloat16.")
    way = find_method(method)
    loaded = load(model, device="cpu" if shards_weights() else device, dtype=way.weights or dtype)
    encoder = encoder_for(loaded.tokenizer, loaded.model, prompt, labels)
    weights = class_weights(training.class_weights, [row.label for row in train_rows], labels)
    encoded = []
    for rows in (train_rows, validation_rows):
        texts, truth = [row.text for row in rows], [row.label for row in rows]
        if answers == "head":
            found = encode_for_head(encoder, texts, truth)
        else:
            found = encode_examples(encoder, texts, truth)
            check_rows(encoder, found, texts)
        if weights is not None:
            found = [
                replace(row, weight=weights.get(label, 1.0))
                for row, label in zip(found, truth, strict=True)
            ]
        encoded.append(found)
    torch.manual_seed(seed)
    # As a text that begins with it is seen: many models rest their attention on the BOS.
    instruction = leading_tokens(loaded.tokenizer)
    instruction += encode_text(loaded.tokenizer, encoder.format.system)[0]
    adapted = way.adapt(loaded.model, settings, instruction)
    words = None
    if answers == "head":
        head = make_head(adapted, [encoder.answers[label][0] for label in labels])
        words = replace_output(adapted, head)
    outcome = train(
        adapted,
        train_rows=encoded[0],
        validation_rows=encoded[1],
        pad_token=loaded.tokenizer.pad_token_id,
        options=training,
        learning_rate=learning_rate,
        precision=dtype,
        device=device,
        seed=seed,
        folder=folder,
        title=title,
        callbacks=callbacks,
        drawn_by=[row.label for row in train_rows],
    )
    if is_first():
        replace_folder(
            target,
            lambda fresh: save_adapter(
                fresh,
                outcome.model,
                method=method,
                loaded=loaded,
                encoder=encoder,
                run=folder.name,
                words=words,
            ),
        )
    return FineTuned(outcome, loaded, encoder, encoded[0])


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Leave the random numbers of Python, NumPy and torch to the caller as they were.

    A training seeds all of them.
    """
    import numpy as np
    import torch

    python, array = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(array)
