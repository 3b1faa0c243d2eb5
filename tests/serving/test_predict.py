"""Prediction over files of any size: parts, going on after a kill, and one answer a row."""

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from conftest import Workspace, write_adapter
from tunelab.classifiers.contract import LabelAnswer
from tunelab.classifiers.labelling import label_texts
from tunelab.classifiers.stored import open_classifier
from tunelab.cli.main import main
from tunelab.errors import RunError, UsageError
from tunelab.serving import predict
from tunelab.serving.prediction_parts import (
    Labelled,
    join_parts,
    label_parts,
    part_name,
    write_part,
)
from tunelab.serving.reviewed_answers import ReviewedAnswer
from tunelab.serving.text_chunks import Chunk, identity_of, read_chunks


def _texts(folder: Path, rows: int = 25) -> list[str]:
    one, two = folder / "one.txt", folder / "two.csv"
    one.write_text("".join(f"we won the game {n % 7}\n" for n in range(rows)), encoding="utf-8")
    two.write_text("text,other\nwho is there,1\n ,2\nthey lied,3\n", encoding="utf-8")
    return [str(one), str(two)]


def _answer(texts: tuple[str, ...]) -> list[LabelAnswer]:
    return [LabelAnswer(text[:3].strip() or None, None, text) for text in texts]


def _labelled(out: Path) -> list[tuple[str, int, str, str | None]]:
    found = []
    for file in sorted(out.glob("part-*.parquet")):
        found += [
            (row["file"], row["row"], row["text"], row["label"])
            for row in pq.read_table(file).to_pylist()
        ]
    return found


def test_chunks_do_not_cross_files(tmp_path: Path) -> None:
    files = _texts(tmp_path)
    chunks = list(read_chunks(files, text="text", rows=10))
    assert [(chunk.number, chunk.first, len(chunk.texts)) for chunk in chunks] == [
        (0, 1, 10),
        (1, 11, 10),
        (2, 21, 5),
        (3, 1, 3),
    ]
    assert [chunk.file for chunk in chunks] == [files[0]] * 3 + [files[1]]


def test_stopped_anywhere_it_goes_on_with_each_row_once(tmp_path: Path) -> None:
    files = _texts(tmp_path)
    order = {"of": "this test"}

    def chunks() -> Any:
        return read_chunks(files, text="text", rows=4)

    for stop in range(9):
        out = tmp_path / f"stopped-{stop}"
        asked: list[int] = []

        def work(
            missing: Any, position: Path = out, seen: list[int] = asked, last: int = stop
        ) -> Any:
            for chunk in missing:
                if len(seen) == last:
                    raise KeyboardInterrupt
                seen.append(chunk.number)
                yield chunk, write_part(str(position), chunk, _answer(chunk.texts))

        if stop < 8:
            with pytest.raises(KeyboardInterrupt):
                label_parts(chunks(), str(out), order, work)
            assert not (out / "result.json").exists()
        before = len(asked)
        asked.clear()

        def rest(missing: Any, position: Path = out, seen: list[int] = asked) -> Any:
            for chunk in missing:
                seen.append(chunk.number)
                yield chunk, write_part(str(position), chunk, _answer(chunk.texts))

        labelled = label_parts(chunks(), str(out), order, rest)
        assert (labelled.rows, labelled.parts) == (28, 8)
        assert before + len(asked) == 8
        rows = _labelled(out)
        assert [(file, row) for file, row, _, _ in rows] == [
            *((files[0], number) for number in range(1, 26)),
            *((files[1], number) for number in range(1, 4)),
        ]
        assert labelled.labels == {"we": 25, "who": 1, "the": 1, "(none)": 1}
        again = label_parts(chunks(), str(out), order, rest)
        assert (again.kept, again.labels) == (28, labelled.labels)
        with pytest.raises(UsageError, match="was begun with other files"):
            label_parts(chunks(), str(out), {"of": "another"}, rest)


def _write_parts(out: str, seen: list[int]) -> Any:
    def work(missing: Any) -> Any:
        for one in missing:
            seen.append(one.number)
            yield one, write_part(out, one, _answer(one.texts))

    return work


