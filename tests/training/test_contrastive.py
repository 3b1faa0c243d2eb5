"""Contrastive training: the loss is the plain one, and a training goes on to the same weights."""

from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import TEXTS
from tiny_encoder import write_encoder
from tunelab.classifiers.embedded_texts import token_ids
from tunelab.errors import RunError
from tunelab.inference.sentence_embeddings import encode
from tunelab.models.encoders import LoadedEncoder, load_encoder
from tunelab.training import contrastive
from tunelab.training.contrastive import Contrastive, rate_at, train_on_pairs
from tunelab.training.pairs import draw_pairs

LABELS = [label for label, texts in TEXTS.items() for _ in texts]
PAIRS = draw_pairs(LABELS, 60, seed=0)


@pytest.fixture(scope="module", params=["bert", "modernbert"])
def folder(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"), request.param)


def _rows(encoder: LoadedEncoder) -> list[list[int]]:
    return [token_ids(encoder, text)[0] for texts in TEXTS.values() for text in texts]


def _train(folder: Path, out: Path, **more: Any) -> tuple[Contrastive, dict[str, torch.Tensor]]:
    encoder = load_encoder(str(folder))
    settings: dict[str, Any] = {"batch_size": 8, "learning_rate": 1e-3, "dtype": "float32"}
    out.mkdir(exist_ok=True)
    found = train_on_pairs(
        encoder, _rows(encoder), PAIRS, **settings | {"seed": 1, "folder": out, **more}
    )
    assert not encoder.model.training
    return found, encoder.model.state_dict()


def test_the_loss_is_that_of_each_pair_by_itself(folder: Path) -> None:
    encoder = load_encoder(str(folder))
    rows = _rows(encoder)
    loss = contrastive._loss(encoder, rows, PAIRS[:16])
    squares = []
    for pair in PAIRS[:16]:
        left, right = (
            encode(encoder.model, [rows[index]], pad_token=0, mode="mean", normalize=False)
            for index in (pair.left, pair.right)
        )
        cosine = torch.nn.functional.cosine_similarity(left, right)
        squares.append((cosine - float(pair.same)) ** 2)
    assert float(loss.detach()) == pytest.approx(
        float(torch.cat(squares).mean().detach()), abs=1e-5
    )


def test_it_learns_and_the_seed_decides(folder: Path, tmp_path: Path) -> None:
    first, weights = _train(folder, tmp_path)
    assert first.steps == 8
    before, after = load_encoder(str(folder)), load_encoder(str(folder))
    after.model.load_state_dict(weights)
    with torch.no_grad():
        losses = [float(contrastive._loss(one, _rows(one), PAIRS)) for one in (before, after)]
    assert losses[1] < 0.9 * losses[0]
    assert first.resumed == 0
    state = torch.random.get_rng_state()
    again, same = _train(folder, tmp_path)
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(weights[name], value) for name, value in same.items())
    assert again.last_loss == first.last_loss
    _, other = _train(folder, tmp_path, seed=2)
    # The seed decides the dropout, which the one family has and the other has not.
    differs = any(not torch.equal(weights[name], value) for name, value in other.items())
    assert differs == (before.model.config.model_type == "bert")


def test_an_interrupted_training_comes_to_the_same_weights(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, weights = _train(folder, tmp_path / "whole")
    keep, calls = contrastive._keep, []

    def interrupted(*args: Any) -> None:
        keep(*args)
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(contrastive, "_keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _train(folder, tmp_path / "cut", checkpoint_every=0.0)
    monkeypatch.setattr(contrastive, "_keep", keep)
    assert (tmp_path / "cut" / contrastive.CHECKPOINT).is_file()
    found, same = _train(folder, tmp_path / "cut")
    assert found.resumed == 1
    assert (found.first_loss, found.last_loss) == (whole.first_loss, whole.last_loss)
    assert all(torch.equal(weights[name], value) for name, value in same.items())


def test_a_damaged_checkpoint_is_left_out(folder: Path, tmp_path: Path) -> None:
    (tmp_path / contrastive.CHECKPOINT).write_bytes(b"nothing of use")
    assert _train(folder, tmp_path)[0].resumed == 0


def test_a_loss_that_is_no_number(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="lower learning_rate"):
        _train(folder, tmp_path, learning_rate=1e30)


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [rate_at(step, 100) for step in range(101)]
    assert rates[0] == 0
    assert rates[10] == 1
    assert rates[55] == 0.5
    assert rates[100] == 0
    # A training of one step takes it at the highest rate.
    assert [rate_at(0, 1), rate_at(0, 2)] == [1, 0]
