"""A fine-tuned encoder as a classifier: trained, saved, opened, resumed; and what is refused."""

import json
import logging
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from transformers import TrainerCallback

import tunelab
from conftest import TEXTS, Workspace, write_model, write_rows
from tiny_encoder import FAMILIES, write_encoder
from tunelab import registry
from tunelab.app.loaded import open_tuned
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.cli.main import main
from tunelab.config import Training
from tunelab.data.examples import Example
from tunelab.errors import RunError, UsageError
from tunelab.memory.encoders import encoder_shape
from tunelab.runs.results import load_result, read_json, write_json
from tunelab.runs.seals import sealed
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

MEAN = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
ROWS = [
    Example(f"{text} {number}", label)
    for number in range(4)
    for label, texts in TEXTS.items()
    for text in texts
]
LABELS = ("anger", "fear", "joy")
QUICK = {"virtual_tokens": 4, "r": 4}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"), pooling=MEAN, normalize=True)


def _make(training: Mapping[str, Any] | None = None, **settings: Any) -> Any:
    kind = find_classifier("encoder")
    kind.check(settings, "classifiers.0.")
    options = Training(**{"tracking": [], "evaluate_every": 1, **(training or {})})
    return kind.make(settings, Context("cpu", "float32", training=options))


def _task(seed: int = 3, labels: tuple[str, ...] = LABELS) -> Task:
    return Task(ROWS, ROWS[:9], labels, seed=seed)


def _fit(
    folder: Path,
    training: Mapping[str, Any] | None = None,
    *,
    task: Task | None = None,
    callbacks: Any = (),
    **settings: Any,
) -> tuple[Any, Path, dict[str, Any]]:
    made, target = _make(training, **settings), folder / "classifiers" / "mine"
    values = made.fit(
        task or _task(), folder=folder / "stage", target=target, title="", callbacks=callbacks
    )
    return made, target, dict(values)


def _weights(target: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(target.glob("*.safetensors"))}


def test_fitted_saved_and_opened(encoder: Path, tmp_path: Path) -> None:
    made, target, values = _fit(tmp_path, model=str(encoder), epochs=8, learning_rate=3e-3)
    opened = made.open(target, _task())
    texts = [row.text for row in ROWS]
    answers = opened.answer([*texts, "we won " * 99])
    assert answers.texts_cut == 1
    assert answers.given is not None
    right = [a == row.label for a, row in zip(answers.given.labels, ROWS, strict=False)]
    assert sum(right) > 0.9 * len(ROWS)
    found = opened.probabilities(texts)
    assert found.shape == (len(ROWS), 3)
    assert np.allclose(found.sum(axis=1), 1)
    assert np.allclose(answers.given.probabilities[:-1], found, atol=1e-6)
    assert [LABELS[column] for column in found.argmax(axis=1)] == [
        answer.label for answer in opened.label(texts)
    ]
    # One by one as in a batch, up to rounding.
    alone = np.concatenate([opened.probabilities([text]) for text in texts[:4]])
    assert np.allclose(alone, found[:4], atol=1e-5)
    assert opened.label([]) == []
    assert opened.probabilities([]).shape == (0, 3)
    assert opened.answer([]).given.labels == ()
    # Text from data is data.
    assert np.isfinite(opened.probabilities(["we won [SEP] the [MASK]", "👍"])).all()
    # What a record holds of it.
    assert opened.about["lineage"]["family"] == "bert"
    assert values["model_hash"] == opened.about["model_hash"]
    assert values["packed"]
    # Sizes: the encoder without its pooler, and the head.
    assert values["trainable_parameters"] == values["total_parameters"]
    assert values["total_parameters"] == 23_555
    assert values["adapter_bytes"] > 4 * values["total_parameters"]
    assert values["seconds"] > 0
    assert values["learning_rate"] == 3e-3
    assert 0 < values["best_loss"] < 1
    history = pd.read_parquet(tmp_path / "stage" / "history.parquet")
    assert set(history["split"]) == {"train", "validation"}
    assert not list((tmp_path / "stage").glob("checkpoint-*"))
    json.dumps([values, dict(made.key(_task())), dict(opened.about)])
    # And by the front door, which knows nothing of the study.
    loaded = tunelab.load(target)
    assert loaded.predict([*texts[:3], " "]) == [*answers.given.labels[:3], None]
    assert loaded.model == str(encoder)
    assert loaded.predict_proba(texts[:2]) == pytest.approx(found[:2], abs=1e-6)


