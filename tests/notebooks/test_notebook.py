"""The notebook's short form, with tiny models: every cell runs, and every question is answered."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import write_model

FOLDER = Path(__file__).parents[2] / "notebooks"
QUESTIONS = [
    "Q0",
    *(f"Q1.{number}" for number in range(1, 6)),
    *(f"Q2.{number}" for number in range(11)),
]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import nbformat

    folder = tmp_path_factory.mktemp("notebook")
    write_model(folder / "base", seed=1)
    write_model(folder / "instruct")
    done = subprocess.run(
        [
            sys.executable,
            str(FOLDER / "execute.py"),
            *("--out", str(folder / "short.ipynb"), "--folder", str(folder)),
        ],
        env={
            **os.environ,
            "TUNELAB_NOTEBOOK": "short",
            "TUNELAB_NOTEBOOK_BASE": str(folder / "base"),
            "TUNELAB_NOTEBOOK_INSTRUCT": str(folder / "instruct"),
            "PYTHONPATH": ":".join(path for path in sys.path if path),
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return nbformat.read(folder / "short.ipynb", as_version=4)


def _sections(notebook: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    now = ""
    for cell in notebook.cells:
        title = re.match(r"(?:#[^\n]*\n+)*## (Q[\d.]+) ", cell.source)
        if cell.cell_type == "markdown" and title:
            now = title[1]
        found.setdefault(now, []).append(cell)
    return found


@pytest.mark.packages
def test_every_question_is_answered_in_order(executed: Any) -> None:
    sections = _sections(executed)
    assert [name for name in sections if name] == QUESTIONS
    for name in QUESTIONS:
        cells = [cell for cell in sections[name] if cell.cell_type == "code"]
        shown = [output for cell in cells for output in cell.outputs]
        assert shown, name
        told = "".join(str(output.get("data", {}).get("text/markdown", "")) for output in shown)
        assert "**Found:**" in told, name
    assert not [
        output
        for cell in executed.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


@pytest.mark.packages
def test_outputs_hold_nothing_of_the_machine(executed: Any) -> None:
    texts = [str(output) for cell in executed.cells for output in cell.get("outputs", [])]
    assert not [text for text in texts if str(Path.home()) + "/" in text or "Traceback" in text]
    assert not [text for text in texts if re.search(r"hf_[A-Za-z0-9]{20}", text)]


def test_the_kept_notebook_is_that_of_the_script() -> None:
    import jupytext
    import nbformat

    path = FOLDER / "llm_exploration.ipynb"
    assert path.stat().st_size < 3_000_000
    kept = nbformat.read(path, as_version=4)
    script = jupytext.read(FOLDER / "llm_exploration.py")
    assert [cell.source for cell in kept.cells] == [cell.source for cell in script.cells]
    assert all(cell.execution_count for cell in kept.cells if cell.cell_type == "code")
    assert not [
        output
        for cell in kept.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error" or output.get("name") == "stderr"
    ]
