"""A few faults of each kind at each command; `make faults` runs all of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the harness forks")
def test_no_fault_loses_anything(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "faults", "--short", "--jobs", "2"]
    words += ["--json", str(tmp_path / "found.json")]
    words += ["--only", "killed", "damaged", "--commands", "train"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["total"]["lost"] == 0
    assert found["total"]["injected"] >= 10
    # What is not told of in a sentence is equal, bit for bit.
    for row in found["rows"]:
        assert row["injected"] == row["bit-equal"] + row["refused"], row
