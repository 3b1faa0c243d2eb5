"""The notebook and the pages use the front door alone, and what reads a run needs no torch."""

import ast
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tunelab
from api_studies import small_study
from conftest import Workspace

ROOT = Path(__file__).parents[2]
# Pages for people who write a plug-in, which imports the contracts that it fulfils.
PLUG_INS = {"add-a-classifier.md", "add-a-method.md", "add-a-metric.md"}
_BLOCK = re.compile(
    r"^[ \t]*```[ \t]*(?:python|py)\b[^\n]*\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL
)
# Python in a line of a shell, or in prose.
_IMPORT = re.compile(r"(?:from|import) (tunelab\.[\w.]+)")
# A name for importlib.
_MODULE = re.compile(r"tunelab(\.[a-z_]+)+$")


def _cells() -> Iterator[tuple[str, str]]:
    import nbformat

    notebook = nbformat.read(ROOT / "notebooks" / "llm_exploration.ipynb", as_version=4)
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            yield f"notebook, cell {number}", cell.source


def _blocks() -> Iterator[tuple[str, str]]:
    for path in _pages():
        for block in _BLOCK.findall(path.read_text(encoding="utf-8")):
            yield path.name, block


def _pages() -> Iterator[Path]:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs" / "pages").rglob("*.md"))):
        if path.name not in PLUG_INS:
            yield path


def inside(code: str) -> list[str]:
    """The parts of tunelab that code takes from elsewhere than the front door."""
    tree, found = ast.parse(textwrap.dedent(code)), []
    names = {"tunelab"} | {
        one.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for one in node.names
        if one.name == "tunelab" and one.asname
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names if one.name.startswith("tunelab.")]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module.startswith("tunelab."):
                found.append(module)
            elif module == "tunelab":
                found += [one.name for one in node.names if one.name not in tunelab.__all__]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in names:
            found += [f"tunelab.{node.attr}"] * (node.attr not in tunelab.__all__)
        elif isinstance(node, ast.Constant) and _MODULE.match(str(node.value)):
            found.append(str(node.value))
    return found


@pytest.mark.parametrize("codes", [_cells, _blocks])
def test_examples_use_the_front_door_alone(codes: Any) -> None:
    examples = list(codes())
    assert any("tunelab." in code for _, code in examples)
    assert {where: found for where, code in examples if (found := inside(code))} == {}


def test_no_page_names_an_import_of_the_inside() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in _pages()}
    assert {name: found for name, text in texts.items() if (found := _IMPORT.findall(text))} == {}


@pytest.mark.parametrize(
    "code",
    [
        "import tunelab.study.run",
        "from tunelab.report import build",
        "from tunelab import registry",
        "import tunelab\ntunelab.config.make_study({})",
        "import tunelab as lab\nlab.config.make_study({})",
        "    importlib.import_module('tunelab.study.run')",
    ],
)
def test_an_import_of_the_inside_is_found(code: str) -> None:
    assert inside(code)


@pytest.fixture(scope="module")
def run_folder(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "baselines"
    study = small_study(workspace, claims=[], methods=[])
    models = {"base": None, "instruct": None}
    baselines = ["majority", "tfidf-svm"]
    return tunelab.run(study, out=folder, models=models, evaluation__baselines=baselines).folder


@pytest.mark.parametrize(
    "program",
    [
        "main(['--help']), [make_parser(verb).format_help() for verb in VERBS]",
        "main(['report', RUN])",
        "main(['estimate', '--model', 'llama-3.2-1b', '--device', 'cpu'])",
        "run = tunelab.open_run(RUN); run.scores, run.trainings, run.history, run.findings; "
        "tunelab.explain('lora'), tunelab.model_catalog(), tunelab.GenerationSettings()",
    ],
)
def test_what_reads_or_estimates_imports_neither_torch_nor_transformers(
    program: str, run_folder: Path
) -> None:
    code = (
        "import sys, tunelab; from tunelab.cli.main import VERBS, main, make_parser; "
        f"RUN = {str(run_folder)!r}; {program}; "
        "print(sorted({'torch', 'transformers', 'peft'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "[]"), done.stderr
