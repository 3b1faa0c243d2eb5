"""What the report leads with: no verdict without a test, missed forms, collapse, other families."""

from pathlib import Path
from typing import Any

from made_run import Made, make_run
from tunelab.report.findings import Finding, collapses, find, notes, of_results
from tunelab.report.mistakes import find_mistakes
from tunelab.report.verdict_text import how_tested, row_value, values_in_words
from tunelab.study.judging.stage import judge

LABELS = ("billing", "legal", "shipping")


def _truth(rows: int) -> list[str]:
    return [LABELS[row % 3] for row in range(rows)]


def _some_wrong(truth: list[str], wrong: int) -> list[str]:
    """The truth, with another label in the first rows."""
    return [
        LABELS[(LABELS.index(label) + 1) % 3] if row < wrong else label
        for row, label in enumerate(truth)
    ]


def _findings(folder: Path, truth: list[str], models: list[Made]) -> list[Finding]:
    run = make_run(folder, truth, models)
    return find(run, judge(run))


def test_seven_rows_decide_nothing(tmp_path: Path) -> None:
    truth = _truth(7)
    found = _findings(
        tmp_path,
        truth,
        [
            Made("majority", "classical", ["billing"] * 7, constant=True),
            Made("tfidf-svm", "classical", _some_wrong(truth, 3)),
        ],
    )
    assert found[0].decided is None
    assert found[0].sentence.startswith("tfidf-svm has the highest accuracy: 0.571 on 7 test rows")
    assert "only 7 rows" in found[1].sentence
    assert not [finding for finding in found if finding.decided]


def test_equal_models_share_the_first_place(tmp_path: Path) -> None:
    truth = _truth(120)
    models = [Made(name, "classical", _some_wrong(truth, 20)) for name in ("one", "two", "three")]
    found = _findings(tmp_path, truth, models)
    assert found[0].sentence.startswith("one, two and three share the highest accuracy: 0.833")
    assert len(found) == 1


def test_a_missed_form_is_explained_and_labels_are_compared(tmp_path: Path) -> None:
    truth = _truth(150)
    base = Made(
        "base", "base", ["I think that"] * 149 + [truth[-1]], likeliest=_some_wrong(truth, 100)
    )
    lora = Made("lora", "tuned", _some_wrong(truth, 15), likeliest=_some_wrong(truth, 15))
    run = make_run(
        tmp_path,
        truth,
        [base, lora],
        claims=[{"claim": "words", "metric": "accuracy", "left": "lora", "right": "base"}],
    )
    judgement = judge(run)
    assert [entry.metric for entry in judgement.comparisons] == ["accuracy_scored"]
    found = find(run, judgement)
    (against,) = [finding for finding in found if finding.decided is not None]
    assert "by 56.7 points of accuracy by the likeliest label" in against.sentence
    (told,) = [
        finding.sentence for finding in found if "misses the answer format" in finding.sentence
    ]
    assert "no label in 149 of 150 answers" in told
    assert "0.007" in told
    assert "0.333" in told
    assert "odds" not in " ".join(finding.sentence for finding in found)
    (claim,) = judgement.claims
    assert claim.verdict == "supported"
    assert any("misses the answer format" in note for note in claim.notes)
    assert "odds" not in how_tested(claim)


def test_a_baseline_stands_beside_likeliest_labels(tmp_path: Path) -> None:
    truth = _truth(120)
    found = _findings(
        tmp_path,
        truth,
        [
            Made("majority", "classical", ["legal"] * 120, constant=True),
            Made("lora", "tuned", ["hm"] * 120, likeliest=_some_wrong(truth, 5)),
        ],
    )
    assert found[0].sentence.startswith("lora has the highest accuracy by the likeliest label")
    (against,) = [finding.sentence for finding in found if finding.decided]
    assert against.startswith("lora beats majority by 62.5 points")


