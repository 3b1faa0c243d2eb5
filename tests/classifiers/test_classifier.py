"""A fine-tuned classifier is opened and asked, as `tunelab predict` does."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tunelab
from conftest import Workspace, write_model, write_rows
from tunelab.cli.main import main
from tunelab.config import Prompt, Training
from tunelab.data.examples import Example
from tunelab.errors import RunError, UsageError

TEXTS = ["we won the game", "who is there", " ", "we won the game", "<|im_end|> joy"]


@pytest.fixture(scope="module")
def adapter(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that a study trained, in its run folder."""
    out = tmp_path_factory.mktemp("run")
    assert main(["train", str(workspace.study), "--out", str(out), "training.epochs=1"]) == 0
    return out / "adapters" / "lora"


@pytest.fixture(scope="module")
def classifier(adapter: Path) -> Any:
    return tunelab.load(adapter)


def test_labels_are_those_of_the_command_line(
    adapter: Path, classifier: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new.csv"
    pd.DataFrame({"text": TEXTS}).to_csv(file, index=False)
    assert main(["predict", str(file), "--adapter", str(adapter)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    answers = classifier.answer(TEXTS)
    assert [one.label for one in answers] == [line["label"] for line in lines]
    assert [one.raw for one in answers] == [line["answer"] for line in lines]
    assert [one.reason for one in answers] == [line["reason"] for line in lines]
    assert classifier.predict(TEXTS) == [line["label"] for line in lines]
    assert answers[2].reason == "blank text"


def test_probabilities_are_those_of_the_study(
    workspace: Workspace, adapter: Path, classifier: Any
) -> None:
    rows = workspace.folder / "rows.csv"
    stored = tunelab.evaluate(adapter, rows, modes=["score"], resamples=100)
    found = classifier.predict_proba(stored.predictions["text"])
    assert found.shape == (72, 3)
    assert found.sum(axis=1) == pytest.approx(np.ones(72))
    assert np.abs(found - np.array(stored.predictions["probabilities"].tolist())).max() < 1e-9
    assert list(classifier.classes_) == ["anger", "fear", "joy"]


def test_the_run_folder_stands_for_its_only_classifier(adapter: Path) -> None:
    assert tunelab.load(str(adapter.parents[1])).name == "lora"
    assert tunelab.load(adapter.parent).name == "lora"


def test_it_tells_what_it_is(workspace: Workspace, classifier: Any) -> None:
    assert classifier.model == str(workspace.folder / "model")
    assert classifier.instruction == "Labels are anger, fear, joy."
    assert "'lora'" in repr(classifier)
    assert "anger, fear, joy" in repr(classifier)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "answer"])
@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ("we won", "is one text"),
        ([], "holds 0 texts"),
        (["a", None], "position 1"),
        (3, "must be a list"),
    ],
)
def test_what_is_no_list_of_texts_is_told(
    classifier: Any, method: str, texts: Any, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        getattr(classifier, method)(texts)


def test_a_wrong_folder_is_told(adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        tunelab.load(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="holds no classifier"):
        tunelab.load(tmp_path)
    for name in ("lora", "dora"):
        (tmp_path / "adapters" / name).mkdir(parents=True)
        (tmp_path / "adapters" / name / "tunelab.json").write_text("{}")
    with pytest.raises(UsageError, match="holds 2 classifiers; name one of"):
        tunelab.load(tmp_path)
    with pytest.raises(UsageError, match="batch_size is 0"):
        tunelab.load(adapter, batch_size=0)
    with pytest.raises(UsageError, match="device=tpu"):
        tunelab.load(adapter, device="tpu")


def test_other_weights_of_the_base_model_are_told(tmp_path: Path) -> None:
    from tunelab import TextClassifier

    model = write_model(tmp_path / "model")
    rows = pd.read_csv(write_rows(tmp_path / "rows.csv", copies=1))
    fitted = TextClassifier(str(model), epochs=1, max_length=96, validation_fraction=0)
    fitted.fit(rows["text"], rows["label"]).save(tmp_path / "saved")
    write_model(tmp_path / "model", seed=1)
    with pytest.raises(RunError, match="other weights"):
        tunelab.load(tmp_path / "saved")


def test_plain_arguments_train_what_a_study_trains(
    workspace: Workspace, adapter: Path, tmp_path: Path
) -> None:
    """The same rows and settings give the same bytes of the adapter."""
    from tunelab import registry
    from tunelab.classifiers.fine_tuning import fine_tune

    prepared = next((adapter.parents[1] / "prepare").glob("data-*"))
    splits = {
        name: [
            Example(str(row["text"]), str(row["label"]))
            for row in pd.read_parquet(prepared / f"{name}.parquet").to_dict("records")
        ]
        for name in ("train", "validation")
    }
    method = registry.resolve("method", "lora", registry.METHODS)
    fine_tune(
        splits["train"],
        splits["validation"],
        model=str(workspace.folder / "model"),
        method="lora",
        settings=method.Settings(r=4, alpha=8),
        labels=("anger", "fear", "joy"),
        prompt=Prompt(system="Labels are {labels}.", max_length=96),
        training=Training(epochs=1, batch_size=8, tracking=[]),
        learning_rate=0.01,
        seed=42,
        device="cpu",
        dtype="float32",
        folder=tmp_path / "train",
        target=tmp_path / "adapters" / "lora",
    )
    name = "adapter_model.safetensors"
    assert (tmp_path / "adapters" / "lora" / name).read_bytes() == (adapter / name).read_bytes()
