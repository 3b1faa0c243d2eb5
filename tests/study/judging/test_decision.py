"""The decision of a run: the right classifier in each case, in words, kept sealed and read."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import Workspace
from made_run import Made, make_run
from tunelab.api.decided import plain
from tunelab.api.opened_run import open_run
from tunelab.app.studies import details, overview
from tunelab.cli.run import decision_lines
from tunelab.errors import UsageError
from tunelab.evaluation.decisions import INSTEAD, Decision, read_decision
from tunelab.report.build import build_report
from tunelab.report.decision_section import chart_of
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder, read_run
from tunelab.runs.seals import is_intact
from tunelab.study.judging.decision import decide, decide_run, decision_of, kept_decision
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

LABELS = ("anger", "fear", "joy")
TRUTH = [LABELS[row % 3] for row in range(240)]
CONSTANT = Made("majority", "classical", ["joy"] * 240, constant=True)
TRAINED = {"seconds": 30.0, "trainable_parameters": 100, "total_parameters": 1000}


def answers(accuracy: float, seed: int, truth: list[str] = TRUTH) -> list[str]:
    draw = random.Random(seed)
    return [
        true
        if draw.random() < accuracy
        else draw.choice([label for label in LABELS if label != true])
        for true in truth
    ]


def tuned(accuracy: float, seed: int, name: str = "lora") -> Made:
    return Made(name, "tuned", answers(accuracy, seed), trained=dict(TRAINED))


def with_facts(run: RunFolder, **facts: dict[str, Any]) -> RunFolder:
    """The run with a record of facts for each classifier."""
    measured = [
        Result("facts", one.name, "0", "complete", facts[one.name.replace("-", "_")], run.folder)
        for one in run.evaluated
    ]
    return replace(run, measured=measured)


def facts(ms: float | None, *, train: float = 1.0, size: int = 1000) -> dict[str, Any]:
    return {"median_ms": ms, "train_seconds": train, "bytes": size, "memory_bytes": 10 * size}


def names(decision: Decision) -> set[str]:
    return {one.name for one in decision.can_be_best}


def told(decision: Decision) -> str:
    return " ".join((*decision.answer, *decision.notes, *decision.changes))


def test_one_that_is_better_than_all_is_taken(tmp_path: Path) -> None:
    other = Made("tfidf-svm", "classical", answers(0.6, 1))
    decision = decide(make_run(tmp_path, TRUTH, [CONSTANT, other, tuned(0.9, 2)]))
    assert (decision.recommended, names(decision), decision.rows) == ("lora", {"lora"}, 240)
    assert decision.answer[0].startswith("Take lora (accuracy 0.8")
    assert decision.answer[1].startswith("This is decided: lora is better than each of the 2")
    assert decision.fine_tuning is not None
    assert decision.fine_tuning.pays == "yes"
    assert (decision.fine_tuning.tuned, decision.fine_tuning.other) == ("lora", "tfidf-svm")
    assert decision.notes[0] == "What lora costs: 30.0 s to train."
    assert "Fine-tuning pays (lora" in decision.notes[1]
    assert len(decision.answer) == 2


def test_of_those_that_are_not_told_apart_the_cheapest_is_taken(tmp_path: Path) -> None:
    run = make_run(
        tmp_path,
        TRUTH,
        [CONSTANT, Made("tfidf-svm", "classical", answers(0.8, 1)), tuned(0.83, 3)],
    )
    measured = with_facts(run, majority=facts(0.1), tfidf_svm=facts(0.4), lora=facts(180.0))
    decision = decide(measured)
    assert names(decision) == {"lora", "tfidf-svm"}
    assert (decision.recommended, decision.by) == ("tfidf-svm", "milliseconds")
    assert "is not shown to be worse than the best, lora" in decision.answer[0]
    assert "(0.4 ms a text)" in decision.answer[0]
    assert decision.fine_tuning is not None
    assert decision.fine_tuning.pays == "undecided"
    # A fifth is no difference of costs: the next cost decides.
    near = {"tfidf_svm": facts(20.0, train=600.0), "lora": facts(22.0, train=2.0)}
    again = decide(with_facts(run, majority=facts(0.1), **near))
    assert (again.recommended, again.by) == ("lora", "train_seconds")
    # A few milliseconds hardly matter: the score decides.
    near = {"tfidf_svm": facts(0.4), "lora": facts(4.0, train=40.0)}
    again = decide(with_facts(run, majority=facts(0.1), **near))
    assert (again.recommended, again.by) == ("lora", None)
    # What is not known counts as dearer.
    near = {"tfidf_svm": facts(None, train=0.0), "lora": facts(11.0)}
    again = decide(with_facts(run, majority=facts(0.1), **near))
    assert again.recommended == "lora"
    assert "The time for one text is not known of tfidf-svm" in told(again)


def test_a_constraint_takes_a_classifier_out_and_is_named(tmp_path: Path) -> None:
    models = [
        CONSTANT,
        Made("tfidf-svm", "classical", answers(0.6, 1)),
        Made("slow", "classical", answers(0.4, 5)),
        tuned(0.9, 2),
    ]
    run = make_run(tmp_path, TRUTH, models, constraints={"milliseconds": 20, "memory": "1 MB"})
    every = {"majority": facts(0.1), "slow": facts(30.0), "tfidf_svm": facts(0.4)}
    decision = decide(with_facts(run, **every, lora=facts(180.0)))
    assert decision.constraints == {"milliseconds": 20.0, "memory": 1e6}
    assert (decision.recommended, decision.within) == ("tfidf-svm", True)
    assert names(decision) == {"lora"}
    assert "lora is the best but breaks a constraint (180 ms a text)" in decision.answer[0]
    unknown = decide(with_facts(run, **every, lora=facts(None)))
    assert unknown.recommended == "tfidf-svm"
    assert "the time for one text, which a constraint limits, is not known" in unknown.answer[0]
    kept = {one.name: (dict(one.breaks), one.unknown) for one in decision.candidates}
    assert kept["lora"] == ({"milliseconds": 180.0}, ())
    none = decide(run)
    assert none.recommended is None
    assert "none is known to keep the constraints" in none.answer[0]


def test_the_price_of_answers_is_a_cost(tmp_path: Path) -> None:
    models = [Made("tfidf-svm", "classical", answers(0.8, 1)), tuned(0.83, 3, "paid")]
    run = make_run(tmp_path, TRUTH, models)

    def asked(price: float | None, **study: Any) -> Decision:
        paid = {"requests": {"price_per_thousand_rows": price}}
        added: dict[str, Any] = {"paid": paid, "tfidf-svm": {}}
        evaluated = [
            replace(one, values={**one.values, **added[one.name]}) for one in run.evaluated
        ]
        return decide(replace(run, evaluated=evaluated, study={**run.study, **study}, known={}))

    # Nobody pays for what is as good without.
    free = asked(0.25)
    assert (free.recommended, free.by) == ("tfidf-svm", "price_per_1000")
    assert "(nothing to pay)" in told(free)
    assert "nothing for those of tfidf-svm" in told(free)
    costs = {row.name: dict(row.costs) for row in chart_of(free).rows}
    assert costs["paid"]["the price of a thousand texts"] == "0.250 for a thousand texts"
    assert "the price of a thousand texts" not in costs["tfidf-svm"]
    kept = asked(0.25, constraints={"price_per_1000": 0.2}).find("paid")
    assert kept is not None
    assert dict(kept.breaks) == {"price_per_1000": 0.25}
    within = asked(0.25, constraints={"price_per_1000": 0.3}).find("paid")
    assert within is not None
    assert within.takes_part
    unknown = asked(None, constraints={"price_per_1000": 0.3})
    assert "the price of a thousand texts is not known" in told(unknown)
    # Where nobody is paid, nothing is said of prices.
    assert "paid" not in told(decide(make_run(tmp_path / "free", TRUTH, models[:1])))


def test_few_rows_decide_nothing_and_say_so(tmp_path: Path) -> None:
    few = TRUTH[:15]
    models = [
        Made("majority", "classical", ["joy"] * 15, constant=True),
        Made("tfidf-svm", "classical", [*few[:7], *few[6:14]]),
        Made("lora", "tuned", [*few[:8], *few[7:14]], trained=dict(TRAINED)),
    ]
    decision = decide(make_run(tmp_path, few, models))
    assert len(names(decision)) == 3
    assert decision.answer[0].startswith("Nothing can be decided with 15 test rows")
    assert decision.answer[1].startswith("If one has to be taken now: take ")
    assert decision.recommended in {"tfidf-svm", "lora"}
    assert "majority gives every text the same label and is not shown to be worse" in told(decision)


def test_what_reads_no_text_or_collapsed_is_never_taken(tmp_path: Path) -> None:
    truth = ["joy"] * 100 + ["fear"] * 10
    models = [
        Made("majority", "classical", ["joy"] * 110, constant=True),
        Made("lora", "tuned", ["joy"] * 110, trained=dict(TRAINED)),
        Made("bad", "classical", ["fear"] * 55 + ["joy"] * 55),
    ]
    decision = decide(make_run(tmp_path / "one", truth, models))
    # It reads the texts, and is worse than what does not.
    assert decision.recommended is None
    assert "worse than one that may not" in decision.answer[0]
    skewed = ["joy"] * 60 + ["fear"] * 60
    models = [
        Made("majority", "classical", ["joy"] * 120, constant=True),
        Made("lora", "tuned", ["joy"] * 118 + ["fear"] * 2, trained=dict(TRAINED)),
    ]
    decision = decide(make_run(tmp_path / "two", skewed, models))
    assert decision.recommended is None
    assert "gives the same label to nearly all rows" in decision.answer[0]
    assert "lora has collapsed" in told(decision)
    assert {row.mark for row in chart_of(decision).rows} == {"constant answer", "collapsed"}


def test_labels_nine_to_one_and_a_metric_that_counts_labels_alike(tmp_path: Path) -> None:
    truth = ["joy"] * 270 + ["fear"] * 30
    draw = random.Random(4)
    found = ["fear" if true == "fear" and draw.random() < 0.8 else "joy" for true in truth]
    found = ["fear" if one == "joy" and draw.random() < 0.08 else one for one in found]
    models = [
        Made("majority", "classical", ["joy"] * 300, constant=True),
        Made("tfidf-svm", "classical", found),
    ]
    accuracy = decide(make_run(tmp_path / "one", truth, models))
    assert names(accuracy) == {"majority", "tfidf-svm"}
    f1 = decide(make_run(tmp_path / "two", truth, models, decision={"metric": "f1_macro"}))
    assert (f1.recommended, names(f1), f1.title) == ("tfidf-svm", {"tfidf-svm"}, "macro-F1")


def test_a_label_with_one_row_is_no_ground_for_macro_f1(tmp_path: Path) -> None:
    truth = ["joy"] * 20 + ["fear"] * 20 + ["anger"]
    models = [Made("one", "classical", truth), Made("two", "classical", truth[::-1])]
    decision = decide(make_run(tmp_path, truth, models, decision={"metric": "f1_macro"}))
    assert decision.recommended is None
    assert "one row measures no label" in told(decision)
    assert "Nothing can be decided with 41 test rows" in told(decision)


def test_a_model_that_misses_the_format_counts_by_its_likeliest_labels(tmp_path: Path) -> None:
    model = Made("instruct", "instruct", ["well"] * 240, likeliest=answers(0.9, 2))
    other = Made("tfidf-svm", "classical", answers(0.5, 1))
    decision = decide(make_run(tmp_path, TRUTH, [other, model]))
    assert decision.recommended == "instruct"
    found = decision.find("instruct")
    assert found is not None
    assert found.way == INSTEAD
    assert found.value > 0.8


def test_equal_answers_and_one_classifier(tmp_path: Path) -> None:
    same = answers(0.7, 1)
    pair = [Made("one", "classical", same), Made("two", "classical", same)]
    equal = decide(make_run(tmp_path / "one", TRUTH, pair))
    assert "all classifiers have the same value in every row" in told(equal)
    assert equal.recommended is not None
    alone = decide(make_run(tmp_path / "two", TRUTH, pair[:1]))
    assert alone.recommended == "one"
    assert "it is the only classifier" in alone.answer[0]
    assert "Nothing is compared" in alone.answer[1]
    nothing = decide(make_run(tmp_path / "three", TRUTH, []))
    assert (nothing.recommended, nothing.candidates) == (None, ())
    assert "none has answered" in nothing.answer[0]


def test_two_that_are_equal_and_a_third_that_is_worse(tmp_path: Path) -> None:
    same = answers(0.9, 1)
    pair = [Made("one", "classical", same), Made("two", "classical", same)]
    decision = decide(make_run(tmp_path, TRUTH, [*pair, CONSTANT]))
    assert names(decision) == {"one", "two"}
    assert "it is one of those with the best accuracy" in decision.answer[0]


def test_seeds_count_with_their_mean(tmp_path: Path) -> None:
    run = make_run(
        tmp_path,
        TRUTH,
        [
            Made("tfidf-svm", "classical", answers(0.6, 1)),
            tuned(0.85, 2, "lora-seed1"),
            tuned(0.75, 3, "lora-seed2"),
        ],
    )
    grouped = [
        replace(one, values={**one.values, "group": "lora"}) if "lora" in one.name else one
        for one in run.evaluated
    ]
    decision = decide(replace(run, evaluated=grouped))
    found = decision.find("lora")
    assert found is not None
    own = [one.values["scores"]["accuracy"] for one in grouped if "lora" in one.name]
    assert found.seeds == 2
    assert found.value == pytest.approx(sum(own) / 2)
    assert "lora counts with the mean over the seeds in each row" in told(decision)


def test_what_is_read_is_what_was_decided(tmp_path: Path) -> None:
    run = make_run(tmp_path, TRUTH, [CONSTANT, tuned(0.8, 1)])
    decision = decide_run(run)
    stored = json.loads((tmp_path / "decision.json").read_text(encoding="utf-8"))
    assert is_intact(stored)
    assert stored["recommended"] == "lora"
    assert kept_decision(run) == decision
    assert read_decision(json.loads(json.dumps(decision.to_dict()))) == decision
    other = replace(run, study={**run.study, "constraints": {"milliseconds": 1}})
    assert kept_decision(other) is None
    assert plain(decision).table["name"].tolist() == ["lora", "majority"]


def test_a_metric_that_reads_no_label_decides_nothing(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="metric of a decision"):
        open_study(str(workspace.study), ["decision.metric=answer_tokens"])
    with pytest.raises(UsageError, match="kB, MB or GB"):
        open_study(str(workspace.study), ["constraints.memory=much"])


@pytest.fixture(scope="module")
def run(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("decided") / "run"
    words = ["evaluation.resamples=200", "evaluation.baselines=[majority, tfidf-svm]"]
    run_study(open_study(str(workspace.study), words), out)
    build_report(out)
    return out


def test_every_face_shows_the_same(run: Path) -> None:
    decision = decision_of(read_run(run))
    page = (run / "report.html").read_text(encoding="utf-8").replace("&#39;", "'")
    assert 0 < page.index('id="decision"') < page.index('id="found"')
    app = str(details(run.parent, run.name)).replace("&#x27;", "'")
    lines = " ".join(decision_lines(decision))
    opened = open_run(run).decision
    for sentence in decision.answer:
        assert sentence in page
        assert sentence in app
        assert sentence in lines
        assert sentence in repr(opened)
    assert opened.answer == decision.answer
    assert opened.table["name"].tolist() == [one.name for one in decision.candidates]
    assert "<td" in overview(run.parent)
    card = (run / "adapters" / "lora" / "README.md").read_text(encoding="utf-8")
    assert "Decision of the study: lora " in card


def test_a_run_without_a_decision_stays_readable(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "old"
    shutil.copytree(run, out)
    before = decision_of(read_run(run))
    (out / "decision.json").unlink()
    study = (out / "study.yaml").read_text(encoding="utf-8")
    keys = yaml.safe_load(study)
    del keys["decision"], keys["constraints"]
    (out / "study.yaml").write_text(yaml.safe_dump(keys), encoding="utf-8")
    assert decision_of(read_run(out)) == before
    assert (out / "decision.json").is_file()
    text = (out / "decision.json").read_text(encoding="utf-8")
    (out / "decision.json").write_text(text.replace('"rows": 9', '"rows": 900'), encoding="utf-8")
    assert kept_decision(read_run(out)) is None
    assert build_report(out).is_file()