def test_a_damaged_part_is_labelled_again(tmp_path: Path) -> None:
    chunks = [Chunk(0, "a.txt", 1, ("we won", "we lost")), Chunk(1, "a.txt", 3, ("who",))]
    folder = tmp_path / "out"
    expected = label_parts(chunks, str(folder), {}, _write_parts(str(folder), []))
    part = folder / part_name(0)
    whole = part.read_bytes()
    # No byte of the rows may change unseen; some bytes of Parquet's own say nothing about them.
    for damage in (b"", whole[:50], *(_flipped(whole, at) for at in range(0, len(whole), 7))):
        (folder / "result.json").unlink()
        part.write_bytes(damage)
        seen: list[int] = []
        found = label_parts(chunks, str(folder), {}, _write_parts(str(folder), seen))
        assert (found.rows, found.labels) == (expected.rows, expected.labels)
        assert seen in ([0], []), seen
        assert [row[2] for row in _labelled(folder)] == ["we won", "we lost", "who"]


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]


@pytest.mark.parametrize("name", ["result.json", "predict.json"])
def test_a_damaged_record_is_not_believed(name: str, tmp_path: Path) -> None:
    chunks = [Chunk(0, "a.txt", 1, ("we won", "we lost"))]
    folder = tmp_path / "out"
    label_parts(chunks, str(folder), {"rows": 2}, _write_parts(str(folder), []))
    whole = (folder / name).read_bytes()
    for damage in (whole[:-9], whole.replace(b"2", b"3", 1), b"[]", b"[" * 10**5):
        (folder / name).write_bytes(damage)
        seen: list[int] = []
        if name == "predict.json":
            with pytest.raises(RunError, match=r"predict\.json is damaged"):
                label_parts(chunks, str(folder), {"rows": 2}, _write_parts(str(folder), seen))
        else:
            found = label_parts(chunks, str(folder), {"rows": 2}, _write_parts(str(folder), seen))
            assert (found.rows, seen) == (2, [])
            assert (folder / name).read_bytes() == whole


_LINES = ["we won the game", "=1+1", 'she said "no", twice', "-5", "@home\ttab", "کتاب من"]


@pytest.fixture(scope="module")
def untrained(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("untrained") / "lora"
    return write_adapter(workspace.folder / "model", folder, labels=("joy", "fear"))


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of texts in the working folder, some of which a spreadsheet would run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.txt").write_text("\n".join(_LINES) + "\n", encoding="utf-8")
    return tmp_path / "texts.txt"


def _read_file(path: Path) -> list[dict[str, Any]]:
    ending = path.suffix.lower()
    if ending in (".csv", ".tsv"):
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t" if ending == ".tsv" else ","))
    if ending == ".parquet":
        return [dict(row) for row in pq.read_table(path).to_pylist()]
    if ending == ".json":
        return list(json.loads(path.read_text(encoding="utf-8")))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    "name", ["a.csv", "b.tsv", "c.jsonl", "D.CSV", "e.json", "F.Parquet", "g.ndjson", "new/h.csv"]
)
def test_the_ending_says_what_file_is_written(name: str, untrained: Path, texts: Path) -> None:
    assert main(["predict", "texts.txt", "--adapter", str(untrained), "--out", name]) == 0
    out = texts.parent / name
    assert out.is_file()
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == []
    rows = _read_file(out)
    assert [int(row["row"]) for row in rows] == list(range(1, len(_LINES) + 1))
    assert ("file" in rows[0]) == name.endswith("quet")
    spreadsheet = name.lower().endswith(("csv", "tsv"))
    quoted = ["we won the game", "'=1+1", 'she said "no", twice', "-5", "'@home\ttab", "کتاب من"]
    assert [row["text"] for row in rows] == (quoted if spreadsheet else _LINES)
    assert {"label", "answer", "reason"} <= set(rows[0])


