"""Vectors of texts: batches and padding change nothing, and what cannot be run is told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tiny_encoder import write_encoder
from tunelab.errors import RunError, UsageError
from tunelab.inference.sentence_embeddings import embed
from tunelab.models.encoders import load_encoder

ROWS = [[2, 7, 8, 3], [2, 3], [2, *range(5, 40), 3], [2, 9, 3], [2, *range(20, 30), 3]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_encoder(str(write_encoder(tmp_path_factory.mktemp("encoder")))).model


@pytest.mark.parametrize("mode", ["mean", "cls"])
@pytest.mark.parametrize("tokens", [1, 50, 4096])
def test_as_one_row_at_a_time(model: Any, mode: str, tokens: int) -> None:
    found = embed(model, ROWS, pad_token=0, mode=mode, normalize=False, batch_tokens=tokens)
    for row, vector in zip(ROWS, found.vectors, strict=True):
        with torch.inference_mode():
            hidden = model(input_ids=torch.tensor([row])).last_hidden_state[0]
        expected = hidden[0] if mode == "cls" else hidden.mean(0)
        assert np.allclose(vector, expected.numpy(), atol=1e-5)
    assert found.vectors.dtype == np.float32
    assert all(spent > 0 for spent in found.seconds)
    # Another token to pad with is not looked at either.
    other = embed(model, ROWS, pad_token=11, mode=mode, normalize=False, batch_tokens=tokens)
    assert np.allclose(other.vectors, found.vectors, atol=1e-5)


def test_normalized(model: Any) -> None:
    plain = embed(model, ROWS, pad_token=0, mode="mean", normalize=False).vectors
    found = embed(model, ROWS, pad_token=0, mode="mean", normalize=True).vectors
    assert np.allclose(found, plain / np.linalg.norm(plain, axis=1, keepdims=True), atol=1e-6)


def test_no_texts(model: Any) -> None:
    assert embed(model, [], pad_token=0, mode="mean", normalize=True).vectors.shape == (0, 32)


def test_what_cannot_be_run(tmp_path: Path) -> None:
    model = load_encoder(str(write_encoder(tmp_path))).model
    with pytest.raises(UsageError, match="token id 5000"):
        embed(model, [[2, 5000, 3]], pad_token=0, mode="mean", normalize=True)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight[7] = float("nan")
    with pytest.raises(RunError, match="BertModel gives numbers that are not finite"):
        embed(model, ROWS, pad_token=0, mode="mean", normalize=True)
