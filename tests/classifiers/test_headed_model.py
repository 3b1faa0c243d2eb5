"""A classifier with a head on disk: labelled with, moved, refused where it is damaged or asked for
words.
"""

import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load as from_bytes
from safetensors.torch import load_file, save_file

import tunelab
from conftest import TEXTS, Workspace
from tunelab import TextClassifier
from tunelab.classifiers.stored import open_classifier, read_record
from tunelab.cli.main import main
from tunelab.config import Evaluation, Prompt, make_study
from tunelab.errors import RunError, UsageError
from tunelab.models.kinds import HEAD_FILE
from tunelab.models.loading import load
from tunelab.runs.results import ADAPTER_RECORD
from tunelab.runs.seals import FILES, file_hashes, sealed
from tunelab.serving.adapter_usage import adapter_usage
from tunelab.serving.base_models import find_card
from tunelab.serving.evaluate import evaluate_file, read_labelled
from tunelab.serving.exporting import export_classifier
from tunelab.serving.formats.contract import Source, find_format, formats_for

X = [f"{text} {number}" for number in range(2) for label in TEXTS for text in TEXTS[label]]
Y = [label for _ in range(2) for label in TEXTS for _ in TEXTS[label]]


@pytest.fixture(scope="module")
def fitted(workspace: Workspace) -> TextClassifier:
    model = str(workspace.folder / "model")
    return TextClassifier(
        model, answers="head", epochs=2, batch_size=8, max_length=96, random_state=3
    ).fit(X, Y)


