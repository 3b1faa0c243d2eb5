"""New texts beside those of the training: what is kept, what `tunelab predict` says and writes."""

import json
from pathlib import Path

import pytest

from conftest import TEXTS, Workspace
from tunelab.cli.main import main
from tunelab.errors import UsageError
from tunelab.evaluation.drift.hashed_words import hash_words
from tunelab.runs.run_folder import read_run
from tunelab.serving.drift import sample_texts
from tunelab.serving.drift_reference import FILE, make_reference, read_reference, write_reference
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

ROWS = [f"{text} {number}" for number in range(9) for texts in TEXTS.values() for text in texts]


@pytest.fixture(scope="module")
def run(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of one TF-IDF classifier on 60 rows to train and 28 to test."""
    out = tmp_path_factory.mktemp("drift")
    lines = [
        f'"{text} {number}",{label}\n'
        for number in range(12)
        for label, texts in TEXTS.items()
        for text in texts
    ]
    (out / "rows.csv").write_text("text,label\n" + "".join(lines), encoding="utf-8")
    words = [
        f"data={{source: '{out / 'rows.csv'}', sample: {{train: 60, validation: 6, test: 28}}}}",
        "models={base: null, instruct: null}",
        "methods=[]",
        "evaluation.baselines=[tfidf-svm]",
    ]
    run_study(open_study(str(workspace.study), words), out / "run")
    return out / "run"


def test_a_reference_holds_no_text_and_comes_back_as_it_was(tmp_path: Path) -> None:
    texts = ["We won the secret game", "we lost", "we lost ", "  "]
    made = make_reference(texts, ["a", "b"], ["a", "a", "b"], ["a", None, "b"], seed=1)
    assert made.texts == tuple(sorted(hash_words(text, "words") for text in texts[:2]))
    assert made.confusion == ((1, 0), (0, 1), (1, 0))
    assert read_reference(tmp_path) is None
    write_reference(tmp_path, made)
    assert read_reference(tmp_path) == made
    stored = (tmp_path / FILE).read_text(encoding="utf-8")
    assert "secret" not in stored.lower()
    assert made.hashed(["won game"]) == [hash_words("won game", "words")]
    chinese = make_reference(["我们赢了", "他们输了"], ["a"], ["a"], ["a"], seed=1)
    assert chinese.unit == "letters"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace('"words"', '"letters"'),
        lambda text: text[:40],
        lambda text: "[]",
        lambda text: '{"labels": ["a"]}',
    ],
)
def test_a_reference_that_was_changed_is_refused(tmp_path: Path, spoil: object) -> None:
    write_reference(tmp_path, make_reference(["one two"], ["a"], ["a"], ["a"], seed=1))
    path = tmp_path / FILE
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")  # type: ignore[operator]
    with pytest.raises(UsageError, match=r"cannot be compared; .* --no-drift"):
        read_reference(tmp_path)


def test_a_sample_is_of_different_texts_and_no_matter_of_order() -> None:
    texts = [f"text {number}" for number in range(500)]
    found = sample_texts([*texts, *texts, " "], 50, seed=3)
    assert len(set(found)) == 50
    assert found == sample_texts(reversed(texts), 50, seed=3)
    assert found != sample_texts(texts, 50, seed=4)
    assert 150 < sum(int(text[5:]) for text in found) / 50 < 350


def test_predict_says_whether_texts_are_like_the_training(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = run / "classifiers" / "tfidf-svm"
    assert read_run(run).evaluated[0].name == "tfidf-svm"
    kept = read_reference(adapter)
    assert kept is not None
    assert (len(kept.texts), sum(map(sum, kept.confusion))) == (60, 28)

    def told(name: str, texts: list[str], *more: str) -> str:
        file = tmp_path / f"{name}.txt"
        file.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        out = str(tmp_path / f"{name}.jsonl")
        assert main(["predict", str(file), "--adapter", str(adapter), "--out", out, *more]) == 0
        return capsys.readouterr().err

    other = [f"das Wetter bleibt morgen {number} Grad kalt" for number in range(40)]
    assert "These texts differ from the training texts (p < 0.001" in told("other", other)
    record = json.loads((tmp_path / "other.drift.json").read_text(encoding="utf-8"))
    assert record["texts"]["differ"] is True
    assert record["texts"]["new"] == 40
    assert record["sentences"][0].startswith("These texts differ")
    assert "Wetter" not in json.dumps(record)
    assert "No difference from the training texts" in told("alike", ROWS)
    few = told("few", ROWS[:5])
    assert "is not tested: there are 5 new texts, fewer than 30" in few
    assert "differ" not in told("unasked", other, "--no-drift")
    assert not (tmp_path / "unasked.drift.json").exists()
    # On the screen, and in a folder of parts.
    file = str(tmp_path / "other.txt")
    assert main(["predict", file, "--adapter", str(adapter)]) == 0
    assert "These texts differ" in capsys.readouterr().err
    parts = tmp_path / "parts"
    assert main(["predict", file, "--adapter", str(adapter), "--out", str(parts)]) == 0
    assert (parts / "drift.json").is_file()
    # What was finished before says the same again.
    before = (parts / "drift.json").read_bytes()
    (parts / "drift.json").unlink()
    assert main(["predict", file, "--adapter", str(adapter), "--out", str(parts)]) == 0
    assert (parts / "drift.json").read_bytes() == before
    capsys.readouterr()
    (adapter / FILE).unlink()
    assert "differ" not in told("without", other)
