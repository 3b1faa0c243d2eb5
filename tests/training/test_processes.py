"""Two processes over gloo train to the weights of one; rows are divided, none twice."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from conftest import Workspace
from training.several_processes import TRAININGS, keep, train_one
from tunelab.training.sharing import SharedBatches

TESTS = Path(__file__).parents[1]


# What accelerate launch --use_fsdp sets.
FSDP = {"ACCELERATE_USE_FSDP": "true", "FSDP_CPU_RAM_EFFICIENT_LOADING": "true"}


def _torchrun(
    *words: str, expect: int = 0, environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([*sys.path, str(TESTS)])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", *words),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": paths, **environment},
    )
    assert (done.returncode == 0) == (expect == 0), done.stderr
    return done


def test_every_row_has_one_process() -> None:
    batches = [[5, 3, 8, 1], [2, 0, 7], [9]]
    shares = [
        list(SharedBatches(batches, None, process=process, processes=3, filler=-1))
        for process in range(3)
    ]
    for number, batch in enumerate(batches):
        rows = [row for share in shares for row in share[number]]
        assert sorted(row for row in rows if row >= 0) == sorted(batch)
    assert shares[2] == [[8], [7], [-1]]


def test_deepspeed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from tunelab.errors import UsageError
    from tunelab.training.processes import together

    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    with pytest.raises(UsageError, match="with --use_fsdp"), together("cpu"):
        pass


def test_one_process_divides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from tunelab.training.processes import shards_weights, together

    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with together("cpu"):
        assert not shards_weights()


WAYS: dict[str, tuple[dict[str, str], list[str]]] = {
    "whole weights": ({}, []),
    "divided weights": (FSDP, []),
    "divided weights, in two parts": (FSDP, ["stops"]),
}


@pytest.fixture(scope="module", params=WAYS)
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("two")
    environment, words = WAYS[request.param]
    script = str(TESTS / "training" / "several_processes.py")
    _torchrun(script, str(out), *words, environment=environment)
    return out


@pytest.mark.scale
@pytest.mark.parametrize("name", TRAININGS)
def test_two_come_to_the_weights_of_one(name: str, two: Path, tmp_path: Path) -> None:
    keep(train_one(name, tmp_path / "work"), tmp_path / "one.safetensors")
    expected = load_file(tmp_path / "one.safetensors")
    found = load_file(two / f"{name}.safetensors")
    assert set(found) == set(expected)
    for key, weights in expected.items():
        assert (found[key] - weights).abs().max() <= 1e-5, key
    alone, shared = _about(tmp_path / "one.safetensors"), _about(two / f"{name}.safetensors")
    assert float(shared.pop("best_loss")) == pytest.approx(float(alone.pop("best_loss")), abs=1e-5)
    norms = [[float(norm) for norm in about.pop("norms").split()] for about in (alone, shared)]
    assert len(norms[0]) == int(alone["steps"])
    assert norms[1] == pytest.approx(norms[0], rel=1e-3)
    assert (alone.pop("processes"), shared.pop("processes")) == ("1", "2")
    assert shared == alone
    assert (int(shared["prefix"]) > 0) == (name != "padded")


def _about(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


@pytest.mark.scale
@pytest.mark.parametrize("environment", [{}, FSDP], ids=["whole weights", "divided weights"])
def test_torchrun_trains_a_study_and_one_process_goes_on(
    environment: dict[str, str], workspace: Workspace, tmp_path: Path
) -> None:
    study, out = str(workspace.study), tmp_path / "run"
    words = ["-m", "tunelab", "train", study, "--out", str(out), "--format", "json"]
    done = _torchrun(*words, environment=environment)
    assert [row["name"] for row in json.loads(done.stdout)] == ["lora"]
    (record,) = (out / "train").glob("lora-*/result.json")
    before = record.stat().st_mtime_ns
    assert json.loads(record.read_text())["processes"] == 2
    assert list(record.parent.glob("checkpoint-*")) == []
    ran = subprocess.run(
        workspace.fresh_command("run", study, "--out", str(out)), capture_output=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    assert record.stat().st_mtime_ns == before
    refused = _torchrun("-m", "tunelab", "run", study, "--out", str(out), expect=2)
    assert "run run without them" in refused.stderr