def test_several_files_are_told_apart(untrained: Path, texts: Path) -> None:
    (texts.parent / "more.txt").write_text("who is there\n", encoding="utf-8")
    words = ["predict", "texts.txt", "more.txt", "--adapter", str(untrained), "--out", "all.csv"]
    assert main(words) == 0
    assert [row["file"] for row in _read_file(texts.parent / "all.csv")] == [
        *["texts.txt"] * len(_LINES),
        "more.txt",
    ]


def test_a_language_model_has_probabilities_where_a_threshold_asks_for_them(
    untrained: Path, texts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rows(*words: str) -> list[dict[str, Any]]:
        assert main(["predict", "texts.txt", "--adapter", str(untrained), *words]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    plain = rows()
    assert {(row["probability"], row["needs_review"]) for row in plain} == {(None, None)}
    asked = rows("--threshold", "0.5", "--probabilities")
    assert [row["answer"] for row in asked] == [row["answer"] for row in plain]
    shares = open_classifier(untrained, device="cpu", dtype="float32").probabilities(_LINES)
    for row, expected in zip(asked, shares, strict=True):
        assert row["probabilities"] == pytest.approx(
            dict(zip(("joy", "fear"), expected, strict=True))
        )
        # Its words are no label, or its likeliest label: else a person has to look.
        sure = max(expected) >= 0.5 and row["label"] == ("joy", "fear")[expected.argmax()]
        assert row["needs_review"] == (not sure)
        assert row["probability"] == (row["label"] and row["probabilities"][row["label"]])


@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_what_is_printed_can_be_a_table(
    form: str, untrained: Path, texts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", "texts.txt", "--adapter", str(untrained), "--format", form]
    assert main([*words, "--threshold", "0", "--probabilities"]) == 0
    mark = "," if form == "csv" else "\t"
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out), delimiter=mark))
    assert [row["text"] for row in rows][1:4] == ["'=1+1", 'she said "no", twice', "-5"]
    assert {row["needs_review"] for row in rows} <= {"true", "false"}
    for row in rows:
        shares = [float(row[f"probabilities.{label}"]) for label in ("joy", "fear")]
        assert sum(shares) == pytest.approx(1)


def test_standard_input_can_be_a_table(
    untrained: Path,
    texts: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = 'id,body\n1,"we won,\nagain"\n2,کتاب من\n'.encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(table)))
    words = ["predict", "-", "--input-format", "csv", "--text", "body"]
    assert main([*words, "--adapter", str(untrained)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows] == ["we won,\nagain", "کتاب من"]


def test_a_part_of_blank_texts_joins_those_with_all_probabilities(tmp_path: Path) -> None:
    known = ReviewedAnswer("a", None, None, 0.75, False, {"a": 0.75, "b": 0.25})
    out = tmp_path / "parts"
    blank = LabelAnswer(None, "blank text", "")
    write_part(str(out), Chunk(0, "f.txt", 1, (" ",)), [blank])
    counts = write_part(str(out), Chunk(1, "f.txt", 2, ("x", "y")), [known, known])
    assert (counts.labels, counts.to_review) == ({"a": 2}, 0)
    for name in ("all.parquet", "all.csv"):
        join_parts(out, 2, tmp_path / name)
    rows = _read_file(tmp_path / "all.parquet")
    assert [row["probabilities"] for row in rows] == [None, *[{"a": 0.75, "b": 0.25}] * 2]
    cells = _read_file(tmp_path / "all.csv")
    assert [row["probabilities.b"] for row in cells] == ["", "0.25", "0.25"]


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("labels.xlsx", "spreadsheets open .csv"),
        ("labels.txt", "cannot be written as .txt"),
        ("labels.DOCX", "cannot be written as .docx"),
        ("labels.csv.gz", "cannot be written as .gz"),
        ("labels.html", "cannot be written as .html"),
        ("labels.py", "cannot be written as .py"),
        ("folder.csv", "is a folder"),
        ("texts.csv", "is the file that is read"),
        ("texts.txt/labels.csv", "texts.txt is a file"),
        ("taken", "is a file"),
        ("", "--out is empty"),
        ("s3://bucket/labels.csv", "name a folder there"),
    ],
)
def test_a_name_that_cannot_be_is_refused_before_any_work(
    out: str,
    message: str,
    untrained: Path,
    texts: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("tunelab.classifiers.adapters.open_adapter", None)
    (texts.parent / "folder.csv").mkdir()
    (texts.parent / "taken").write_text("mine")
    (texts.parent / "texts.csv").write_text("text\nwe won\n")
    before = sorted(texts.parent.rglob("*"))
    assert main(["predict", "texts.csv", "--adapter", str(untrained), "--out", out]) == 2
    assert message in capsys.readouterr().err
    assert sorted(texts.parent.rglob("*")) == before


@pytest.mark.parametrize("out", ["labels", "labels.v2", "labels.2026.11", "labels.csv/"])
def test_any_other_name_is_a_folder(out: str, untrained: Path, texts: Path) -> None:
    assert main(["predict", "texts.txt", "--adapter", str(untrained), "--out", out]) == 0
    assert (texts.parent / out / "part-00000000.parquet").is_file()


def test_a_dash_is_standard_input_and_output(untrained: Path, texts: Path) -> None:
    words = [sys.executable, "-m", "tunelab", "predict", "-", "--adapter", str(untrained)]
    done = subprocess.run(
        [*words, "--out", "-"],
        capture_output=True,
        cwd=texts.parent,
        timeout=300,
        check=False,
        input=b"we won\nwho is there\n",
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [(row["row"], row["text"]) for row in rows] == [(1, "we won"), (2, "who is there")]
    assert b"2 rows" in done.stderr
    assert [path.name for path in texts.parent.iterdir()] == ["texts.txt"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-", "texts.txt"], "is not combined with files"),
        (["-", "--out", "a.csv"], "leave out --out"),
    ],
)
def test_what_standard_input_cannot_do(
    words: list[str],
    message: str,
    untrained: Path,
    texts: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"we won\n")))
    assert main(["predict", *words, "--adapter", str(untrained)]) == 2
    assert message in capsys.readouterr().err


