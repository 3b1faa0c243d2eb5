"""Files as engineers bring them: a rare label, few rows, one label for nearly all, a collapse."""

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tiny_encoder import write_encoder
from tunelab.api.opened_run import open_run
from tunelab.cli.main import main
from tunelab.runs.run_folder import read_run
from tunelab.study.judging.decision import decision_of

Rows = Iterable[tuple[str, str]]
NONE: dict[str, Any] = {
    "models": {"base": None, "instruct": None},
    "methods": [],
    "generation": None,
    "claims": [],
    "evaluation": {
        "resamples": 200,
        "facts_seconds": 0,
        "baselines": ["majority", "tfidf-svm"],
    },
}
SUBJECTS = ("the lift", "our door", "a window", "this kettle", "my chair", "the old lamp")
PLACES = ("in the hall", "upstairs", "at home", "by the sea", "in room {n}", "near gate {n}")
PERSIAN = {
    "شکایت": ("آسانسور خراب است", "در باز نمی‌شود", "پنجره شکسته است"),
    "تشکر": ("ممنون از کمک شما", "همه چیز عالی بود", "از شما سپاسگزارم"),
    "پرسش": ("ساعت چند باز است", "کجا باید بروم", "چه کسی آنجاست"),
}


def sentence(draw: random.Random, number: int, says: str) -> str:
    where = draw.choice(PLACES).format(n=draw.randrange(90))
    return f"{draw.choice(SUBJECTS)} {says} {where}, note {number}"


def one_percent() -> Rows:
    """500 rows, 5 of which are of a label with words of its own."""
    draw = random.Random(1)
    for number in range(500):
        rare = number % 100 == 7
        says = "is on fire with smoke" if rare else draw.choice(("is broken", "works well"))
        label = "fire" if rare else "fault" if says == "is broken" else "praise"
        yield sentence(draw, number, says), label


def persian() -> Rows:
    """39 rows of three labels with Persian names."""
    for number in range(39):
        label = list(PERSIAN)[number % 3]
        yield f"{PERSIAN[label][number % 7 % 3]} {number}", label


def nine_to_one() -> Rows:
    """400 rows, of which 40 have the other label and no word that tells them."""
    draw = random.Random(2)
    for number in range(400):
        yield sentence(draw, number, "is there"), "spam" if number % 10 == 3 else "ham"


def three_alike() -> Rows:
    """180 rows of three labels that any classifier that works tells apart."""
    draw = random.Random(3)
    for number in range(180):
        says, label = (("is broken", "fault"), ("works well", "praise"), ("who", "ask"))[number % 3]
        yield sentence(draw, number, says), label


def run_rows(folder: Path, rows: Rows, **more: Any) -> Path:
    """The study of a file, by its command."""
    source = folder / "rows.jsonl"
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    source.write_text("\n".join(lines), encoding="utf-8")
    study = folder / "study.yaml"
    study.write_text(
        json.dumps({**NONE, "name": "hard", "data": {"source": str(source)}, **more}),
        encoding="utf-8",
    )
    out = folder / "run"
    assert main(["run", str(study), "--out", str(out)]) == 0
    return out


def page_of(out: Path) -> str:
    return (out / "report.html").read_text(encoding="utf-8").replace("&#39;", "'")


def test_one_label_in_a_hundredth_of_the_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run_rows(tmp_path, one_percent())
    printed = " ".join(capsys.readouterr().out.split())
    decision = decision_of(read_run(out))
    assert decision.recommended == "tfidf-svm"
    assert {one.name for one in decision.can_be_best} == {"tfidf-svm"}
    (told,) = [one for one in decision.notes if "fewer than 10 test rows" in one]
    assert "fire (1)" in told
    assert told in page_of(out)
    (few,) = [one for one in decision.notes if "fewer than 8 training rows" in one]
    assert "fire (4)" in few or "fire (3)" in few
    assert "1 label has fewer than 10 test rows: fire (1)" in printed


def test_39_rows_with_persian_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run_rows(tmp_path, persian())
    printed = " ".join(capsys.readouterr().out.split())
    decision = decision_of(read_run(out))
    assert decision.recommended == "tfidf-svm"
    best = decision.best
    assert best is not None
    assert best.score.low is not None
    # Seven test rows.
    assert best.score.low < 0.7
    (told,) = [one for one in decision.notes if "fewer than 10 test rows" in one]
    assert told.startswith("3 of 3 labels have")
    assert all(f"{label} (" in told for label in PERSIAN)
    assert "fewer than 10 test rows" in printed
    (scores,) = [one.values for one in read_run(out).evaluated if one.name == "tfidf-svm"]
    for metric in ("f1_macro", "balanced_accuracy"):
        found = scores["intervals"][metric]
        assert (found["low"], found["high"]) == (None, None)
        assert found["value"] is not None
        assert found["reason"]


def test_two_labels_nine_to_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run_rows(tmp_path, nine_to_one())
    printed = " ".join(capsys.readouterr().out.split())
    decision = decision_of(read_run(out))
    # Nothing can be learnt of these rows, and what answers ham alone is not taken.
    assert decision.recommended is None
    assert "each one gives the same label to nearly all rows" in " ".join(decision.answer)
    told = " ".join(decision.notes)
    assert "tfidf-svm has collapsed" in told
    assert "72 of 80 test rows have the label ham" in told
    assert "decision.metric=f1_macro" in printed


@pytest.fixture(scope="module")
def collapsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collapsed")
    encoder = write_encoder(folder / "encoder", pooling={"pooling_mode_mean_tokens": True})
    # So high a rate breaks what it trains.
    broken = {"name": "encoder", "model": str(encoder), "epochs": 1, "learning_rate": 50.0}
    return run_rows(folder, three_alike(), classifiers=[broken])


def test_a_training_that_collapses(collapsed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decision = decision_of(read_run(collapsed))
    broken = decision.find("encoder")
    assert broken is not None
    assert broken.collapse is not None
    assert decision.recommended == "tfidf-svm"
    assert broken.collapse in decision.notes
    assert broken.collapse in page_of(collapsed)
    card = (collapsed / "classifiers" / "encoder" / "README.md").read_text(encoding="utf-8")
    assert "encoder has collapsed" in card
    assert "collapsed" in repr(open_run(collapsed).decision)
    # What was done stays, and the command tells the same again.
    assert main(["run", str(collapsed.parent / "study.yaml"), "--out", str(collapsed)]) == 0
    assert "encoder has collapsed" in " ".join(capsys.readouterr().out.split())
