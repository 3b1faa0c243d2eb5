"""The page of several runs: scores, differences on shared rows, or that no row is shared."""

import re
from pathlib import Path

import pytest

import tunelab
from tunelab.cli.main import main
from tunelab.errors import UsageError
from tunelab.numbers import number, signed
from tunelab.report.comparison_page import build_comparison
from tunelab.runs.run_folder import read_run
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

WORDS = {"no": "stop it now", "yes": "go on please"}


def _run(out: Path, data: Path, start: int = 0) -> Path:
    """A run of two baselines; its test rows have the numbers from ``start``."""
    data.mkdir()
    for split, first, count in (("train", 100 + start, 12), ("test", start, 20)):
        rows = [
            f"{WORDS[label]} {row} {'or not' * (row % 3)},{label}"
            for row in range(first, first + count)
            for label in WORDS
        ]
        (data / f"{split}.csv").write_text(
            "\n".join(["text,label", *rows]) + "\n", encoding="utf-8"
        )
    overrides = [
        f"data.source={data}",
        "data.sample={}",
        "models={base: null, instruct: null}",
        "methods=[]",
        "classifiers=[]",
        "generation=null",
        "conversations=[]",
        "tokenizers=[]",
        "claims=[]",
        "evaluation={resamples: 100, facts_seconds: 0}",
    ]
    run_study(open_study("starter", overrides), out)
    return out


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [
        _run(folder / name, folder / f"data-{name}", start)
        for name, start in (("one", 0), ("two", 5), ("far", 500))
    ]


def test_scores_and_differences_stand_side_by_side(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *map(str, runs[:2])]) == 0
    page = runs[0].parent / "comparison.html"
    assert capsys.readouterr().out == f"Comparison: {page}\n"
    text = page.read_text(encoding="utf-8")
    # Numbers 5 to 19 of both labels.
    assert "share 30 test rows" in text
    assert "one has 10 test rows besides" in text
    for folder in runs[:2]:
        for result in read_run(folder).evaluated:
            row = re.search(rf"<tr><td>{folder.name}</td><td>{result.name}</td>.*?</tr>", text)
            assert row is not None
            assert number(result.values["scores"]["accuracy"]) in row.group()
    compared = tunelab.compare(runs[:2])
    assert len(compared.table) == 4
    for _, one in compared.table.iterrows():
        left, right = one["left"], one["right"]
        row = re.search(rf"<tr><td>{left}</td><td>{right}</td>.*?</tr>", text)
        assert row is not None
        assert signed(float(one["difference"])) in row.group()
    many = compared.tests
    assert f"{'the one test' if many == 1 else f'all {many} tests'} of this table" in text


def test_runs_without_a_shared_row_are_shown_and_not_compared(
    runs: list[Path], tmp_path: Path
) -> None:
    page = build_comparison(runs, tmp_path / "page.html")
    text = page.read_text(encoding="utf-8")
    assert "The runs share no test row" in text
    assert "Differences on the shared rows" not in text
    assert text.count("<td>tfidf-svm</td><td>tfidf-svm</td>") == 3
    with pytest.raises(UsageError, match="share no test row"):
        tunelab.compare(runs)


def test_a_name_is_text_and_never_markup(runs: list[Path], tmp_path: Path) -> None:
    other = runs[1].rename(runs[1].with_name("<b>two"))
    text = build_comparison([runs[0], other], tmp_path / "page.html").read_text(encoding="utf-8")
    other.rename(runs[1])
    assert "<b>" not in text
    assert "&lt;b&gt;two/majority" in text


def test_one_folder_is_a_report(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(runs[0])]) == 0
    assert capsys.readouterr().out == f"Report: {runs[0] / 'report.html'}\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["{one}", "--out", "page.html"], "of several runs"),
        (["{one}", "{two}", "--out", "page.txt"], "name an .html file"),
        (["{one}", "{one}"], "is named twice"),
        (["{one}", "nowhere"], "not a run folder"),
    ],
)
def test_a_wrong_call_is_told(
    runs: list[Path], words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [word.format(one=runs[0], two=runs[1]) for word in words]
    assert main(["report", *given]) == 2
    assert told in capsys.readouterr().err
