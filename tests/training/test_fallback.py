"""Where the fast way cannot apply, training goes the plain way and says so once."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import LABELS, build_model, build_tokenizer
from tunelab.config import Training
from tunelab.methods import full, lora
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import EncodedExample, Encoder
from tunelab.training.train import train


@pytest.fixture(scope="module")
def rows() -> list[EncodedExample]:
    tokenizer = build_tokenizer()
    format = make_format(
        tokenizer, system="One of {labels}.", labels=LABELS, style="chat", max_length=150
    )
    encoder = Encoder(tokenizer, format)
    texts = ["the rain came down", "we sat", "nothing", "all day at the window", "said"]
    return [
        encoder.example(text, label) for text, label in zip(texts * 4, LABELS * 4, strict=False)
    ]


def _train(folder: Path, model: Any, rows: list[EncodedExample], **options: Any) -> Any:
    return train(
        model,
        train_rows=rows[:16],
        validation_rows=rows[16:],
        pad_token=0,
        options=Training(**({"tracking": [], "epochs": 2, "batch_size": 4} | options)),
        learning_rate=1e-2,
        precision="float32",
        device="cpu",
        seed=1,
        folder=folder,
    )


def test_a_model_with_biases_by_distance(
    tmp_path: Path, rows: list[EncodedExample], caplog: pytest.LogCaptureFixture
) -> None:
    from transformers import AutoModelForCausalLM, BloomConfig

    torch.manual_seed(0)
    config = BloomConfig(vocab_size=600, hidden_size=32, n_layer=2, n_head=2)
    model = full.adapt(AutoModelForCausalLM.from_config(config), full.Settings())
    with caplog.at_level(logging.WARNING, logger="tunelab"):
        outcome = _train(tmp_path, model, rows)
    assert (outcome.packed, outcome.prefix) == (False, 0)
    assert [record.message for record in caplog.records].count(
        "rows cannot be packed with this model; each is run in full, with padding."
    ) == 1
    losses = [entry["loss"] for entry in outcome.history if entry["split"] == "validation"]
    assert losses[-1] < losses[0]


def test_dropout_leaves_adapters_as_they_are(tmp_path: Path, rows: list[EncodedExample]) -> None:
    model = lora.adapt(build_model(), lora.Settings(r=4, dropout=0.1))
    outcome = _train(tmp_path, model, rows)
    assert outcome.packed
    assert outcome.fused["adapters"] == 0
    assert outcome.fused["norms"] == 7


def test_bfloat16_is_not_fused(tmp_path: Path, rows: list[EncodedExample]) -> None:
    model = full.adapt(build_model(), full.Settings())
    outcome = train(
        model,
        train_rows=rows,
        validation_rows=[],
        pad_token=0,
        options=Training(tracking=[], epochs=1, fused=True),
        learning_rate=1e-3,
        precision="bfloat16",
        device="cpu",
        seed=1,
        folder=tmp_path,
    )
    assert outcome.packed
    assert outcome.fused == {}


@pytest.mark.parametrize("packing", [True, False])
def test_batches_by_tokens(tmp_path: Path, rows: list[EncodedExample], packing: bool) -> None:
    outcome = _train(
        tmp_path, lora.adapt(build_model(), lora.Settings(r=4)), rows, batch_tokens=400,
        packing=packing, early_stopping=None,
    )  # fmt: skip
    assert outcome.planned_steps == outcome.steps
    assert outcome.steps % 2 == 0
    assert outcome.steps != 2 * 4