@pytest.mark.parametrize("method", [name for name in registry.METHODS if name != "full"])
def test_each_method(method: str, encoder: Path, tmp_path: Path) -> None:
    own = registry.resolve("method", method, registry.METHODS).Settings.model_fields
    settings: dict[str, Any] = {key: value for key, value in QUICK.items() if key in own}
    made, target, values = _fit(tmp_path, model=str(encoder), method=method, epochs=2, **settings)
    assert 0 < values["trainable_parameters"] < values["total_parameters"]
    assert values["settings"]["method"] == method
    counted = made.method.count(encoder_shape(encoder), made.method_settings)
    head = 3 * 32 + 3
    assert values["trainable_parameters"] == counted.trainable + head
    assert values["total_parameters"] == counted.total + head
    assert {"adapter_config.json", "adapter_model.safetensors", "head.safetensors"} <= {
        path.name for path in target.iterdir()
    }
    assert str(tmp_path.parent) not in (target / "tunelab.json").read_text().replace(
        str(encoder), ""
    )
    # What was saved answers as what was trained: the loss of the best step.
    found = made.open(target, _task()).probabilities([row.text for row in ROWS[:9]])
    truth = [LABELS.index(row.label) for row in ROWS[:9]]
    loss = -np.log(found[range(9), truth]).mean()
    assert loss == pytest.approx(values["best_loss"], rel=1e-4)


class _Killed(BaseException):
    """Ends a training as a kill does: nothing catches it."""


class _Kill(TrainerCallback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step == self.step:
            raise _Killed


def test_weights_and_sampling_change_a_training_that_resumes_bit_equal(
    encoder: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"model": str(encoder), "method": "lora", "epochs": 3}
    training: dict[str, Any] = {"class_weights": {"joy": 5.0}, "sampling": "balanced"}
    task = Task(ROWS[:-6], ROWS[:9], LABELS, seed=3)
    _, plain, _ = _fit(tmp_path / "plain", task=task, **settings)
    _, whole, _ = _fit(tmp_path / "whole", training, task=task, **settings)
    assert _weights(whole) != _weights(plain)
    with pytest.raises(_Killed):
        _fit(tmp_path / "killed", training, task=task, callbacks=[_Kill(5)], **settings)
    _, again, resumed = _fit(tmp_path / "killed", training, task=task, **settings)
    assert resumed["resumed"] == 1
    assert _weights(again) == _weights(whole)


@pytest.mark.parametrize("method", ["full", "lora", "prefix_tuning"])
def test_a_resumed_training_ends_bit_equal(method: str, encoder: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"model": str(encoder), "method": method, "epochs": 3}
    _, whole, values = _fit(tmp_path / "whole", **settings)
    assert values["resumed"] == 0
    with pytest.raises(_Killed):
        # 3 steps an epoch, and a checkpoint behind each.
        _fit(tmp_path / "killed", callbacks=[_Kill(5)], **settings)
    assert list((tmp_path / "killed" / "stage").glob("checkpoint-3"))
    _, again, resumed = _fit(tmp_path / "killed", **settings)
    assert resumed["resumed"] == 1
    assert _weights(again) == _weights(whole)
    _, other, _ = _fit(tmp_path / "other", task=_task(seed=4), **settings)
    assert _weights(other) != _weights(whole)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "bert"])
def test_each_family_resumes_bit_equal_and_opens_as_trained(family: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "model": str(write_encoder(tmp_path / "encoder", family)),
        "epochs": 2,
        "batch_size": 8,
    }
    task = Task(ROWS[:16], ROWS[:6], LABELS, seed=3)
    made, whole, values = _fit(tmp_path / "whole", task=task, **settings)
    assert values["packed"] == (family not in ("deberta-v2", "mpnet"))
    with pytest.raises(_Killed):
        _fit(tmp_path / "killed", task=task, callbacks=[_Kill(3)], **settings)
    _, again, resumed = _fit(tmp_path / "killed", task=task, **settings)
    assert resumed["resumed"] == 1
    assert _weights(again) == _weights(whole)
    # What was saved answers as what was trained: the loss of the best step.
    found = made.open(whole, task).probabilities([row.text for row in ROWS[:6]])
    truth = [LABELS.index(row.label) for row in ROWS[:6]]
    loss = -np.log(found[range(6), truth]).mean()
    assert loss == pytest.approx(values["best_loss"], rel=1e-4)


