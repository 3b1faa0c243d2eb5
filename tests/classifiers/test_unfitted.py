"""Classifiers that have nothing to fit, saved as their settings and opened again."""

from pathlib import Path
from typing import Any

import pytest

import tunelab
from chat_server import chatting, reply
from conftest import TEXTS, Workspace
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.classifiers.stored import check_evaluation, open_classifier
from tunelab.config import Evaluation, Prompt
from tunelab.data.examples import Example
from tunelab.errors import RunError, UsageError
from tunelab.runs.results import ADAPTER_RECORD, read_json, write_json
from tunelab.runs.seals import SEAL, sealed

ROWS = [Example(text, label) for label, texts in TEXTS.items() for text in texts]
NAMES = tuple(TEXTS)
CONTEXT = Context(
    "cpu", "float32", Prompt(system="One of {labels}.", max_length=96), Evaluation(max_new_tokens=4)
)


def _saved(target: Path, use: str, **settings: Any) -> Path:
    made = find_classifier(use).make(settings, CONTEXT)
    made.fit(Task(ROWS, [], NAMES, seed=3), folder=target.parent, target=target, title="")
    return target


def _open(folder: Path) -> Any:
    return open_classifier(folder, device="cpu", dtype="float32", evaluation=CONTEXT.evaluation)


def test_the_examples_of_the_study_stand_in_its_prompt(
    workspace: Workspace, tmp_path: Path
) -> None:
    model = str(workspace.folder / "model")
    made = find_classifier("asked").make({"model": model, "shots": 4}, CONTEXT)
    task = Task(ROWS, [], NAMES, seed=3)
    expected: Any = made.open(tmp_path, task)
    found = _open(_saved(tmp_path / "mine", "asked", model=model, shots=4))
    assert found.name == "mine"
    assert found.encoder.format == expected.encoder.format
    assert len(found.encoder.format.shots) == 4
    # What is not shown is not in the folder.
    kept = read_json(tmp_path / "mine" / ADAPTER_RECORD)["rows"]
    assert sorted(map(tuple, kept)) == sorted(expected.encoder.format.shots)
    opened = tunelab.load(tmp_path / "mine", device="cpu")
    assert opened.classes_.tolist() == list(NAMES)
    assert len(opened.predict(["we won", "who is there"])) == 2
    with pytest.raises(UsageError, match="max_new_tokens"):
        check_evaluation(tmp_path / "mine", Evaluation(max_new_tokens=1))


def test_other_weights_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    folder = _saved(tmp_path / "mine", "asked", model=str(workspace.folder / "model"))
    record = read_json(folder / ADAPTER_RECORD)
    record["models"] = dict.fromkeys(record["models"], "0" * 64)
    _reseal(folder, record)
    with pytest.raises(RunError, match="other weights"):
        _open(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"use": "os:getcwd"},
        {"use": "tfidf-svm", "settings": {}, "models": {}},
        {"settings": None},
        {"rows": [["one"]]},
        {"labels": []},
        {"seed": "1"},
        {"prompt": 3},
        {"models": None},
    ],
)
def test_a_record_that_is_no_such_classifier(
    change: dict[str, Any], workspace: Workspace, tmp_path: Path
) -> None:
    folder = _saved(tmp_path / "mine", "asked", model=str(workspace.folder / "model"))
    _reseal(folder, {**read_json(folder / ADAPTER_RECORD), **change})
    with pytest.raises(UsageError, match="is damaged"):
        _open(folder)


def test_texts_go_to_an_address_that_was_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = _saved(tmp_path / "far", "hosted", url="https://models.example/v1", model="m")
    with pytest.raises(UsageError, match=r"TUNELAB_ENDPOINTS=https://models\.example/v1"):
        _open(far)
    monkeypatch.setenv("TUNELAB_ENDPOINTS", "https://other.example/v1 https://models.example/v1/")
    assert _open(far).labels == NAMES
    with chatting(lambda body: reply("joy")) as chat:
        near = _saved(tmp_path / "near", "hosted", url=chat.url, model="m", shots=2)
        assert [one.label for one in _open(near).label(["we won"])] == ["joy"]
        # No folder decides that a key of this machine is sent.
        keyed = _saved(tmp_path / "keyed", "hosted", url=chat.url, model="m", key_from="MY_KEY")
        monkeypatch.setenv("MY_KEY", "a-secret-key")
        with pytest.raises(UsageError, match="with the key in MY_KEY") as refused:
            _open(keyed)
    assert "a-secret-key" not in str(refused.value)
    assert "a-secret-key" not in (keyed / ADAPTER_RECORD).read_text()


def _reseal(folder: Path, record: dict[str, Any]) -> None:
    record.pop(SEAL)
    write_json(folder / ADAPTER_RECORD, sealed(record, record.pop("files")))
