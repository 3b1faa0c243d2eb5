"""A study of rows that belong together: from its file to the decision, by its command."""

import json
import random
from pathlib import Path

import pytest

from tunelab.api.opened_run import open_run
from tunelab.cli.main import main
from tunelab.runs.run_folder import predictions, read_run
from tunelab.study.judging.decision import decision_of
from tunelab.study.judging.stage import verdicts_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grouped")
    draw = random.Random(4)
    words = {"fault": ("broken", "stuck"), "praise": ("fine", "lovely"), "ask": ("who", "when")}
    rows = []
    for author in range(90):
        # Some authors write in words that tell nothing.
        clear = author % 3
        for number in range(5):
            label = list(words)[number % 3]
            says = draw.choice(words[label]) if clear or number == 2 else "well"
            place = "forum" if clear else "mail"
            rows.append(f"{says} the lift {author} {number},{label},author {author},{place}")
    source = folder / "rows.csv"
    source.write_text("\n".join(["text,label,author,place", *rows]), encoding="utf-8")
    study = {
        "name": "grouped",
        "data": {"source": str(source), "group": "author", "slices": ["place", "length"]},
        "models": {"base": None, "instruct": None},
        "methods": [],
        "evaluation": {
            "resamples": 200,
            "facts_seconds": 0,
            "baselines": ["majority", "tfidf-svm"],
        },
        "claims": [
            {"claim": "TF-IDF beats it", "metric": metric, "left": "tfidf-svm", "right": "majority"}
            for metric in ("accuracy", "f1_macro")
        ],
    }
    (folder / "study.yaml").write_text(json.dumps(study), encoding="utf-8")
    out = folder / "run"
    assert main(["run", str(folder / "study.yaml"), "--out", str(out)]) == 0
    return out


def test_rows_keep_their_group(run: Path) -> None:
    found = read_run(run)
    (svm,) = [one for one in found.evaluated if one.name == "tfidf-svm"]
    table = predictions(svm)
    assert table["group"].str.match(r"author \d+").all()
    for one in found.evaluated:
        accuracy = one.values["intervals"]["accuracy"]
        scores = one.values["scores"]
        assert (scores["accuracy_low"], scores["accuracy_high"]) == (
            accuracy["low"],
            accuracy["high"],
        )


def test_the_decision_and_the_verdicts_draw_groups(run: Path) -> None:
    found = read_run(run)
    decision = decision_of(found)
    assert any("belong together in 18 groups (author)" in note for note in decision.notes)
    accuracy, macro = (one.comparison.difference for one in verdicts_of(found).claims)
    assert accuracy.test == "permutation of the groups' signs"
    assert accuracy.details["groups"] == 18
    assert macro.test == "paired bootstrap of groups"
    assert "author" in repr(open_run(run).decision)
    page = (run / "report.html").read_text(encoding="utf-8").replace("&#39;", "'")
    assert "belong together in 18 groups" in page
    assert "stay in one split" in page


def test_parts_of_the_rows_have_scores_and_tests(run: Path) -> None:
    verdicts = verdicts_of(read_run(run))
    table = open_run(run).slices
    assert set(table["slice"]) == {"place", "length"}
    assert set(table["classifier"]) == {"tfidf-svm"}
    assert table["rows"].sum() == 2 * 90
    place = {one.part: one for one in verdicts.slices if one.slice == "place"}
    assert set(place) == {"forum", "mail"}
    forum, mail = place["forum"], place["mail"]
    # Words that tell nothing are in the mails alone.
    assert forum.difference.value is not None
    assert mail.difference.value == pytest.approx(-forum.difference.value)
    assert forum.difference.value > 0
    tested = [one for one in verdicts.slices if one.difference.p_value is not None]
    assert all(one.difference.test == "t over groups" for one in tested)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Scores of parts of the rows (length, place)" in page or "(place, length)" in page
    assert "forum" in page


def test_stored_predictions_are_measured_by_groups(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (svm,) = [one for one in read_run(run).evaluated if one.name == "tfidf-svm"]
    file = svm.folder / "predictions.parquet"
    assert main(["evaluate", str(file), "--format", "json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert one["intervals"]["accuracy"]["low"] == pytest.approx(
        svm.values["intervals"]["accuracy"]["low"]
    )


def test_prepare_tells_of_the_groups(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = run.parent / "study.yaml"
    words = ["data.group=auther", "--out", str(run.parent / "other")]
    assert main(["run", str(study), *words]) != 0
    assert "did you mean author" in capsys.readouterr().err