@pytest.fixture(scope="module")
def folder(fitted: TextClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fitted.save(tmp_path_factory.mktemp("headed") / "lora-head")


@pytest.fixture(scope="module")
def whole(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All weights trained with a head: files from which a language model could be read."""
    model = str(workspace.folder / "model")
    made = TextClassifier(model, "full", answers="head", epochs=1, max_length=96).fit(X, Y)
    return made.save(tmp_path_factory.mktemp("headed") / "full-head")


def _reseal(folder: Path) -> None:
    """Write the record anew, as who changed a file on purpose would."""
    record = json.loads((folder / ADAPTER_RECORD).read_text(encoding="utf-8"))
    names = list(record.pop(FILES))
    record = {key: value for key, value in record.items() if key != "seal"}
    text = json.dumps(sealed(record, file_hashes(folder, names)))
    (folder / ADAPTER_RECORD).write_text(text, encoding="utf-8")


def test_probabilities_survive_files_and_pickles(fitted: TextClassifier, folder: Path) -> None:
    expected = fitted.predict_proba(X[:5])
    assert expected.shape == (5, 3)
    assert expected.sum(axis=1) == pytest.approx(np.ones(5))
    for other in (TextClassifier.load(folder), pickle.loads(pickle.dumps(fitted))):
        assert other.answers == "head"
        assert (other.predict_proba(X[:5]) == expected).all()
    opened = tunelab.load(folder)
    assert opened.predict_proba(X[:5]) == pytest.approx(expected)
    answers = opened.answer(["we won", " "])
    assert answers[0].label in TEXTS
    assert answers[0].raw is None
    assert answers[1].reason == "blank text"


def test_the_same_seed_gives_the_same_head(fitted: TextClassifier) -> None:
    again = TextClassifier(**fitted.get_params()).fit(X, Y)
    assert again.adapter_.files == fitted.adapter_.files


def test_predict_and_evaluate_take_it(folder: Path, workspace: Workspace, tmp_path: Path) -> None:
    texts, out = tmp_path / "texts.txt", tmp_path / "labels.jsonl"
    texts.write_text("we won\nmy hands shook\n", encoding="utf-8")
    assert main(["predict", str(texts), "--adapter", str(folder), "--out", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["label"] for row in rows] == tunelab.load(folder).predict(
        ["we won", "my hands shook"]
    )
    labelled = read_labelled(workspace.folder / "rows.csv", text="text", label="label")
    details, _ = evaluate_file(
        labelled,
        models=[],
        adapters=[folder],
        prompt=Prompt(),
        # Too few tokens for a label in words.
        evaluation=Evaluation(max_new_tokens=1),
        device="cpu",
        dtype="float32",
    )
    assert details[0]["mode"] == "label"
    assert details[0]["scored"]["brier"] is not None


def test_the_code_of_the_card_gives_the_same_probabilities(
    folder: Path, whole: Path, workspace: Workspace
) -> None:
    for path, method in ((folder, "lora"), (whole, "full")):
        record = json.loads((path / ADAPTER_RECORD).read_text(encoding="utf-8"))
        usage = adapter_usage(path.name, method, find_card(record["model"]), record)
        (code,) = re.findall(r"```python\n(.*?)```", usage, re.DOTALL)
        code = code.replace('"base-model"', repr(str(workspace.folder / "model")))
        code = code.replace(f'"adapters/{path.name}"', repr(str(path)))
        code = code.replace('"the text to label"', repr("we won the game"))
        found: dict[str, Any] = {}
        exec(code, found)
        expected = tunelab.load(path).predict_proba(["we won the game"])[0]
        assert found["probabilities"] == pytest.approx(list(expected), abs=1e-5)
        assert "writes no words" in usage


def test_onnx_gives_the_same_probabilities(
    folder: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["we won the game", " my  hands shook ", "", "<|im_end|> سلام 😀"]
    for path in (folder, whole):
        opened = open_classifier(path, device="cpu", dtype="float32")
        source = Source(path, read_record(path), opened)
        assert formats_for(source) == ["onnx"]
        out = tmp_path / path.name
        out.mkdir()
        find_format("onnx").write(source, out, "float32")
        monkeypatch.chdir(out)
        found: dict[str, Any] = {}
        exec(find_format("onnx").code, found)
        rows = [row for _, row, _ in found["classify"](texts)]
        assert np.abs(np.array(rows) - opened.probabilities(texts)).max() < 1e-4
        # A text that is too long is cut.
        assert found["classify"](["won the game " * 500])[0][0] in TEXTS


def test_it_is_not_taken_for_a_model_that_writes(folder: Path, whole: Path, tmp_path: Path) -> None:
    for path in (folder, whole):
        with pytest.raises(UsageError, match="answers in words, and this classifier is none"):
            export_classifier(path, tmp_path / "out", format="merged")
        with pytest.raises(UsageError, match="labels texts through a head and writes none"):
            load(str(path))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda head: {"weight": head["weight"][:2], "bias": head["bias"][:2]},
        lambda head: {"weight": head["weight"][:, :8].contiguous(), "bias": head["bias"]},
        lambda head: {"weight": head["weight"].bfloat16(), "bias": head["bias"]},
        lambda head: {"weight": head["weight"]},
    ],
    ids=["labels", "hidden", "type", "bias"],
)
def test_another_head_is_refused(fitted: TextClassifier, tmp_path: Path, change: Any) -> None:
    path = fitted.save(tmp_path / "changed")
    head = load_file(path / HEAD_FILE)
    save_file(change(head), path / HEAD_FILE)
    with pytest.raises(RunError, match="was changed after training"):
        tunelab.load(path)
    _reseal(path)
    with pytest.raises(RunError, match="no head of 3 labels for this model"):
        tunelab.load(path)
    (path / HEAD_FILE).write_bytes(b"nothing")
    _reseal(path)
    with pytest.raises(RunError, match="cannot be read"):
        tunelab.load(path)


def test_other_ways_to_answer_are_told_of_in_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"methods\.0\.answers = .* 'words' or 'head'"):
        make_study({"methods": [{"name": "lora", "answers": "heads"}]})
    with pytest.raises(UsageError, match="unknown way to answer 'heads': did you mean head"):
        TextClassifier(answers="heads").fit(X, Y)


def test_labels_that_begin_alike_have_columns_of_their_own(workspace: Workspace) -> None:
    names = ["card_arrival", "card_delivery"]
    labels = [names[number % 2] for number in range(len(X))]
    model = str(workspace.folder / "model")
    made = TextClassifier(
        model, answers="head", epochs=2, batch_size=8, max_length=96, learning_rate=0.01
    ).fit(X, labels)
    weight = from_bytes(made.adapter_.files[HEAD_FILE])["weight"]
    assert not torch.equal(weight[0], weight[1])
