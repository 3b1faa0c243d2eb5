"""Claims of a run: verdicts under Holm's correction, each traceable to its rows."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from conftest import Workspace
from tunelab.evaluation.statistics.corrections import holm
from tunelab.report.build import build_report
from tunelab.report.mistakes import find_mistakes
from tunelab.report.seeds import over_seeds
from tunelab.runs.run_folder import RunFolder, read_run
from tunelab.study.judge import Judgement, judge
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

CLAIMS = """[
{claim: beats, metric: accuracy_scored, left: lora, right: instruct},
{claim: one seed, metric: accuracy, left: lora-seed1, right: majority},
{claim: above, metric: accuracy_scored, left: instruct, right: 0.2},
{claim: share, metric: trainable_share, left: lora, right: 0.009, relation: about, margin: 0.001},
{claim: memory, metric: training_bytes, left: lora, right: full, relation: less},
{claim: time, metric: training_seconds, left: lora, right: 3600, relation: less},
{claim: absent, metric: accuracy, left: lora, right: base},
{claim: absent seed, metric: f1_macro, left: lora-seed7, right: base-9-shot},
{claim: Persian, metric: tokens, language: fa, left: smollm2, right: smollm2, relation: less},
]""".replace("\n", " ")


@pytest.fixture(scope="module")
def run(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("claims") / "run"
    overrides = [f"claims={CLAIMS}", "training.seeds=[1, 2]", "evaluation.resamples=200"]
    overrides += ["evaluation.baselines=[majority, tfidf-svm]"]
    run_study(open_study(str(workspace.study), overrides), out)
    return read_run(out)


@pytest.fixture(scope="module")
def judgement(run: RunFolder) -> Judgement:
    return judge(run)


def _claim(judgement: Judgement, name: str) -> Any:
    return next(entry for entry in judgement.claims if entry.claim.claim == name)


def test_every_claim_has_a_verdict_and_a_reason(judgement: Judgement) -> None:
    assert len(judgement.claims) == 9
    for entry in judgement.claims:
        assert entry.verdict in {"supported", "refuted", "undecided"}
        assert entry.why
    assert _claim(judgement, "share").verdict == "refuted"
    assert _claim(judgement, "memory").verdict == "supported"
    assert _claim(judgement, "absent").why == "base is not part of this run"
    assert _claim(judgement, "absent seed").why == "lora-seed7 is not part of this run"
    assert _claim(judgement, "Persian").verdict == "undecided"


def test_holm_over_all_tests_each_once(judgement: Judgement) -> None:
    family = {}
    for entry in (*[claim.comparison for claim in judgement.claims], *judgement.comparisons):
        key = (entry.metric, entry.left, entry.right, entry.difference.margin)
        family[key] = (entry.difference.p_value, entry.p_corrected)
    assert [pair[1] for pair in family.values()] == holm([pair[0] for pair in family.values()])
    assert judgement.tests == sum(pair[0] is not None for pair in family.values())
    # The claim on lora and instruct is one of the comparisons as well.
    assert len(family) < len(judgement.claims) + len(judgement.comparisons)


def test_the_rows_behind_a_claim(run: RunFolder, judgement: Judgement) -> None:
    entry = _claim(judgement, "one seed")
    tables = {Path(file).parent.name: pd.read_parquet(run.folder / file) for file in entry.files}
    left, right = (
        next(table for name, table in tables.items() if name.startswith(prefix))
        for prefix in ("lora-seed1", "majority")
    )
    hits = [table["predicted"] == table["truth"] for table in (left, right)]
    differing = left.index[hits[0] != hits[1]].tolist()
    assert entry.differing == len(differing)
    assert sorted(row["row"] for row in entry.rows) == differing
    value = hits[0].mean() - hits[1].mean()
    assert entry.comparison.difference.value == pytest.approx(value)


def test_verdicts_are_in_the_report_and_in_json(run: RunFolder, judgement: Judgement) -> None:
    page = build_report(run.folder).read_text(encoding="utf-8")
    stored = json.loads((run.folder / "verdicts.json").read_text(encoding="utf-8"))
    assert [entry["verdict"] for entry in stored] == [entry.verdict for entry in judgement.claims]
    for number, entry in enumerate(judgement.claims, 1):
        assert f'id="claim-{number}"' in page
        assert entry.why in page.replace("&#39;", "'")
    assert f"all {judgement.tests} tests" in page


def test_seeds_are_told_from_rows(run: RunFolder) -> None:
    (entry,) = over_seeds(run)
    assert entry["name"] == "lora"
    assert entry["summary"].seeds == 2
    assert entry["summary"].rows == 9


def test_rows_worth_reading(run: RunFolder) -> None:
    found = find_mistakes(run)
    whole = pd.read_parquet(run.folder / "predictions.parquet")
    right = whole[whole["run"] != "majority"]
    hits = (right["predicted"] == right["truth"]).groupby(right["row"]).any()
    missed = set(hits.index[~hits])
    assert {row.row for row in found.rows if "all" in row.kinds} == missed
    seeds = whole[whole["method"] == "lora"]
    flips = (seeds["predicted"] == seeds["truth"]).groupby(seeds["row"]).nunique() == 2
    assert {row.row for row in found.rows if "flips" in row.kinds} == set(flips.index[flips])
    assert found.counts["all"] == len(missed)


def test_the_table_of_everything(run: RunFolder) -> None:
    whole = pd.read_parquet(run.folder / "predictions.parquet")
    assert whole.groupby("run").size().to_dict() == {
        result.name: result.values["scores"]["rows"] for result in run.evaluated
    }
    assert set(whole["run"][whole["logprobs"].isna()]) == {"majority", "tfidf-svm"}
