"""A device that is too small is told before anything is fetched."""

from pathlib import Path
from typing import Any

import pytest

from conftest import Workspace
from tunelab.data.examples import Example
from tunelab.errors import UsageError
from tunelab.study import device_room
from tunelab.study.device_room import check_device_memory
from tunelab.study.opening import open_study
from tunelab.study.run import run_study, train_study

_ROWS = [Example("a text of a few words that somebody wrote", "joy")] * 4
_GB = 10**9


def _with(monkeypatch: pytest.MonkeyPatch, memory: float) -> None:
    facts = {"device": "cpu", "memory": int(memory * _GB)}
    monkeypatch.setattr(device_room, "device_facts", lambda: facts)


def _study(workspace: Workspace, *words: str) -> Any:
    return open_study(str(workspace.study), ["models.instruct=mistral-7b-v0.1", *words])


@pytest.mark.parametrize(
    ("memory", "words", "remedy"),
    [
        (24, ["methods=[{name: lora}]"], "training.precision=bfloat16"),
        (24, ["methods=[{name: full}]"], "the method lora training.precision=bfloat16"),
        (
            31,
            ["methods=[{name: lora, r: 4}]", "training.batch_size=512"],
            "training.gradient_accumulation=",
        ),
        (4, ["methods=[{name: ia3}]"], "use a smaller model"),
    ],
)
def test_the_nearest_that_has_room(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    memory: float,
    words: list[str],
    remedy: str,
) -> None:
    _with(monkeypatch, memory)
    with pytest.raises(UsageError) as caught:
        check_device_memory(_study(workspace, *words), _ROWS)
    message = str(caught.value)
    assert message.startswith("methods.0 (")
    assert f"the device has {memory}.00 GB" in message
    assert remedy in message


def test_what_has_room_is_let_through(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with(monkeypatch, 24)
    check_device_memory(
        _study(workspace, "methods=[{name: lora}]", "training.precision=bfloat16"), _ROWS
    )
    check_device_memory(open_study(str(workspace.study)), _ROWS)
    # What is not known here is not judged.
    check_device_memory(_study(workspace, "models.instruct=nobody/nothing"), _ROWS)


@pytest.mark.parametrize("begin", [run_study, train_study])
def test_nothing_is_fetched(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: Any
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("a model was fetched")

    _with(monkeypatch, 24)
    monkeypatch.setattr("tunelab.study.feasibility.fetch", never)
    with pytest.raises(UsageError, match="or more and the device has"):
        begin(_study(workspace, "methods=[{name: full}]"), tmp_path)
