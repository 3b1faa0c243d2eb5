"""The rules of the house hold, and the contract on imports bites."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tunelab
from tunelab import registry
from tunelab.methods.contract import find_method

SOURCE = Path(tunelab.__file__).parent
TABLES = {
    "data source": registry.DATA_SOURCES,
    "model source": registry.MODEL_SOURCES,
    "method": registry.METHODS,
    "classifier": registry.CLASSIFIERS,
    "figure": registry.FIGURES,
    "sweep figure": registry.SWEEP_FIGURES,
}


@pytest.mark.parametrize("kind", TABLES)
def test_every_registered_name_resolves(kind: str) -> None:
    for name in TABLES[kind]:
        assert registry.resolve(kind, name, TABLES[kind]).__doc__


@pytest.mark.parametrize("name", registry.METHODS)
def test_a_method_is_whole_and_explained(name: str) -> None:
    method = find_method(name)
    assert method.name == name
    assert "https://arxiv.org/" in method.explanation
    assert all(field.description for field in method.Settings.model_fields.values())


def test_an_upward_import_is_caught(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "tunelab")
    shutil.copy(SOURCE.parents[1] / "pyproject.toml", tmp_path)
    guilty = tmp_path / "tunelab" / "data" / "examples.py"
    guilty.write_text(guilty.read_text() + "\nimport tunelab.study.run\n")
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [tool, "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "tunelab.data.examples -> tunelab.study.run" in done.stdout


def test_public_functions_are_explained() -> None:
    missing = []
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not ast.get_docstring(tree):
            missing.append(path.name)
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            if not node.name.startswith("_") and not ast.get_docstring(node):
                missing.append(f"{path.name}: {node.name}")
    assert missing == []


def test_no_vague_names() -> None:
    vague = {"utils", "common", "helpers", "misc"}
    assert not [path for path in SOURCE.rglob("*") if path.stem in vague]