def test_without_likeliest_labels_a_missed_format_is_told(tmp_path: Path) -> None:
    truth = _truth(120)
    found = _findings(
        tmp_path,
        truth,
        [Made("instruct", "instruct", ["hm"] * 118 + truth[-2:]), Made("lora", "tuned", truth)],
    )
    (told,) = [finding.sentence for finding in found if "answer format" in finding.sentence]
    assert "evaluation.modes" in told


def test_notes_tell_a_missed_format_once(tmp_path: Path) -> None:
    truth = _truth(120)
    models = [
        Made("majority", "classical", ["legal"] * 120, constant=True),
        Made("instruct", "instruct", ["hm"] * 118 + truth[-2:]),
        Made("asked", "instruct", ["hm"] * 120, likeliest=_some_wrong(truth, 40)),
    ]
    run = make_run(tmp_path, truth, models)
    told = notes(of_results(run.evaluated))
    assert told[0].startswith(
        "instruct gives no label in 118 of 120 answers (118 no label in the answer): it misses"
    )
    assert told[1].endswith("by its likeliest label it has 0.667.")
    found = [finding.sentence for finding in find(run, judge(run))]
    assert [found.count(sentence) for sentence in told] == [1, 1]


def test_one_test_row_says_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path, ["legal"], [Made("tfidf-svm", "classical", ["legal"])])
    (told,) = notes(of_results(run.evaluated))
    assert told.startswith("The test has only 1 row, which is right or wrong")


def test_a_collapse_is_told_and_majority_is_not(tmp_path: Path) -> None:
    truth = _truth(120)
    run = make_run(
        tmp_path,
        truth,
        [
            Made("majority", "classical", ["legal"] * 120, constant=True),
            Made("instruct", "instruct", truth, likeliest=["legal"] * 120),
            Made("lora", "tuned", ["legal"] * 118 + ["billing"] * 2, likeliest=["legal"] * 120),
        ],
    )
    told = list(collapses(of_results(run.evaluated)))
    assert len(told) == 2
    assert told[0].startswith("instruct, asked by its likeliest label, has collapsed")
    assert "lora has collapsed: it gives the label legal to 118 of 120 rows" in told[1]
    sentences = [finding.sentence for finding in find(run, judge(run))]
    assert set(told) <= set(sentences)


CLAIMS: list[dict[str, Any]] = [
    {"claim": "shorter", "metric": "answer_words", "left": "lora", "right": "instruct"},
    {"claim": "tuning", "metric": "parsed", "left": "instruct", "right": "base"},
    {"claim": "models", "metric": "parsed", "left": "instruct", "right": "base"},
    {"claim": "units", "metric": "answer_tokens", "left": "instruct", "right": "base"},
    {"claim": "silent", "metric": "answer_words", "left": "lora", "right": "majority"},
    {"claim": "rules", "metric": "stopped", "left": "instruct", "right": "base"},
    {"claim": "absent", "metric": "accuracy", "left": "lora", "right": "base-9-shot"},
    {"claim": "time", "metric": "training_seconds", "left": "lora", "right": 5},
]


