"""What doctor says of this machine: its extras, and whether presets have room."""

import tomllib
from pathlib import Path

import pytest

from tunelab.study import device_room, doctor
from tunelab.study.environment import package_version

_GB = 10**9


def _on_a_machine(monkeypatch: pytest.MonkeyPatch, memory: int) -> dict[str, str]:
    facts = {"device": "cpu", "memory": memory}
    monkeypatch.setattr(device_room, "device_facts", lambda: facts)
    monkeypatch.setattr(device_room, "pick_device", lambda _: "cpu")
    return {preset: doctor._verdict(preset, "cpu") for preset in ("starter", "emotion-cpu")}


def test_extras_are_those_of_the_package() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    line = doctor._extras_line()
    for extra, packages in project["optional-dependencies"].items():
        names = [package.split(">")[0].split("[")[0] for package in packages]
        whole = all(package_version(name) for name in names)
        assert f"{extra} {'installed' if whole else 'not installed'}" in line


def test_a_preset_is_judged_by_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    for verdict in _on_a_machine(monkeypatch, 25 * _GB).values():
        assert verdict.startswith("yes; training takes ")
        assert "by the estimate" in verdict
    for verdict in _on_a_machine(monkeypatch, _GB // 2).values():
        assert verdict.startswith("no: methods.0 (lora of instruct): a step needs ")


def test_a_preset_with_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"device": "cpu", "memory": 25 * _GB}
    monkeypatch.setattr(device_room, "device_facts", lambda: facts)
    monkeypatch.setattr(device_room, "pick_device", lambda _: "cpu")
    assert doctor._verdict("own", "cpu").startswith("yes")
