"""`tunelab tokenize`: the JSON that it promises, and one sentence for every wrong call."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from conftest import build_tokenizer
from tunelab.cli.main import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizers")
    build_tokenizer().save_pretrained(path / "small")
    (path / "en.txt").write_text("the rain came down\nwe sat all day\n", encoding="utf-8")
    (path / "fa.txt").write_text("باران بارید\nما نشستیم\n", encoding="utf-8")
    (path / "short.txt").write_text("one\n", encoding="utf-8")
    (path / "bad.txt").write_bytes(b"good\nbad \xe2\x28\n")
    (path / "empty.txt").write_text("\n", encoding="utf-8")
    (path / "slow").mkdir()
    (path / "slow" / "tokenizer.model").write_bytes(b"pieces")
    return path


def _json(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["tokenize", *words, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.packages
def test_json_of_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("llama-3.2", "mistral-7b-v0.1", "phi-4-mini")
    flags = [word for name in names for word in ("--tokenizer", name)]
    text = "What is 2 plus 2?"
    found = _json(capsys, "--text", text, *flags)
    assert [one["tokenizer"] for one in found] == list(names)
    llama = found[0]
    assert llama["ids"] == [128000, 3923, 374, 220, 17, 5636, 220, 17, 30]
    assert llama["pieces"][1:4] == ["What", " is", " "]
    assert llama["spans"][1:3] == [[0, 4], [4, 7]]
    assert llama["kinds"][0] == "special"
    assert (llama["tokens"], llama["words"]) == (8, 5)
    assert (llama["characters"], llama["bytes"]) == (17, 17)
    assert llama["fertility"] == 8 / 5
    for one in found:
        assert len(one["ids"]) == len(one["pieces"]) == len(one["spans"])
        assert one["round_trip"]["exact"] is True


def test_tables_and_csv(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--tokenizer", str(folder / "small")]
    assert main(["tokenize", "--text", "سلام \x1b[31m می‌روم", *small]) == 0
    told = capsys.readouterr().out
    assert "\u2067" in told
    assert "⟨001B⟩" in told
    assert "\x1b[31m می" not in told
    assert main(["tokenize", "--text", "the rain", *small, "--format", "csv"]) == 0
    row = next(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert row["words"] == "2"


def test_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = str(folder / "small")
    words = ["--file", str(folder / "en.txt"), "--tokenizer", small]
    found = _json(capsys, *words, "--max-length", "5", "--model", "llama-3.2-1b")[0]
    assert found["sentences"] == 2
    assert found["words"] == 8
    assert found["characters"] == len("the rain came down") + len("we sat all day")
    assert found["at_max_length"]["rows"] == 2
    assert found["cost"]["tokens"] == pytest.approx(found["fertility"] * 1e6)
    assert "lengths" not in found


def test_parallel_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = str(folder / "small")
    files = [f"{code}={folder / code}.txt" for code in ("en", "fa")]
    found = _json(capsys, "--parallel", *files, "--tokenizer", small)[0]
    languages = found["languages"]
    assert languages["en"]["premium"] == 1
    assert languages["fa"]["premium"] == languages["fa"]["tokens"] / languages["en"]["tokens"]


def test_corpora_and_training(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "trained"
    words = ["train", "--corpus", "parallel", "--algorithm", "bpe", "--vocabulary", "600", "900"]
    rows = _json(capsys, *words, "--out", str(out))
    assert [row["vocabulary"] for row in rows] == [600, 900]
    flags = ["--tokenizer", str(out / "bpe-600"), "--tokenizer", str(out / "bpe-900")]
    found = _json(capsys, "--corpus", "parallel", *flags)
    assert found[0]["languages"]["fa"]["premium"] > 0
    fa = next(pair for pair in found[0]["pairs"] if pair["language"] == "fa")
    assert fa["ratio"] > 1
    assert fa["p_adjusted"] < 0.05
    scored = _json(capsys, "--corpus", "persian-morphology", *flags)
    assert 0 < scored[0]["precision"] < 1
    variants = _json(capsys, "--corpus", "persian-variants", *flags)
    assert {row["of"] for row in variants} == {"pairs", "sentences"}
    assert main(["tokenize", "--corpus", "parallel", *flags]) == 0
    assert "tokens a word" in capsys.readouterr().out


def test_a_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = folder / "page.html"
    text = "<script>سلام</script>"
    small = str(folder / "small")
    assert main(["tokenize", "--text", text, "--tokenizer", small, "--html", str(page)]) == 0
    html = page.read_text(encoding="utf-8")
    assert "<script" not in html
    assert 'class="pieces"' in html


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give one of --text, --file"),
        (["--text", "a"], "name at least one --tokenizer"),
        (["--text", "a", "--tokenizer", "lama-3.2"], "did you mean llama-3.2"),
        (["--text", "a", "--file", "b", "--tokenizer", "small"], "not allowed with"),
        (["--text", "\udcff", "--tokenizer", "./small"], "not valid UTF-8"),
        (["--text", "a", "--tokenizer", "./slow"], "has no fast form"),
        (["--text", "a", "--tokenizer", "./small", "--tokenizer", "./small"], "named twice"),
        (["--file", "bad.txt", "--tokenizer", "./small"], "bad.txt, line 2: not UTF-8"),
        (["--file", "missing.txt", "--tokenizer", "./small"], "no file 'missing.txt'"),
        (["--file", "slow", "--tokenizer", "./small"], "is a folder"),
        (["--file", "empty.txt", "--tokenizer", "./small"], "holds no text"),
        (["--file", "en.txt", "--tokenizer", "./small", "--model", "lama"], "unknown model"),
        (["--file", "en.txt", "--tokenizer", "./small", "--max-length", "0"], "1 or more"),
        (
            ["--parallel", "en=en.txt", "fa=short.txt", "--tokenizer", "./small"],
            "en.txt has 2 lines, short.txt has 1 lines",
        ),
        (["--parallel", "en.txt", "fa=fa.txt", "--tokenizer", "./small"], "is not CODE=FILE"),
        (["--parallel", "en=en.txt", "--tokenizer", "./small"], "two files or more"),
        (["--corpus", "paralel", "--tokenizer", "./small"], "did you mean parallel"),
        (["train", "--corpus", "parallel"], "--out DIR"),
        (["train", "--out", "x"], "train needs text"),
        (["train", "--corpus", "parallel", "--algorithm", "bp", "--out", "x"], "mean bpe"),
        (["train", "--file", "en.txt", "--out", "x"], "2 lines are too few"),
    ],
)
def test_wrong_calls(
    words: list[str],
    message: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    assert main(["tokenize", *words]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.startswith("tunelab: ")
    assert told.count("\n") == 1