def test_claims_know_limits_families_and_units(tmp_path: Path) -> None:
    truth = _truth(120)
    claims = [dict(claim) for claim in CLAIMS]
    claims[0]["relation"] = "less"
    claims[2]["compares"] = "models"
    trained = {"seconds": 3.0, "resumed": True, "trainable_parameters": 1, "total_parameters": 9}
    run = make_run(
        tmp_path,
        truth,
        [
            Made("majority", "classical", ["legal"] * 120, constant=True),
            Made("base", "base", ["and so on and on"] * 120, lineage="two", style="plain"),
            Made(
                "instruct",
                "instruct",
                [f"surely {label} it is" for label in truth],
                stopped=[False] * 120,
            ),
            Made("lora", "tuned", truth, trained=trained),
        ],
        claims=claims,
    )
    judgement = judge(run)
    found = {entry.claim.claim: entry for entry in judgement.claims}
    shorter = found["shorter"]
    assert (shorter.verdict, shorter.bounds) == ("supported", (None, "at least"))
    assert "instruct at least 4.0" in values_in_words(shorter)
    assert "at most −3.0" in values_in_words(shorter)
    assert "120 of 120 answers of instruct were cut" in how_tested(shorter)
    assert row_value(shorter.rows[0], "right", "answer_words") == "at least 4"
    assert found["tuning"].verdict == "undecided"
    assert "two model families" in found["tuning"].why
    assert found["models"].verdict == "supported"
    assert any("compares two models" in note for note in found["models"].notes)
    for name, why in (
        ("units", "different tokenizers"),
        ("silent", "majority gives labels and writes no text"),
        ("rules", "answers end by different rules"),
        ("absent", "base-9-shot is not part of this run"),
        ("time", "was interrupted"),
    ):
        assert found[name].verdict == "undecided"
        assert why in found[name].why
        assert found[name].comparison.p_corrected is None
    # What cannot be tested takes no part in the correction.
    tested = [entry for entry in judgement.claims if entry.comparison.p_corrected is not None]
    assert [entry.claim.claim for entry in tested] == ["shorter", "models"]
    values = [entry.to_dict() for entry in judgement.claims]
    assert values[0]["right_bound"] == "at least"


def test_a_label_with_one_row_leaves_macro_f1_undecided(tmp_path: Path) -> None:
    truth = ["billing"] * 60 + ["legal"] * 60 + ["shipping"]
    run = make_run(
        tmp_path,
        truth,
        [Made("tfidf-svm", "classical", ["billing"] * 121), Made("lora", "tuned", truth)],
    )
    judgement = judge(run)
    by_metric = {entry.metric: entry for entry in judgement.comparisons}
    assert by_metric["accuracy"].p_corrected is not None
    assert by_metric["f1_macro"].p_corrected is None
    assert "shipping, with one test row" in str(by_metric["f1_macro"].difference.reason)
    told = [finding.sentence for finding in find(run, judgement)]
    assert any("1 label (shipping) has one test row" in sentence for sentence in told)


def test_a_run_of_an_older_version_opens(tmp_path: Path) -> None:
    """Its tables tell nothing of how tokens were counted, and its records know no origin."""
    import pandas as pd

    truth = _truth(120)
    claims = [dict(CLAIMS[3]), dict(CLAIMS[1])]
    run = make_run(
        tmp_path,
        truth,
        [
            Made("base", "base", ["and so on"] * 120, style="plain"),
            Made("instruct", "instruct", truth),
        ],
        claims=claims,
    )
    for result in run.evaluated:
        result.values.pop("lineage")  # type: ignore[attr-defined]
        result.values["generated"].pop("collapse")
        path = result.folder / "predictions.parquet"
        pd.read_parquet(path).drop(columns="tokens_counted").to_parquet(path)
    judgement = judge(run)
    units, parsed = judgement.claims
    assert "an older version of tunelab counted" in units.why
    assert parsed.verdict == "supported"
    assert find(run, judgement)


def test_labels_are_doubted_by_good_models_only(tmp_path: Path) -> None:
    truth = _truth(120)
    for wrong, listed in ((6, True), (42, False)):
        said = _some_wrong(truth, wrong)
        run = make_run(tmp_path / str(wrong), truth, [Made("lora", "tuned", said, likeliest=said)])
        found = find_mistakes(run)
        assert bool(found.counts["noise"]) is listed
        assert f"lora is wrong on {wrong} of 120 rows" in found.about_doubt
        assert ("not listed" in found.about_doubt) is not listed


def test_test_rows_of_one_label_are_told(tmp_path: Path) -> None:
    truth = ["legal"] * 60
    found = _findings(tmp_path, truth, [Made("tfidf-svm", "classical", truth)])
    assert any("All test rows have the label legal" in finding.sentence for finding in found)
