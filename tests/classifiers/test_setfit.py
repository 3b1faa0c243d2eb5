"""SetFit: fitted, saved, opened and asked; and what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunelab
from conftest import TEXTS, write_rows
from tiny_encoder import write_encoder
from tunelab.app.loaded import open_tuned
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.classifiers.setfit import pairs_for
from tunelab.cli.main import main
from tunelab.data.examples import Example
from tunelab.errors import RunError, UsageError
from tunelab.runs.results import load_result

MEAN = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
ROWS = [Example(text, label) for label, texts in TEXTS.items() for text in texts]
LABELS = ("anger", "fear", "joy", "calm")
CONTEXT = Context("cpu", "float32")
FAST = {"pairs": 320, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"), pooling=MEAN, normalize=True)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _fit(folder: Path, **settings: Any) -> tuple[Any, Task, Path, dict[str, Any]]:
    kind = find_classifier("setfit")
    kind.check(settings, "classifiers.0.")
    made = kind.make(settings, CONTEXT)
    task = Task(ROWS, [], LABELS, seed=3)
    target = folder / "classifiers" / "mine"
    values = made.fit(task, folder=folder / "stage", target=target, title="")
    return made, task, target, dict(values)


def test_fitted_saved_and_opened(encoder: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(encoder, base)
    made, task, target, values = _fit(tmp_path, model=str(base), **FAST)
    # The encoder that it was made from is no longer needed.
    shutil.rmtree(base)
    opened = made.open(target, task)
    texts = [row.text for row in ROWS]
    answers = opened.answer(texts)
    right = [a == row.label for a, row in zip(answers.given.labels, ROWS, strict=True)]
    assert sum(right) > 0.9 * len(ROWS)
    found = opened.probabilities(texts)
    assert np.allclose(found.sum(axis=1), 1)
    # No training row has the label calm.
    assert (found[:, 3] == 0).all()
    assert [answer.label for answer in opened.label(texts)] == list(answers.given.labels)
    assert (values["pairs"], values["steps"]) == (320, 20)
    assert values["seconds"] == pytest.approx(sum(values["seconds_by_part"].values()))
    assert values["trainable_parameters"] == values["total_parameters"] > 1000
    assert values["adapter_bytes"] > 4 * values["total_parameters"]
    assert opened.about["model_hash"] == values["model_hash"] != opened.encoder.hash
    assert opened.about["lineage"]["family"] == "bert"
    assert opened.encoder.pooling.normalize
    json.dumps([values, dict(opened.about)])
    assert not list((tmp_path / "stage").iterdir())
    loaded = tunelab.load(target)
    assert loaded.predict([*texts[:3], " "]) == [*answers.given.labels[:3], None]
    assert loaded.model == str(base)
    assert loaded.predict_proba(texts[:2]) == pytest.approx(found[:2])


def test_training_changes_the_encoder_by_the_seed_alone(encoder: Path, tmp_path: Path) -> None:
    first, second = (
        _fit(tmp_path / name, model=str(encoder), **FAST)[0:3:2] for name in ("a", "b")
    )
    weights = [made[1] / "encoder" / "model.safetensors" for made in (first, second)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert weights[0].read_bytes() != (encoder / "model.safetensors").read_bytes()


def test_pairs_where_none_are_named() -> None:
    # 8 rows of each of 6 labels, as the library setfit: 960 pairs of each kind.
    assert pairs_for([*"abcdef"] * 8) == 1920
    # 40 a text, and 20,000 in all.
    assert pairs_for([*"abcdef"] * 64) == 40 * 384
    assert pairs_for([*"abcdef"] * 1000) == 20_000
    assert pairs_for(["a", "b"]) == 2


def test_auto_pairs_are_told(encoder: Path, tmp_path: Path) -> None:
    values = _fit(tmp_path, model=str(encoder), batch_size=64)[3]
    assert values["chosen"] == {"pairs": values["pairs"]}
    assert values["pairs"] == pairs_for([row.label for row in ROWS])


@pytest.mark.parametrize("name", ["model.skops", "encoder/model.safetensors"])
def test_a_changed_file_is_refused(name: str, encoder: Path, tmp_path: Path) -> None:
    _, _, target, _ = _fit(tmp_path, model=str(encoder), **FAST)
    content = bytearray((target / name).read_bytes())
    content[len(content) // 2] ^= 1
    (target / name).write_bytes(bytes(content))
    with pytest.raises(RunError, match="is missing or was changed"):
        tunelab.load(target)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"C": 0}, r"classifiers\.0\.C"),
        ({"pairs": 0}, r"classifiers\.0\.pairs"),
        ({"batch_size": 0}, r"classifiers\.0\.batch_size"),
        ({"learning_rate": 0}, r"classifiers\.0\.learning_rate"),
        ({"pair": 3}, r"did you mean classifiers\.0\.pairs"),
        ({"model": "smollm2-135m-instruct"}, r"is no encoder \(its kind is instruct\)"),
    ],
)
def test_wrong_settings(settings: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_classifier("setfit").check(settings, "classifiers.0.")


def test_one_label(encoder: Path, tmp_path: Path) -> None:
    made = find_classifier("setfit").make({"model": str(encoder)}, CONTEXT)
    task = Task([Example("we won", "joy")] * 3, [], ("joy", "fear"), seed=1)
    with pytest.raises(RunError, match=r"setfit cannot be fitted .*: there are fewer than two"):
        made.fit(task, folder=tmp_path / "stage", target=tmp_path / "made", title="")


def test_in_a_study(encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, run = tmp_path / "study.yaml", tmp_path / "run"
    study.write_text(
        f"""
name: small
data:
  source: {write_rows(tmp_path / "rows.csv")}
  sample: {{train: 36, validation: 6, test: 14}}
models: {{base: null, instruct: null}}
methods: []
classifiers:
- {{name: pairs, use: setfit, model: {encoder}, pairs: 96, learning_rate: 0.001}}
training: {{tracking: []}}
evaluation: {{baselines: [majority], resamples: 100, facts_seconds: 0.2}}
""",
        encoding="utf-8",
    )
    assert main(["run", str(study), "--out", str(run)]) == 0
    folder = run / "classifiers" / "pairs"
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "SHA-256 of the encoder" in card
    assert "## Scores" in card
    before = {path: path.stat().st_mtime_ns for path in run.glob("*/pairs-*/result.json")}
    assert main(["run", str(study), "--out", str(run)]) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    records = {path.parts[-3]: load_result(path.parent).values for path in before}
    assert records["train"]["pairs"] == 96
    assert records["evaluate"]["scores"]["accuracy"] > 0.6
    capsys.readouterr()
    file = tmp_path / "rows.csv"
    assert main(["predict", str(file), "--adapter", str(folder)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["label"] for line in lines} == {"anger", "fear", "joy"}
    command = ["evaluate", str(file), "--adapter", str(folder), "evaluation.resamples=100"]
    assert main([*command, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["scores"]["accuracy"] > 0.8
    assert open_tuned(folder, "cpu").label(["we won the game 1"])[0].label == "joy"
