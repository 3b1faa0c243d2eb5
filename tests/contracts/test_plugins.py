"""A classifier, a metric and a method in packages of others: one file each, and tunelab has them.

The three packages are built and installed as pip does it. Everything that a person would do with
them runs in one process, as torch takes long to be imported.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from conftest import Workspace

CLASSIFIER = '''
"""Naive Bayes over counts of words."""

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline


def bayes(alpha: float = 1.0):
    """Multinomial naive Bayes over counts of words, with probabilities."""
    return make_pipeline(CountVectorizer(), MultinomialNB(alpha=alpha))
'''
METRIC = '''
"""Jaccard's index: the rows of a label that are right among those that have or were given it."""

import numpy as np

from tunelab.evaluation.metrics.constructors import count_metric
from tunelab.evaluation.statistics.confusion_counts import Counts, Statistic


def _jaccard(counts: Counts):
    union = counts.support + counts.predicted - counts.hits
    seen = union > 0
    return (counts.hits / np.where(seen, union, 1)).sum(axis=1) / seen.sum(axis=1)


METRIC = count_metric(
    "jaccard", "Jaccard's index", "mean overlap of true and given rows", Statistic(_jaccard)
)
'''
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

PACKAGES = {
    "some_bayes": (CLASSIFIER, "tunelab.classifiers", "bayes = some_bayes:bayes"),
    "some_overlap": (METRIC, "tunelab.metrics", "jaccard = some_overlap:METRIC"),
    "some_loha": (METHOD, "tunelab.methods", "loha = some_loha:METHOD"),
}
# What is broken, or takes a name that is taken, is left out.
BROKEN = {
    "broken_method": ("tunelab.methods", "nothing = no_such_module:METHOD"),
    "greedy": ("tunelab.methods", "lora = some_loha:METHOD"),
    "misnamed": ("tunelab.methods", "loho = some_loha:METHOD"),
    "broken_metric": ("tunelab.metrics", "gone = gone:METRIC"),
    "broken_classifier": ("tunelab.classifiers", "gone = some_bayes:__doc__"),
}
STUDY = """
claims:
- {claim: bayes overlaps more, metric: jaccard, left: bayes, right: majority}
- {claim: kappa as well, metric: kappa, left: loha, right: bayes}
"""
SCRIPT = """
import sys
from pathlib import Path
from tunelab.app.classify import ask
from tunelab.app.settings import AppSettings
from tunelab.app.studies import details
from tunelab.cli.main import main
from tunelab.evaluation.metrics import find_metric
from tunelab.evaluation.metrics.checking import faults

study, out, model, texts = sys.argv[1:]
words = ["methods=[{name: loha, r: 2}]", "classifiers=[{name: bayes, alpha: 0.5}]"]
words += ["training.epochs=1", "evaluation.resamples=200", "models.instruct=null"]
words += [f"methods.0.model={model}"]
run = f"{out}/runs/small"
assert main(["run", study, "--out", run, *words]) == 0
for folder, name in (("adapters", "loha"), ("classifiers", "bayes")):
    labels = f"{out}/{name}.jsonl"
    assert main(["predict", texts, "--adapter", f"{run}/{folder}/{name}", "--out", labels]) == 0
asked = ["--trials", "2", "--search-only", "--goal", "jaccard"]
for name, space in (("loha", "methods.0.r=[2, 3]"), ("bayes", "classifiers.0.alpha=[0.1, 0.5]")):
    place = ["--method", name, "--space", space, "--out", f"{out}/sweep-{name}"]
    assert main(["sweep", study, *words, *asked, *place]) == 0
print(details(Path(f"{out}/runs"), "small"))
settings = AppSettings(runs=Path(f"{out}/runs"), scratch=Path(f"{out}/scratch"))
(shown,) = ask(settings, ["the rain came down"], ["small / bayes"], False)
assert abs(sum(shown.probabilities[0]) - 1) < 1e-9
assert faults(find_metric("jaccard")) == []
assert main(["estimate", "--model", model, "--method", "loha", "r=2", "--format", "json"]) == 0
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip installed the packages into, with broken ones beside them."""
    sources, site = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("site")
    for name, (code, group, entry) in PACKAGES.items():
        folder = sources / name
        folder.mkdir()
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
        target, function = entry.split(" = ")
        (folder / "pyproject.toml").write_text(
            f"""
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "{name}"
version = "1.0"
[project.entry-points."{group}"]
{target} = "{function}"
[tool.hatch.build.targets.wheel]
include = ["{name}.py"]
""",
            encoding="utf-8",
        )
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(site)]
    folders = [str(sources / name) for name in PACKAGES]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *folders], check=True)
    for name, (group, entry) in BROKEN.items():
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{entry}\n")
    return site


def _python(site: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    import tunelab

    paths = [str(site), str(Path(tunelab.__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=environment, check=False
    )


def _verdicts(run: Path) -> dict[str, Any]:
    found = json.loads((run / "verdicts.json").read_text(encoding="utf-8"))
    return {one["metric"]: one for one in found["claims"]}


def test_the_three_stand_everywhere(site: Path, workspace: Workspace, tmp_path: Path) -> None:
    study, texts = tmp_path / "study.yaml", tmp_path / "texts.csv"
    study.write_text(workspace.study.read_text(encoding="utf-8") + STUDY, encoding="utf-8")
    texts.write_text("text\nthe rain came down\n", encoding="utf-8")
    model = str(workspace.folder / "model")
    done = _python(site, "-c", SCRIPT, str(study), str(tmp_path), model, str(texts))
    assert done.returncode == 0, done.stderr[-4000:]
    run = tmp_path / "runs" / "small"

    # Results, and only what each classifier has.
    table = pd.read_parquet(run / "results.parquet").set_index(["run", "metric"])
    values = table["value"].to_dict()
    for name in ("loha", "bayes", "majority"):
        assert 0 <= values[name, "jaccard"] <= 1
    assert ("bayes", "brier") in table.index
    assert ("majority", "brier") not in table.index
    assert ("bayes", "parsed") not in table.index
    rows = pd.read_parquet(run / "predictions.parquet")
    bayes = rows[rows["run"] == "bayes"]
    assert bayes[["answer", "stopped", "answer_tokens", "logprobs"]].isna().all(axis=None)
    assert bayes["probabilities"].map(sum).sub(1).abs().max() < 1e-9

    # Claims.
    verdicts = _verdicts(run)
    assert set(verdicts) == {"jaccard", "kappa"}
    for one in verdicts.values():
        assert one["difference"]["value"] is not None
        assert one["verdict"] in ("supported", "refuted", "undecided")

    # Report and cards.
    page = (run / "report.html").read_text(encoding="utf-8")
    for words in (
        "Jaccard's index",
        "Four thin matrices beside each linear layer are trained.",
        "FedPara",
        "alpha 0.5",
    ):
        assert words in page.replace("&#39;", "'"), words
    loha, bayes_card = (
        (run / name / "README.md").read_text(encoding="utf-8")
        for name in ("adapters/loha", "classifiers/bayes")
    )
    assert "learned as a product of two low-rank matrices" in loha
    assert "Multinomial naive Bayes over counts of words" in bayes_card
    assert "Jaccard" in loha
    assert "Jaccard" in bayes_card

    # Sweeps, the estimate, labels of new texts, and the app.
    for name, key in (("loha", "methods.0.r"), ("bayes", "classifiers.0.alpha")):
        sweep = json.loads((tmp_path / f"sweep-{name}" / "sweep.json").read_text())
        assert len({trial["values"][key] for trial in sweep["trials"]}) == 2
        assert all(trial["goals"]["jaccard"] is not None for trial in sweep["trials"])
        (labelled,) = (tmp_path / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        fields = {"row", "text", "label", "answer", "reason", "probability", "needs_review"}
        assert set(json.loads(labelled)) == fields
    estimate = json.loads(done.stdout[done.stdout.rindex("\n{") :])
    record = json.loads(next(run.glob("train/loha-*/result.json")).read_text())
    assert (record["method"], record["learning_rate"]) == ("loha", 0.02)
    assert record["trainable_parameters"] == estimate["trainable"]
    assert estimate["bytes"]["peak"] > 4 * estimate["total"]
    assert "Jaccard" in done.stdout


def test_a_broken_package_is_named_and_left_out(site: Path) -> None:
    code = """
from tunelab import registry
print(*registry.METHODS)
print(*registry.METRICS)
print(*registry.CLASSIFIERS)
"""
    done = _python(site, "-c", code)
    assert done.returncode == 0
    methods, metrics, classifiers = (line.split() for line in done.stdout.splitlines())
    assert "loha" in methods
    assert methods.count("lora") == 1
    assert not {"nothing", "loho"} & set(methods)
    assert "gone" not in (*metrics, *classifiers)
    warnings = done.stderr.splitlines()
    assert len(warnings) == 5
    assert all("is left out" in line for line in warnings)
    for words in (
        "its name is 'loha', not that of the entry point",
        "there is another of this name",
        "ModuleNotFoundError: No module named 'no_such_module'",
        "must be a function that makes a scikit-learn classifier",
    ):
        assert sum(words in line for line in warnings) == 1, words


def test_names_of_tunelab_itself_take_no_search(site: Path) -> None:
    code = "from tunelab.methods.contract import find_method; print(find_method('lora').name)"
    done = _python(site, "-c", code)
    assert (done.stdout, done.stderr) == ("lora\n", "")
