"""Tokens that a model has no embedding for."""

import logging
from pathlib import Path
from typing import Any

import pytest

from conftest import build_model, build_tokenizer
from tunelab.errors import UsageError
from tunelab.inference.answering import answer_prompts
from tunelab.inference.embeddings import check_known, set_pad_token
from tunelab.inference.scoring import score_labels
from tunelab.models.loading import load


def _with_pad_beyond(**removed: None) -> Any:
    tokenizer = build_tokenizer()
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    for name, value in removed.items():
        setattr(tokenizer, name, value)
    return tokenizer


def test_a_loaded_model_pads_with_what_it_knows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer = _with_pad_beyond()
    build_model(vocabulary=len(tokenizer) - 1).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with caplog.at_level(logging.WARNING, logger="tunelab"):
        loaded = load(str(tmp_path))
    assert loaded.tokenizer.pad_token_id == loaded.tokenizer.eos_token_id
    assert "rows are padded with <|im_end|> instead" in caplog.text


def test_a_tokenizer_without_any_end() -> None:
    tokenizer = _with_pad_beyond(eos_token=None)
    set_pad_token(tokenizer, build_model(vocabulary=300), "a model")
    assert tokenizer.pad_token_id == 0


def test_a_pad_token_that_is_known_stays(caplog: pytest.LogCaptureFixture) -> None:
    tokenizer = build_tokenizer()
    with caplog.at_level(logging.WARNING, logger="tunelab"):
        set_pad_token(tokenizer, build_model(vocabulary=len(tokenizer)), "a model")
    assert (tokenizer.pad_token, caplog.text) == ("<|endoftext|>", "")


def test_a_row_beyond_the_embeddings() -> None:
    model = build_model(vocabulary=300)
    check_known(model, [[0, 299], []])
    for ask in (
        lambda: check_known(model, [[1], [5, 300]]),
        lambda: score_labels(model, [[1, 2]], [[300]], progress=False),
        lambda: answer_prompts(
            model, build_tokenizer(), [[1, 300]], stop_tokens=[], max_new_tokens=1, batch_size=1
        ),
    ):
        with pytest.raises(UsageError, match="token id 300, and the model has embeddings for ids"):
            ask()