def test_padded_trains_as_packed(encoder: Path, tmp_path: Path) -> None:
    """Without dropout, which is drawn in another order, both ways have the same losses."""
    model = tmp_path / "still"
    write_encoder(model)
    config = read_json(model / "config.json")
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (model / "config.json").write_text(json.dumps(config))
    losses = []
    for packing in (True, False):
        _, _, values = _fit(
            tmp_path / str(packing), {"packing": packing}, model=str(model), head_dropout=0
        )
        assert values["packed"] == packing
        history = pd.read_parquet(tmp_path / str(packing) / "stage" / "history.parquet")
        losses.append(history["loss"].tolist())
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_settings_of_the_study(encoder: Path) -> None:
    """What the explanation says comes from the study's training does, and nothing else."""
    shared = {
        "epochs": 1, "batch_size": 2, "scheduler": "cosine", "learning_rate": 1, "batch_tokens": 9,
        "gradient_accumulation": 4, "warmup": 0.2, "weight_decay": 0.1, "evaluate_every": 0.25,
    }  # fmt: skip
    found = _make(shared, model=str(encoder), batch_size=8).key(_task())["training"]
    assert found["epochs"] == 8
    assert (found["batch_size"], found["scheduler"]) == (8, "linear")
    assert (found["batch_tokens"], found["gradient_accumulation"]) == (None, 1)
    assert (found["warmup"], found["weight_decay"], found["evaluate_every"]) == (0.2, 0.1, 0.25)
    plain = _make(model=str(encoder)).key(_task())
    assert plain != _make({"warmup": 0.2}, model=str(encoder)).key(_task())
    assert plain == _make({"seeds": [7], "learning_rate": 1}, model=str(encoder)).key(_task())
    assert plain != _make(model=str(encoder), head_dropout=0.2).key(_task())


def test_learning_rates() -> None:
    from tunelab.classifiers.encoder_settings import learning_rate_of, read_settings

    def rate(width: int, **settings: Any) -> float:
        own, method, _ = read_settings(settings)
        return learning_rate_of(own, method, width)

    assert rate(384) == 2e-4
    assert rate(768) == 5e-5
    assert rate(384, method="lora") == 1e-3
    assert rate(384, method="ia3") == 5e-3
    assert rate(384, learning_rate=0.5) == 0.5


