"""A study under several wordings: what is asked, kept apart, and depends on the wording."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conftest import Workspace
from made_run import Made, make_run
from tunelab.errors import UsageError
from tunelab.evaluation.wordings import read_wordings
from tunelab.report.build import build_report
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder, read_run
from tunelab.study.judging.stage import verdicts_of
from tunelab.study.judging.wordings import compare_wordings, under_wording, wordings_of
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

TRUTH = ["joy", "fear"] * 40
CLAIM = {"claim": "It is better.", "metric": "accuracy", "left": "instruct", "right": "tfidf-svm"}


def _right(share: float) -> list[str]:
    """Answers of which the first ``share`` are right."""
    edge = int(share * len(TRUTH))
    flipped = ["fear" if true == "joy" else "joy" for true in TRUTH]
    return TRUTH[:edge] + flipped[edge:]


def _worded(folder: Path, first: float, second: float) -> RunFolder:
    """A run of an asked model whose accuracy is another under a second wording."""
    study: dict[str, Any] = {"claims": [CLAIM], "prompt": {"variants": ["Another one."]}}
    baseline = Made("tfidf-svm", "classical", _right(0.5))
    run = make_run(
        folder / "one", TRUTH, [baseline, Made("instruct", "instruct", _right(first))], **study
    )
    other = make_run(
        folder / "one" / "two",
        TRUTH,
        [baseline, Made("instruct", "instruct", _right(second))],
        **study,
    )
    asked = other.evaluated[1]
    values = {**asked.values, "wording": 2, "of": "instruct"}
    again = Result("evaluate-wording", "instruct-wording2", "0", "complete", values, asked.folder)
    return replace(run, asked_otherwise=[again])


def test_a_verdict_that_hangs_on_the_wording_is_told(tmp_path: Path) -> None:
    run = _worded(tmp_path, 0.9, 0.3)
    found = compare_wordings(run)
    assert found is not None
    assert verdicts_of(run).claims[0].verdict == "supported"
    first, second = found.hanging
    assert first.startswith("The verdict on “It is better” depends on the wording: supported under")
    assert "refuted under wording 2 (difference −0.2" in first
    assert second.startswith("Which classifier to take depends on the wording: instruct under the")
    assert "tfidf-svm under wording 2" in second
    [one] = found.models
    assert one.name == "instruct"
    assert one.variation.by_wording == pytest.approx((0.9, 0.3))
    assert one.variation.sd_wording == pytest.approx(0.6 / 2**0.5)
    assert read_wordings(json.loads(json.dumps(found.to_dict()))) == found
    assert [result.name for result in under_wording(run, 2).evaluated] == ["tfidf-svm", "instruct"]


def test_where_nothing_hangs_on_it_nothing_is_told(tmp_path: Path) -> None:
    found = compare_wordings(_worded(tmp_path, 0.9, 0.85))
    assert found is not None
    assert found.hanging == ()
    lost = replace(_worded(tmp_path / "lost", 0.9, 0.8), asked_otherwise=[])
    nothing = compare_wordings(lost)
    assert nothing is not None
    assert (nothing.models, nothing.hanging) == ((), ())


@pytest.fixture(scope="module")
def run(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wordings") / "run"
    words = [
        "prompt.variants=['Which of {labels} is it?']",
        "evaluation.modes=[generate]",
        "training.epochs=1",
        "claims=[{claim: It is so., metric: accuracy, left: lora, right: majority}]",
    ]
    run_study(open_study(str(workspace.study), words), out)
    return out


def test_models_are_asked_and_methods_trained_under_each(run: Path) -> None:
    opened = read_run(run)
    own = ["majority", "instruct", "lora"]
    assert [one.name for one in opened.evaluated] == own
    again = {one.name: one.values for one in opened.asked_otherwise}
    assert list(again) == [f"{name}-wording2" for name in own[1:]]
    assert again["instruct-wording2"]["prompt"]["system"] == "Which of anger, fear, joy is it?"
    assert [one.name for one in opened.trained_otherwise] == [
        f"{name}-wording2" for name in own[2:]
    ]
    # Their adapters stand apart, where nothing takes them for the study's own.
    assert {path.name for path in (run / "adapters").iterdir()} == set(own[2:])
    assert (run / "wordings" / "lora-wording2" / "tunelab.json").is_file()
    found = wordings_of(opened)
    assert found is not None
    assert [one.name for one in found.models] == ["instruct", "lora"]
    assert (run / "wordings.json").is_file()
    page = build_report(run).read_text(encoding="utf-8")
    assert "Wordings of the instruction" in page
    assert "Which of {labels} is it?" in page


def test_what_was_trained_before_stays_when_a_wording_is_added(
    run: Path, workspace: Workspace
) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.glob("*/*/result.json")}
    words = [
        "prompt.variants=[]",
        "evaluation.modes=[generate]",
        "training.epochs=1",
    ]
    run_study(open_study(str(workspace.study), words), run)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert wordings_of(read_run(run)) is None


def test_wordings_that_cannot_be(workspace: Workspace) -> None:
    def refused(*words: str) -> str:
        with pytest.raises(UsageError) as error:
            open_study(str(workspace.study), list(words))
        return str(error.value)

    assert "a wording twice" in refused("prompt.variants=['One.', 'One.']")
    assert "needs a model that reads a prompt" in refused(
        "prompt.variants=['One.']", "methods=[]", "models={base: null, instruct: null}"
    )
    assert "reserved for a wording" in refused(
        "prompt.variants=['One.']", "classifiers=[{name: a-wording2, use: majority}]"
    )
