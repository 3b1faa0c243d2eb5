"""Prediction over files of any size: parts, going on after a kill, and one answer a row."""

import gzip
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from conftest import Workspace
from tunelab.errors import RunError, UsageError
from tunelab.study.prediction_parts import Labelled, label_parts, part_name, write_part
from tunelab.study.text_chunks import Chunk, identity_of, read_chunks


def _texts(folder: Path, rows: int = 25) -> list[str]:
    one, two = folder / "one.txt", folder / "two.csv"
    one.write_text("".join(f"we won the game {n % 7}\n" for n in range(rows)), encoding="utf-8")
    two.write_text("text,other\nwho is there,1\n ,2\nthey lied,3\n", encoding="utf-8")
    return [str(one), str(two)]


def _answer(texts: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"label": text[:3].strip() or None, "answer": text, "reason": None} for text in texts]


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

        def work(missing: Any, place: Path = out, seen: list[int] = asked, last: int = stop) -> Any:
            for chunk in missing:
                if len(seen) == last:
                    raise KeyboardInterrupt
                seen.append(chunk.number)
                yield chunk, write_part(str(place), chunk, _answer(chunk.texts))

        if stop < 8:
            with pytest.raises(KeyboardInterrupt):
                label_parts(chunks(), str(out), order, work)
            assert not (out / "result.json").exists()
        before = len(asked)
        asked.clear()

        def rest(missing: Any, place: Path = out, seen: list[int] = asked) -> Any:
            for chunk in missing:
                seen.append(chunk.number)
                yield chunk, write_part(str(place), chunk, _answer(chunk.texts))

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