def test_memory(encoder: Path) -> None:
    whole = _make(model=str(encoder), max_length=32).memory()
    assert whole > 16 * 23_000
    assert whole < _make(model=str(encoder), max_length=32, batch_size=64).memory()
    assert whole > _make(model=str(encoder), max_length=32, method="lora").memory()
    with pytest.raises(UsageError, match="the size of some/encoder is not known before"):
        _make(model="some/encoder").memory()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 0}, r"classifiers\.0\.learning_rate"),
        ({"epochs": True}, r"classifiers\.0\.epochs"),
        ({"method": "lorra"}, "did you mean lora"),
        ({"method": "lora", "rr": 3}, r"unknown key 'classifiers\.0\.rr'"),
        ({"r": 3}, r"unknown key 'classifiers\.0\.r'"),
        ({"learning_rat": 3}, r"did you mean classifiers\.0\.learning_rate"),
        ({"method": "lora", "r": 0}, r"classifiers\.0\.r"),
        ({"model": "all-minilm-l6"}, "did you mean all-minilm-l6-v2"),
        ({"model": "smollm2-135m-instruct"}, r"is no encoder \(its kind is instruct\)"),
    ],
)
def test_wrong_settings(settings: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_classifier("encoder").check(settings, "classifiers.0.")


def test_a_language_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no encoder \(its kind is llama\)"):
        find_classifier("encoder").check({"model": str(write_model(tmp_path))}, "")


def test_a_length_beyond_the_positions(encoder: Path, tmp_path: Path) -> None:
    check = find_classifier("encoder").check
    check({"model": str(encoder), "max_length": 66}, "")
    with pytest.raises(UsageError, match=r"max_length=67 are more than the 66 tokens .*use .*66"):
        check({"model": str(encoder), "max_length": 67}, "")
    settings: dict[str, Any] = {"model": str(encoder), "method": "prompt_tuning", "max_length": 60}
    with pytest.raises(UsageError, match="60 and 20 virtual tokens are more than the 66"):
        _fit(tmp_path, **settings)
    # RoBERTa counts positions from behind that of padding.
    roberta = write_encoder(tmp_path / "roberta", "roberta")
    with pytest.raises(UsageError, match="66 are more than the 65 tokens"):
        _fit(tmp_path, model=str(roberta), max_length=66)


def test_labels_without_rows(
    encoder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = _task(labels=(*LABELS, "calm"))
    with caplog.at_level(logging.WARNING, logger="tunelab"):
        made, target, _ = _fit(tmp_path, task=task, model=str(encoder), epochs=1)
    assert "no training row has the label 'calm', which cannot be learned" in caplog.text
    assert made.open(target, task).probabilities(["we won"]).shape == (1, 4)
    alone = Task([Example("we won", "joy")] * 3, [], ("joy", "fear"), seed=1)
    with pytest.raises(RunError, match="all have the label 'joy'"):
        _fit(tmp_path, task=alone, model=str(encoder))


def test_a_prefix_where_it_does_not_fit(tmp_path: Path) -> None:
    model = write_encoder(tmp_path / "encoder", "deberta-v2")
    with pytest.raises((UsageError, RunError), match="use prompt_tuning"):
        _fit(tmp_path, model=str(model), method="prefix_tuning")


@pytest.fixture(scope="module")
def fitted(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _fit(tmp_path_factory.mktemp("fitted"), model=str(encoder), method="lora", epochs=1)[1]


@pytest.mark.parametrize("name", ["head.safetensors", "adapter_model.safetensors"])
def test_a_changed_file_is_refused(name: str, fitted: Path, tmp_path: Path) -> None:
    target = _copy(fitted, tmp_path)
    content = bytearray((target / name).read_bytes())
    content[-1] ^= 1
    (target / name).write_bytes(bytes(content))
    with pytest.raises(RunError, match="is missing or was changed"):
        tunelab.load(target)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "lorra"}, "did you mean lora"),
        ({"method": 3}, "unknown method"),
        ({"labels": ["a", "b"]}, "cannot be loaded .*other sizes"),
        ({"max_length": 10**9}, "has positions for 66"),
        ({"max_length": "long"}, "is damaged"),
        ({"model_hash": "0"}, "was trained on other weights"),
        ({"model": "smollm2-135m-instruct"}, "is no encoder"),
        ({"method": "full"}, "is an adapter"),
    ],
)
def test_a_record_of_a_stranger(change: Any, message: str, fitted: Path, tmp_path: Path) -> None:
    target = _copy(fitted, tmp_path)
    record = read_json(target / "tunelab.json")
    record.pop("seal", None)
    files = record.pop("files")
    write_json(target / "tunelab.json", sealed({**record, **change}, files))
    with pytest.raises((RunError, UsageError), match=message):
        tunelab.load(target)


def _copy(fitted: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(fitted, tmp_path / "copied"))


def test_another_encoder_is_refused(tmp_path: Path) -> None:
    model = write_encoder(tmp_path / "encoder")
    _, target, _ = _fit(tmp_path, model=str(model), method="ia3", epochs=1)
    write_encoder(model, seed=1)
    with pytest.raises(RunError, match="was trained on other weights"):
        tunelab.load(target)


