"""The judge of a run: two families, each verdict traceable to its rows, kept sealed and read."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from conftest import Workspace
from tunelab.evaluation.comparisons import Comparison
from tunelab.evaluation.statistics.corrections import holm
from tunelab.evaluation.verdicts import CHANGED, Verdicts
from tunelab.report.build import build_report
from tunelab.report.mistakes import find_mistakes
from tunelab.report.seeds import over_seeds
from tunelab.runs.run_folder import RunFolder, read_run
from tunelab.runs.seals import is_intact
from tunelab.study.judging import stage
from tunelab.study.judging.stage import judge, kept_verdicts, verdicts_of
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


def overrides(claims: str) -> list[str]:
    return [
        f"claims={claims}",
        "training.seeds=[1, 2]",
        "evaluation.resamples=200",
        "evaluation.baselines=[majority, tfidf-svm]",
    ]


@pytest.fixture(scope="module")
def run(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("claims") / "run"
    run_study(open_study(str(workspace.study), overrides(CLAIMS)), out)
    return read_run(out)


@pytest.fixture(scope="module")
def judgement(run: RunFolder) -> Verdicts:
    return verdicts_of(run)


def _claim(judgement: Verdicts, name: str) -> Any:
    return next(entry for entry in judgement.claims if entry.claim.claim == name)


def test_every_claim_has_a_verdict_and_a_reason(judgement: Verdicts) -> None:
    assert len(judgement.claims) == 9
    for entry in judgement.claims:
        assert entry.verdict in {"supported", "refuted", "undecided"}
        assert entry.why
    assert _claim(judgement, "share").verdict == "refuted"
    assert _claim(judgement, "memory").verdict == "supported"
    assert _claim(judgement, "absent").why == "base is not part of this run"
    assert _claim(judgement, "absent seed").why == "lora-seed7 is not part of this run"
    assert _claim(judgement, "Persian").verdict == "undecided"


def test_each_family_is_corrected_in_itself(judgement: Verdicts) -> None:
    claimed = [entry.comparison for entry in judgement.claims]
    families: dict[str, list[Comparison]] = {
        "claims": claimed,
        "exploratory": [*judgement.comparisons, *judgement.methods],
    }
    for name, family in families.items():
        p_values = [entry.difference.p_value for entry in family]
        assert [entry.p_corrected for entry in family] == holm(p_values)
        assert judgement.tests[name] == sum(value is not None for value in p_values) > 0
    # The claim on lora and instruct is a comparison as well, and counts in both families.
    beats = _claim(judgement, "beats").comparison
    again = [one for one in judgement.comparisons if (one.left, one.right) == ("lora", "instruct")]
    assert beats.difference.p_value in [one.difference.p_value for one in again]


def test_the_rows_behind_a_claim(run: RunFolder, judgement: Verdicts) -> None:
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


def test_verdicts_are_in_the_report_and_in_json(run: RunFolder, judgement: Verdicts) -> None:
    page = build_report(run.folder).read_text(encoding="utf-8")
    stored = json.loads((run.folder / "verdicts.json").read_text(encoding="utf-8"))
    assert is_intact(stored)
    assert [entry["verdict"] for entry in stored["claims"]] == [
        entry.verdict for entry in judgement.claims
    ]
    for number, entry in enumerate(judgement.claims, 1):
        assert f'id="claim-{number}"' in page
        assert entry.why in page.replace("&#39;", "'")
    told = page.replace("&#39;", "'")
    for tests in judgement.tests.values():
        assert f"Holm's correction over its {tests} tests" in told
    card = (run.folder / "adapters" / "lora-seed1" / "README.md").read_text(encoding="utf-8")
    assert f"covers all {judgement.tests['exploratory']} tests of the run" in card
    assert f"{judgement.tests['claims']} tests of the study's claims" in card
    assert "| lora | majority | accuracy" in card
    assert "| one seed |" in card


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


def test_what_is_kept_is_what_was_judged(run: RunFolder, judgement: Verdicts) -> None:
    assert kept_verdicts(run) == judgement
    assert judge(run) == judgement


def test_an_edited_claim_is_judged_again_and_nothing_is_trained(
    run: RunFolder, workspace: Workspace, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(run.folder, out)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/*/result.json")}
    claims = CLAIMS.replace("right: 0.2", "right: 0.99")
    run_study(open_study(str(workspace.study), overrides(claims)), out)
    assert {path: path.stat().st_mtime_ns for path in out.glob("*/*/result.json")} == before
    stored = json.loads((out / "verdicts.json").read_text(encoding="utf-8"))
    (above,) = [entry for entry in stored["claims"] if entry["claim"] == "above"]
    assert (above["right"], above["verdict"]) == (0.99, "refuted")
    written = (out / "verdicts.json").stat().st_mtime_ns
    run_study(open_study(str(workspace.study), overrides(claims)), out)
    assert (out / "verdicts.json").stat().st_mtime_ns == written


def _flip(text: str) -> str:
    return text.replace('"verdict": "undecided"', '"verdict": "supported"')


@pytest.mark.parametrize(
    "damage",
    [
        _flip,
        lambda text: text[: len(text) // 2],
        lambda text: json.dumps(json.loads(text)["claims"]),
        lambda text: json.dumps(json.loads(text) | {"seal": "0"}),
        None,
    ],
    ids=["edited", "cut", "of an older version", "another seal", "missing"],
)
def test_damaged_verdicts_are_judged_anew(
    run: RunFolder, judgement: Verdicts, tmp_path: Path, damage: Any
) -> None:
    out = tmp_path / "run"
    shutil.copytree(run.folder, out)
    path = out / "verdicts.json"
    whole = path.read_text(encoding="utf-8")
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage(whole), encoding="utf-8")
    opened = read_run(out)
    assert kept_verdicts(opened) is None
    assert verdicts_of(opened) == judgement
    assert path.read_text(encoding="utf-8") == whole


def test_a_folder_that_cannot_be_written_is_judged_all_the_same(
    run: RunFolder, judgement: Verdicts, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(run.folder, out)
    (out / "verdicts.json").unlink()
    # Nothing can take the place of a folder.
    (out / "verdicts.json").mkdir()
    assert verdicts_of(read_run(out)) == judgement


def test_the_key_covers_what_was_measured(run: RunFolder) -> None:
    again = [replace(one, values={**one.values, "seconds": 0.5}) for one in run.trained]
    assert stage._key(replace(run, trained=again)) != stage._key(run)
    assert stage._key(read_run(run.folder)) == stage._key(run)


def test_a_claim_that_was_changed_after_the_answers_says_so(
    workspace: Workspace, tmp_path: Path
) -> None:
    first = "{claim: one, metric: accuracy, left: tfidf-svm, right: majority}"
    swapped = "{claim: two, metric: accuracy, left: majority, right: tfidf-svm}"
    rest = ["models.instruct=null", "methods=[]", "evaluation.baselines=[majority, tfidf-svm]"]

    def notes(*claims: str) -> list[tuple[str, ...]]:
        words = [*rest, f"claims=[{', '.join(claims)}]"]
        run_study(open_study(str(workspace.study), words), tmp_path)
        build_report(tmp_path)
        return [one.notes for one in verdicts_of(read_run(tmp_path)).claims]

    assert notes(first) == [()]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "written before the run" in page
    assert notes(first, swapped) == [(), (CHANGED,)]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert CHANGED in page
    assert "The claims were written before the run" not in page
    # It is not forgotten by running once more.
    assert notes(first, swapped) == [(), (CHANGED,)]
