"""A method in another package: one file and an entry point, and the whole of tunelab has it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from conftest import Workspace

METHOD = '''
"""LoHa: the change of a weight matrix is learned as a product of two low-rank matrices.

Each of the two is A B of rank r, and they are multiplied number by number:

    W' = W + (alpha / r) · (B1 A1) ∘ (B2 A2)

Source: Hyeon-Woo et al., FedPara, 2021, https://arxiv.org/abs/2108.06098.
"""

from pydantic import Field

from tunelab.config import Count
from tunelab.methods.adapter_files import load, merge, save
from tunelab.methods.contract import AdapterFiles, Drawing, Kept, Method
from tunelab.methods.counting import added
from tunelab.methods.settings import MethodSettings
from tunelab.methods.targets import Targets, linear_kinds, module_names, put_on, target_kinds


class Settings(MethodSettings):
    r: Count = Field(4, description="rank of each factor")
    alpha: Count = Field(8, description="scale of the change: alpha / r")
    targets: Targets = Field("all-linear", description="layers that are adapted")


def adapt(model, settings, instruction=()):
    from peft import LoHaConfig, TaskType

    config = LoHaConfig(
        task_type=TaskType.CAUSAL_LM,
        r=settings.r,
        alpha=settings.alpha,
        target_modules=module_names(model, target_kinds(linear_kinds(model), settings.targets)),
    )
    return put_on(model, config)


def count(shape, settings):
    layers = shape.of_kinds(target_kinds(shape.kinds, settings.targets))
    return added(shape, sum(2 * settings.r * (one.inputs + one.outputs) for one in layers))


METHOD = Method(
    name="loha",
    Settings=Settings,
    adapt=adapt,
    count=count,
    save=save,
    load=load,
    merge=merge,
    explanation=__doc__,
    drawing=Drawing("Four thin matrices beside each linear layer are trained.", ("beside_layers",)),
    adapter=AdapterFiles(
        "LOHA",
        frozenset({"r", "alpha", "target_modules"}),
        lambda values, shapes: all(values.get("r") in shape for shape in shapes.values()),
    ),
    learning_rate=0.02,
    kept=lambda kinds, settings, fused: Kept(inputs=target_kinds(kinds, settings.targets)),
)
'''

# All that a person would do, in one process, as torch takes long to be imported.
SCRIPT = """
import json, sys
from tunelab.cli.main import main

study, out, model, texts = sys.argv[1:]
words = ["methods=[{name: loha, r: 2}]", "training.epochs=1"]
assert main(["run", study, "--out", f"{out}/run", *words]) == 0
assert main(["predict", texts, "--adapter", f"{out}/run/adapters/loha"]) == 0
space = ["--space", "methods.0.r=[2, 3]", "--goal", "best_loss"]
asked = ["--trials", "2", "--search-only", "--out", f"{out}/sweep"]
assert main(["sweep", study, *words, *space, *asked]) == 0
assert main(["estimate", "--model", model, "--method", "loha", "r=2", "--format", "json"]) == 0
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as pip leaves one, with a package that adds a method and one that is broken."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "some_loha.py").write_text(METHOD, encoding="utf-8")
    for package, entry in (
        ("some_loha", "loha = some_loha:METHOD"),
        ("broken", "nothing = no_such_module:METHOD"),
        ("greedy", "lora = some_loha:METHOD"),
        ("misnamed", "loho = some_loha:METHOD"),
    ):
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[tunelab.methods]\n{entry}\n")
    return folder


def _python(packages: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    import tunelab

    paths = [str(packages), str(Path(tunelab.__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=environment, check=False
    )


def test_a_method_of_another_package_is_trained_and_shown(
    packages: Path, workspace: Workspace, tmp_path: Path
) -> None:
    texts = tmp_path / "texts.csv"
    texts.write_text("text\nthe rain came down\n", encoding="utf-8")
    model = str(workspace.folder / "model")
    done = _python(packages, "-c", SCRIPT, str(workspace.study), str(tmp_path), model, str(texts))
    assert done.returncode == 0, done.stderr
    run = tmp_path / "run"
    estimate = json.loads(done.stdout[done.stdout.rindex("\n{") :])
    (record,) = [json.loads(path.read_text()) for path in run.glob("train/*/result.json")]
    values = record.get("values", record)
    assert (values["method"], values["learning_rate"]) == ("loha", 0.02)
    assert values["trainable_parameters"] == estimate["trainable"]
    assert estimate["bytes"]["peak"] > 4 * estimate["total"]
    table = pd.read_parquet(next(run.glob("evaluate/loha*/predictions.parquet")))
    assert len(table) == 9
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Four thin matrices beside each linear layer are trained." in page
    assert "FedPara" in page
    card = (run / "adapters" / "loha" / "README.md").read_text(encoding="utf-8")
    assert "learned as a product of two low-rank matrices" in card
    assert "tunelab export" in card
    sweep = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    assert {trial["values"]["methods.0.r"] for trial in sweep["trials"]} == {2, 3}


def test_what_cannot_be_used_is_told_of_and_left_out(packages: Path) -> None:
    code = "from tunelab import registry; print(*registry.METHODS)"
    done = _python(packages, "-c", code)
    assert done.returncode == 0
    names = done.stdout.split()
    assert "loha" in names
    assert not {"nothing", "loho"} & set(names)
    assert names.count("lora") == 1
    told = done.stderr.splitlines()
    assert len(told) == 3
    assert "its name is 'loha', not that of the entry point" in told[0]
    assert "'lora' of the package greedy" in told[1]
    assert "there is another of this name" in told[1]
    assert "ModuleNotFoundError: No module named 'no_such_module'" in told[2]
    assert all("is left out" in line for line in told)


def test_names_that_are_its_own_take_no_search(packages: Path) -> None:
    code = "from tunelab.methods.contract import find_method; print(find_method('lora').name)"
    done = _python(packages, "-c", code)
    assert (done.stdout, done.stderr) == ("lora\n", "")