def _study(folder: Path, encoder: Path, **more: Any) -> list[str]:
    study = folder / "study.yaml"
    study.write_text(
        f"""
name: small
data:
  source: {write_rows(folder / "rows.csv")}
  sample: {{train: 36, validation: 6, test: 14}}
models: {{base: null, instruct: null}}
methods: []
classifiers:
- {{name: tuned, use: encoder, model: {encoder}, epochs: 6, learning_rate: 3e-3}}
training: {{tracking: [], seeds: [1, 2], evaluate_every: 1}}
evaluation: {{baselines: [majority], resamples: 100, facts_seconds: 0}}
claims:
- {{claim: tuning pays, metric: accuracy, left: tuned, right: majority}}
""",
        encoding="utf-8",
    )
    return ["run", str(study)]


def test_in_a_study(encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, run = _study(tmp_path, encoder), tmp_path / "run"
    assert main([*words, "--out", str(run)]) == 0
    names = {"tuned-seed1", "tuned-seed2"}
    assert names < {folder.name for folder in (run / "classifiers").iterdir()}
    assert _weights(run / "classifiers/tuned-seed1") != _weights(run / "classifiers/tuned-seed2")
    for stage in ("train", "evaluate"):
        found = [load_result(path) for path in run.glob(f"{stage}/tuned-*")]
        assert {(one.values["group"], one.values["seed"]) for one in found} == {
            ("tuned", 1),
            ("tuned", 2),
        }
    table = pd.read_parquet(run / "results.parquet").set_index(["run", "metric"])
    assert table["value"].to_dict()["tuned-seed1", "accuracy"] > 0.8
    assert ("tuned-seed1", "brier") in table.index
    verdicts = json.loads((run / "verdicts.json").read_text(encoding="utf-8"))
    assert verdicts["claims"][0]["verdict"] == "supported"
    card = (run / "classifiers/tuned-seed1/README.md").read_text(encoding="utf-8")
    assert "SHA-256 of the encoder" in card
    assert "model.skops" not in card
    assert "The validation rows were not used" not in card
    assert "| method | full |" in card
    assert (run / "report.html").is_file()
    # Opened by the command line and the app.
    capsys.readouterr()
    folder = run / "classifiers" / "tuned-seed1"
    assert main(["predict", str(tmp_path / "rows.csv"), "--adapter", str(folder)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["label"] for line in lines} == set(LABELS)
    command = ["evaluate", str(tmp_path / "rows.csv"), "--adapter", str(folder)]
    assert main([*command, "evaluation.resamples=100", "--format", "json"]) == 0
    assert open_tuned(folder, "cpu").label(["we won the game 1"])[0].label == "joy"
    # A second run finds everything done.
    before = {path: path.stat().st_mtime_ns for path in run.glob("*/tuned-*/result.json")}
    assert main([*words, "--out", str(run)]) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_sweep_searches_its_settings(encoder: Path, tmp_path: Path) -> None:
    words = _study(tmp_path, encoder)
    out = tmp_path / "sweep"
    space = ["--method", "tuned", "--space", "classifiers.0.learning_rate=[0.001, 0.003]"]
    asked = ["--goal", "best_loss", "--trials", "2", "--search-only", "--out", str(out)]
    assert main(["sweep", words[1], "classifiers.0.epochs=1", *space, *asked]) == 0
    trials = json.loads((out / "sweep.json").read_text())["trials"]
    assert len({trial["goals"]["best_loss"] for trial in trials}) == 2


def test_kill_and_go_on(encoder: Path, workspace: Workspace, tmp_path: Path) -> None:
    overrides = ["classifiers.0.epochs=9", "training.early_stopping=null", "training.seeds=[1]"]
    overrides += ["evaluation.baselines=[]", "claims=[]"]
    words = [*_study(tmp_path, encoder), *overrides]
    process = subprocess.Popen(
        workspace.command(*words, "--out", str(tmp_path / "killed")),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed").glob("train/tuned-*/checkpoint-*/complete.json")):
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list((tmp_path / "killed").glob("evaluate/tuned-*/result.json"))
    subprocess.run(workspace.command(*words, "--out", str(tmp_path / "killed")), check=True)
    run_study(open_study(words[1], overrides), tmp_path / "whole")
    [resumed] = (tmp_path / "killed").glob("train/tuned-*")
    assert load_result(resumed).values["resumed"] >= 1
    folder = "classifiers/tuned"
    assert _weights(tmp_path / "killed" / folder) == _weights(tmp_path / "whole" / folder)
