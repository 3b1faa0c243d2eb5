"""A study file can extend a preset or another file."""

from pathlib import Path

import pytest

from tunelab.config import to_dict
from tunelab.errors import UsageError
from tunelab.study.opening import open_study


def _write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_study_states_only_what_differs(tmp_path: Path) -> None:
    own = _write(
        tmp_path,
        "own.yaml",
        "extends: starter\nname: own\ndata: {sample: {train: 60}}\nclaims: []\n",
    )
    extended, starter = to_dict(open_study(own)), to_dict(open_study("starter"))
    assert extended["data"]["sample"] == {**starter["data"]["sample"], "train": 60}
    assert (extended["name"], extended["claims"]) == ("own", [])
    same = {"models", "training", "methods", "prompt", "evaluation", "generation", "tokenizers"}
    assert {key: extended[key] for key in same} == {key: starter[key] for key in same}


def test_a_file_is_found_beside_the_one_that_extends_it(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    _write(tmp_path / "deeper", "first.yaml", "extends: ../shared.yaml\nseed: 1\n")
    _write(tmp_path, "shared.yaml", "extends: starter\nname: shared\nseed: 7\n")
    study = open_study(str(tmp_path / "deeper" / "first.yaml"))
    assert (study.name, study.seed) == ("shared", 1)


def test_overrides_come_last(tmp_path: Path) -> None:
    own = _write(tmp_path, "own.yaml", "extends: starter\nname: own\nseed: 5\n")
    assert open_study(own, ["seed=9"]).seed == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: own.yaml\n", "in a circle: own.yaml -> own.yaml"),
        ("extends: startr\n", "did you mean starter"),
        ("extends: [starter]\n", "name of a preset"),
        ("extends: missing.yaml\n", "no study file"),
        ("extends: starter\ntrainning: {}\n", "trainning"),
    ],
)
def test_what_cannot_be_extended(tmp_path: Path, text: str, message: str) -> None:
    own = _write(tmp_path, "own.yaml", text)
    with pytest.raises(UsageError, match=message):
        open_study(own)


@pytest.mark.parametrize("name", ["hosted", "entailment"])
def test_a_kind_that_needs_settings_is_no_baseline(name: str) -> None:
    with pytest.raises(UsageError, match=f"baselines names '{name}'.* name it under classifiers"):
        open_study("starter", [f"evaluation.baselines=[{name}]"])
    with pytest.raises(UsageError, match=r"classifiers\.0\.(url|model)' is missing"):
        open_study("starter", [f"classifiers=[{{name: {name}}}]"])
