"""The lock holds what is tested, with hashes, and a bill of materials nothing of this machine."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _lines(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_pinned_version_has_a_hash() -> None:
    locked = dict(line.split(" --hash=sha256:") for line in _lines("requirements.lock"))
    assert set(locked) == set(_lines("constraints.txt"))
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in locked.values())


def test_a_bill_of_materials_tells_no_path(tmp_path: Path) -> None:
    raw = {
        "metadata": {"component": {"name": "tunelab", "purl": "pkg:pypi/tunelab@0.1.0"}},
        "components": [
            {
                "name": "a",
                "externalReferences": [
                    {"type": "distribution", "url": "file:///home/me/a.whl"},
                    {"type": "website", "url": "https://a.org"},
                ],
                "properties": [{"name": "path", "value": "/home/me/.venv"}],
            }
        ],
    }
    (tmp_path / "raw.json").write_text(json.dumps(raw))
    words = [sys.executable, str(ROOT / "supply/sbom.py"), "raw.json", "clean.json"]
    subprocess.run(words, cwd=tmp_path, check=True)
    written = (tmp_path / "clean.json").read_text()
    assert "/home/me" not in written
    [component] = json.loads(written)["components"]
    assert component["externalReferences"] == [{"type": "website", "url": "https://a.org"}]
    assert json.loads(written)["metadata"] == raw["metadata"]


def test_a_report_of_pip_becomes_a_lock(tmp_path: Path) -> None:
    found = {
        "metadata": {"name": "Torch", "version": "2.13.0+cpu"},
        "download_info": {
            "url": "file:///home/me/torch.whl",
            "archive_info": {"hashes": {"sha256": "ab" * 32}},
        },
    }
    (tmp_path / "report.json").write_text(json.dumps({"install": [found]}))
    words = [sys.executable, str(ROOT / "supply/lock.py"), "report.json", "lock"]
    subprocess.run(words, cwd=tmp_path, check=True)
    written = (tmp_path / "lock").read_text()
    assert written.splitlines()[-1] == f"torch==2.13.0 --hash=sha256:{'ab' * 32}"
    assert "/home/me" not in written
