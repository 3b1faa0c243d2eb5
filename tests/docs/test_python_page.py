"""Every example of the page about Python runs, in the order of the page.

A tiny random model stands in for SmolLM2, so that this takes seconds: what is tested is that the
page speaks of what is there.
"""

import re
from pathlib import Path
from typing import Any

import pytest

import tunelab
from conftest import Workspace

PAGE = Path(__file__).parents[2] / "docs" / "pages" / "python.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_every_example_runs(
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for example in EXAMPLES:
        program = example.replace("smollm2-135m-instruct", str(workspace.folder / "model"))
        exec(compile(program, PAGE.name, "exec"), names)
    shown = capsys.readouterr().out
    assert len(names["rows"]) == 64
    assert list(names["run"].scores["name"]) == ["majority", "tfidf-svm", "instruct", "lora"]
    assert "LoRA beats TF-IDF" in shown
    assert names["compared"].rows == len(names["run"].predictions) / 4
    assert (tmp_path / "my-classifier" / "tunelab.json").is_file()


def test_the_page_names_the_whole_front_door() -> None:
    table = re.findall(r"^\| (`tunelab[^|]+) \|", TEXT, re.MULTILINE)
    rows = {name for cell in table for name in re.findall(r"`tunelab\.(\w+)`", cell)}
    assert rows == set(tunelab.__all__) - {"__version__"}
