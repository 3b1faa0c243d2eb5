"""What the files beside an encoder say of pooling, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from tunelab.errors import UsageError
from tunelab.models.pooling import Pooling, has_pooling, read_pooling


def _write(folder: Path, kinds: list[str], settings: dict[str, Any], path: str = "1_P") -> Path:
    steps = [
        {"type": f"sentence_transformers.models.{kind}", "path": path if kind == "Pooling" else ""}
        for kind in kinds
    ]
    (folder / "modules.json").write_text(json.dumps(steps))
    (folder / path).mkdir(exist_ok=True, parents=True)
    (folder / path / "config.json").write_text(json.dumps(settings))
    return folder


STEPS = ["Transformer", "Pooling"]
MEAN = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}


def test_none_is_the_mean(tmp_path: Path) -> None:
    assert read_pooling(tmp_path) == Pooling("mean", False, None)
    assert has_pooling(tmp_path)


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        (MEAN, "mean"),
        ({"pooling_mode_cls_token": True, "include_prompt": True}, "cls"),
        ({"pooling_mode": "cls"}, "cls"),
    ],
)
def test_modes(settings: dict[str, Any], mode: str, tmp_path: Path) -> None:
    folder = _write(tmp_path, [*STEPS, "Normalize"], settings)
    assert read_pooling(folder) == Pooling(mode, normalize=True)
    assert read_pooling(_write(tmp_path, STEPS, settings)) == Pooling(mode)


def test_what_else_is_read(tmp_path: Path) -> None:
    folder = _write(tmp_path, STEPS, MEAN)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 128, "do_lower_case": 1}')
    (folder / "config_sentence_transformers.json").write_text(
        '{"prompts": {"query": "query: "}, "default_prompt_name": "query"}'
    )
    assert read_pooling(folder) == Pooling("mean", most_tokens=128, prefix="query: ")


@pytest.mark.parametrize(
    ("kinds", "settings", "message"),
    [
        ([*STEPS, "Dense"], MEAN, "names the steps Transformer, Pooling, Dense"),
        (["Transformer"], MEAN, "names the steps Transformer;"),
        (STEPS, {**MEAN, "pooling_mode_max_tokens": True}, "asks for .*max_tokens"),
        (STEPS, {"pooling_mode_lasttoken": True}, "asks for pooling_mode_lasttoken"),
        (STEPS, {**MEAN, "pooling_mode_cls_token": True}, "asks for"),
        (STEPS, {"pooling_mode": "max"}, "asks for max"),
        (STEPS, {}, "asks for None"),
    ],
)
def test_what_is_not_known(
    kinds: list[str], settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        read_pooling(_write(tmp_path, kinds, settings))


def test_a_strangers_files(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    _write(tmp_path, STEPS, MEAN, "elsewhere")
    steps = [{"type": "a.Transformer", "path": ""}, {"type": "a.Pooling", "path": "../elsewhere"}]
    (folder / "modules.json").write_text(json.dumps(steps))
    with pytest.raises(UsageError, match="leads out of"):
        read_pooling(folder)
    assert not has_pooling(folder)
    for damaged in ("[", "3", '[{"type": 1}]', "[" * 100_000):
        (folder / "modules.json").write_text(damaged)
        with pytest.raises(UsageError, match=r"modules\.json is damaged"):
            read_pooling(folder)
    _write(folder, STEPS, MEAN)
    (folder / "1_P" / "config.json").unlink()
    assert not has_pooling(folder)
