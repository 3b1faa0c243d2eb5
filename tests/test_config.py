"""The study file: defaults, overrides, and errors that name the key."""

from pathlib import Path

import pytest

from tunelab.config import Study, make_study, to_dict, to_yaml
from tunelab.errors import UsageError
from tunelab.guards.strict_yaml import apply_overrides, read_keys


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("traning.epochs=2", "did you mean training"),
        ("training.epoch=2", "did you mean training.epochs"),
        ("training.epochs=two", "training.epochs"),
        ("training.epochs=true", "must be a number"),
        ("training.seeds=[1,1]", "a seed twice"),
        ("training.seeds=[]", "training.seeds"),
        ("data.sample.train=0", "data.sample.train"),
        ("training.learning_rate=.inf", "finite"),
        ("training.learning_rate=1e999", "training.learning_rate"),
        ("data=3", "data = 3"),
        ("name=../x", "names a folder"),
        ("prompt.style=both", "'chat' or 'plain'"),
        ("data.drop=[nothing]", "data.drop"),
        ("seed", "not key=value"),
        ("seed.x=1", "plain value"),
    ],
)
def test_wrong_value_is_one_sentence(override: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_study(apply_overrides(to_dict(Study()), [override]))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_with_exponent_and_list_places() -> None:
    study = make_study(
        apply_overrides(to_dict(Study()), ["training.learning_rate=1e-4", "methods.0.r=8"])
    )
    assert study.training.learning_rate == 1e-4
    assert study.methods[0].settings["r"] == 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "UTF-8"),
        (b"- a\n- b\n", "keys and values"),
        (b"seed: 1\nseed: 2\n", "stands twice"),
        (b"seed: !!python/object/apply:os.getcwd []\n", "not YAML"),
        (b"a: [1, 2\n", "not YAML"),
        (b"[" * 5000, "not YAML"),
    ],
)
def test_broken_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_keys(path)


def test_yaml_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(to_yaml(Study()), encoding="utf-8")
    assert make_study(read_keys(path)) == Study()