def test_a_single_file_goes_on_after_a_failure(
    untrained: Path,
    texts: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["predict", "texts.txt", "--adapter", str(untrained), "--out", "a.csv"]
    words += ["--part-rows", "2"]
    real, calls = label_texts, list[int]()

    def fails_at_the_third(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise RunError("the device is gone")
        return real(*arguments)

    monkeypatch.setattr(predict, "label_texts", fails_at_the_third)
    assert main(words) == 1
    assert sorted(path.name for path in texts.parent.iterdir()) == [".a.csv.parts", "texts.txt"]
    assert main(words) == 0
    assert "6 rows (4 were labelled before)" in capsys.readouterr().err
    assert sorted(path.name for path in texts.parent.iterdir()) == ["a.csv", "texts.txt"]


def test_a_wrong_column_leaves_nothing(untrained: Path, texts: Path) -> None:
    (texts.parent / "rows.csv").write_text("body\nwe won\n")
    for out in ("labels", "labels.csv"):
        assert main(["predict", "rows.csv", "--adapter", str(untrained), "--out", out]) == 2
    assert sorted(path.name for path in texts.parent.iterdir()) == ["rows.csv", "texts.txt"]


@pytest.fixture(scope="module")
def adapter(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("trained")
    words = ["train", str(workspace.study), "--out", str(out), "training.epochs=1"]
    subprocess.run(workspace.command(*words), check=True, capture_output=True, timeout=300)
    return str(out / "adapters" / "lora")


@pytest.mark.scale
def test_a_killed_prediction_goes_on(adapter: str, workspace: Workspace, tmp_path: Path) -> None:
    """SIGKILL twice on the way: every row has one answer, the same as undisturbed."""
    text = tmp_path / "texts.txt"
    rows = [f"we won the game and {n * n} more" for n in range(3000)]
    text.write_text("\n".join(rows) + "\n", encoding="utf-8")

    def words(out: Path) -> list[str]:
        options = ["--adapter", adapter, "--out", str(out), "--part-rows", "100"]
        return workspace.command("predict", str(text), *options)

    killed = tmp_path / "killed"
    for parts in (3, 9):
        process = subprocess.Popen(words(killed), stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 200
        while not killed.is_dir() or len(list(killed.glob("part-*"))) < parts:
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (killed / "result.json").exists()
    done = subprocess.run(words(killed), check=True, capture_output=True, text=True, timeout=300)
    assert "were labelled before" in done.stderr
    found = _labelled(killed)
    assert [(number, content) for _, number, content, _ in found] == list(enumerate(rows, start=1))
    whole = tmp_path / "whole.jsonl"
    subprocess.run(words(whole), check=True, capture_output=True, timeout=300)
    lines = [json.loads(line) for line in whole.read_text(encoding="utf-8").splitlines()]
    assert [(row["row"], row["text"], row["label"]) for row in lines] == [
        (number, content, label) for _, number, content, label in found
    ]
    assert list(tmp_path.glob(".whole*")) == []


EDITS = {
    "in the middle, same length": lambda rows: [*rows[:13], rows[13].replace("w", "v"), *rows[14:]],
    "a row more": lambda rows: [*rows[:5], "who is new", *rows[5:]],
    "a row less": lambda rows: [*rows[:5], *rows[6:]],
    "fewer parts": lambda rows: rows[:9],
    "more parts": lambda rows: [*rows, *(f"they lied {n}" for n in range(9))],
    "another file": lambda rows: [f"new {n}" for n in range(len(rows))],
    "another order": lambda rows: rows[::-1],
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", ["rows.txt", "rows.csv.gz"])
def test_after_an_edit_changed_texts_alone_are_labelled(
    tmp_path: Path, edit: str, name: str
) -> None:
    file, out = tmp_path / name, str(tmp_path / "out")
    rows = [f"we won game {n:04}" for n in range(26)]

    def write(texts: list[str]) -> None:
        lines = texts if name.endswith(".txt") else ["text", *texts]
        content = "".join(f"{line}\n" for line in lines).encode()
        file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        os.utime(file, (10**9, 10**9))

    def label(stop: int | None = None) -> tuple[list[str], Labelled | None]:
        asked: list[str] = []

        def work(missing: Any) -> Any:
            for chunk in missing:
                if stop is not None and len(asked) >= stop:
                    raise KeyboardInterrupt
                asked.extend(chunk.texts)
                yield chunk, write_part(out, chunk, _answer(chunk.texts))

        order = {"text": "text", "inputs": identity_of([str(file)])}
        chunks = read_chunks([str(file)], text="text", rows=4)
        try:
            return asked, label_parts(chunks, out, order, work)
        except KeyboardInterrupt:
            return asked, None

    write(rows)
    assert label()[0] == rows
    assert label()[0] == []
    changed = EDITS[edit](rows)
    write(changed)
    # Killed on the way, and gone on with.
    first, _ = label(stop=1)
    asked, labelled = label()
    assert labelled is not None
    assert labelled.rows == len(changed)
    found = _labelled(tmp_path / "out")
    assert [(row, text) for _, row, text, _ in found] == list(enumerate(changed, start=1))
    assert [label for *_, label in found] == [text[:3].strip() for text in changed]
    new = set(changed) - set(rows)
    assert new <= {*first, *asked}
    if edit == "in the middle, same length":
        assert [*first, *asked] == [changed[13]]
    if edit in ("a row more", "a row less"):
        assert len(asked) + len(first) < len(changed) / 2


def test_other_files_are_not_gone_on_with(tmp_path: Path) -> None:
    files = _texts(tmp_path)
    out = str(tmp_path / "out")

    def label(names: list[str], text: str = "text") -> None:
        order = {"text": text, "inputs": identity_of(names)}
        chunks = read_chunks(names, text=text, rows=4)
        label_parts(chunks, out, order, _write_parts(out, []))

    label(files)
    for names, text in ((files[:1], "text"), (files[::-1], "text"), (files, "other")):
        with pytest.raises(UsageError, match="was begun with other files"):
            label(names, text)
    Path(files[1]).write_text("txt,other\nwho is there,1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="did you mean txt"):
        label(files)
