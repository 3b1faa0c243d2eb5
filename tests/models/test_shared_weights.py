"""Models that are loaded twice and share their weights."""

from pathlib import Path

import pytest
import torch

from conftest import write_model
from tunelab.models.loading import load
from tunelab.models.shared_weights import sharing_weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("shared") / "model")


def test_twins_share_weights_and_no_module(folder: Path) -> None:
    with sharing_weights():
        one, other = load(str(folder)), load(str(folder))
    assert one.hash == other.hash
    for first, second in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert first is second
    assert not set(map(id, one.model.modules())) & set(map(id, other.model.modules()))
    # The output layer is still that of the embeddings.
    assert one.model.lm_head.weight is one.model.model.embed_tokens.weight
    one.model.lm_head = torch.nn.Identity()
    assert other.model.lm_head is not one.model.lm_head
    one.tokenizer.chat_template = "other"
    assert other.tokenizer.chat_template != "other"


def test_nothing_is_shared_outside(folder: Path) -> None:
    with sharing_weights():
        inside = load(str(folder))
    outside = load(str(folder))
    first = next(outside.model.parameters())
    assert first is not next(inside.model.parameters())
    assert torch.equal(first, next(inside.model.parameters()))
