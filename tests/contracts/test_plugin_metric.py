"""A metric of another package, one file and an entry point, appears wherever metrics are listed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from conftest import Workspace

METRIC = '''
"""Jaccard's index: the rows of a label that are right among those that have or were given it."""

import numpy as np

from tunelab.evaluation.metrics.constructors import count_metric
from tunelab.evaluation.statistics.resampling import Counts, Statistic


def _jaccard(counts: Counts):
    union = counts.support + counts.predicted - counts.hits
    seen = union > 0
    return (counts.hits / np.where(seen, union, 1)).sum(axis=1) / seen.sum(axis=1)


METRIC = count_metric(
    "jaccard", "Jaccard's index", "mean overlap of true and given rows", Statistic(_jaccard)
)
'''
CLAIM = """
claims:
- {claim: lora overlaps more, metric: jaccard, left: lora, right: majority}
- {claim: kappa as well, metric: kappa, left: lora, right: majority}
"""
Start = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Python with the package on its path, and with one whose metric cannot be imported."""
    site = tmp_path_factory.mktemp("site")
    (site / "overlap.py").write_text(METRIC, encoding="utf-8")
    for name, point in (("overlap", "jaccard = overlap:METRIC"), ("broken", "gone = gone:METRIC")):
        folder = site / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[tunelab.metrics]\n{point}\n")
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_it_stands_everywhere(workspace: Workspace, tmp_path: Path, start: Start) -> None:
    study, out = tmp_path / "study.yaml", tmp_path / "runs" / "small"
    study.write_text(workspace.study.read_text(encoding="utf-8") + CLAIM, encoding="utf-8")
    words = ["run", str(study), "models.instruct=null", "models.base=null", "--out", str(out)]
    words += [f"methods.0.model={workspace.folder / 'model'}", "evaluation.resamples=200"]
    done = start("-m", "tunelab", *words, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("(gone:METRIC) cannot be used and is left out") == 1

    table = pd.read_parquet(out / "results.parquet").set_index(["run", "metric"])
    for name in ("lora", "majority"):
        assert 0 <= table.loc[(name, "jaccard"), "value"] <= 1
    # Every answer of this baseline is one label.
    assert pd.isna(table.loc[("majority", "mcc"), "value"])
    assert table.loc[("majority", "mcc"), "reason"] == "every answer is the same label"
    assert ("majority", "parsed") not in table.index

    verdicts = json.loads((out / "verdicts.json").read_text())
    by_metric = {one["metric"]: one for one in verdicts["claims"]}
    assert by_metric["jaccard"]["difference"]["value"] is not None
    assert by_metric["jaccard"]["verdict"] in ("supported", "refuted", "undecided")
    assert set(by_metric) == {"jaccard", "kappa"}
    assert "Jaccard" in (out / "report.html").read_text(encoding="utf-8")
    assert "Jaccard" in (out / "adapters" / "lora" / "README.md").read_text(encoding="utf-8")

    script = (
        "import sys; from pathlib import Path\n"
        "from tunelab.app.studies import details\n"
        "from tunelab.study.sweeps.goals import find_goals\n"
        "print(find_goals(['jaccard', 'mcc'])['jaccard'].description, find_goals(['mcc']).keys())\n"
        f"print(details(Path({str(out.parent)!r}), 'small'))\n"
    )
    shown = start("-c", script)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("Jaccard's index")
    assert shown.stdout.count("Jaccard") == 2
    stored = start(
        "-m",
        "tunelab",
        "evaluate",
        str(out / "predictions.parquet"),
        "--format",
        "csv",
        "evaluation.resamples=200",
    )
    assert "jaccard" in stored.stdout.splitlines()[0].split(",")


def test_its_contract_is_checked_with_what_tunelab_offers(start: Start) -> None:
    script = (
        "from tunelab.evaluation.metrics import find_metric\n"
        "from tunelab.evaluation.metrics.checking import faults\n"
        "print(faults(find_metric('jaccard')))\n"
    )
    assert start("-c", script).stdout.strip() == "[]"
