"""Files: every kind is read, and every fault is one sentence with its line."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from tunelab.data.columns import to_examples
from tunelab.data.readers import read_rows
from tunelab.data.sources import open_source, source_kind
from tunelab.errors import UsageError

GOOD = {
    "a.jsonl": '{"text": "one", "label": "x"}\n\n{"text": "two", "label": "y"}\n',
    "a.csv": 'text,label\none,x\n"two",y\n',
    "a.tsv": "text\tlabel\none\tx\ntwo\ty\n",
    "a.txt": "one;x\ntwo;y\n",
}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_kinds(tmp_path: Path, name: str, mark: str) -> None:
    (tmp_path / name).write_text(mark + GOOD[name], encoding="utf-8")
    dataset = open_source(str(tmp_path / name), text="text", label="label")
    assert [(row.text, row.label) for row in dataset.splits["train"]] == [
        ("one", "x"),
        ("two", "y"),
    ]


def test_parquet(tmp_path: Path) -> None:
    import pandas as pd

    path = tmp_path / "a.parquet"
    pd.DataFrame({"text": ["one", None], "label": [1, 2]}).to_parquet(path)
    rows = to_examples(read_rows(path), text="text", label="label", where="a")
    assert [(row.text, row.label) for row in rows] == [("one", "1"), ("", "2")]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UsageError, match="not a complete Parquet"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b"\n\n", "holds no rows"),
        ("a.jsonl", b'{"text": "a", "label": "x"}\nnot json\n', "line 2: not a JSON object"),
        ("a.jsonl", b"[1]\n", "line 1: not a JSON object"),
        ("a.jsonl", b'{"text": "a", "label": "x"}\n{"text": "b"}\n', "line 2: unknown column"),
        ("a.jsonl", b'{"text": "a", "label": null}\n', "holds no label in any"),
        ("a.jsonl", b'{"text": ["a"], "label": "x"}\n', "holds a list and not a text"),
        ("a.csv", b"text,label\na,x\nb\n", "line 3: 1 cell, but the header has 2"),
        ("a.csv", b"text,label\na,b,x\n", "line 2: 3 cells"),
        ("a.csv", b"txt,label\na,x\n", "a.csv: unknown column 'text': did you mean txt"),
        ("a.csv", b"text,text\na,x\n", "stands twice"),
        ("a.csv", b"text,label\ncaf\xe9,x\n", "line 2: not UTF-8"),
        ("a.txt", b"no label here\n", "no semicolon"),
        ("a.csv", b"text,label\na,x\nb,x\n", "two labels or more"),
        ("a.xlsx", b"PK", "not a complete Excel workbook"),
        ("a.xls", b"PK", "unknown kind of file '.xls'; save it as"),
        ("a.csv", b"text,label\n", "holds no rows"),
        ("a.csv", b'text,label\n"a\nb",x\nc\n', "line 4: 1 cell,"),
        (
            "a.csv",
            b'text,label\n"open,x\nb,y\n',
            "line 2: a quotation mark opens here and is never closed",
        ),
        ("a.csv", "text,label\na,x\n".encode("utf-16")[:-1], "not UTF-16"),
        ("a.jsonl", b'{"text": "a", "label": "x"}\n"\xff"\n', "line 2: not UTF-8"),
        ("a.jsonl", b'{"text": "a", "label": NaN}\n', r"holds no label in any row \(1 row\)"),
        ("a.jsonl", b'{"text": "a", "label": [1]}\n', "one word or number"),
        ("a.txt", b"a;\nb;\n", "holds no label in any row"),
        ("a.parquet", b"PAR1 and no more", "not a complete Parquet"),
    ],
)
def test_faults(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        open_source(str(tmp_path / name), text="text", label="label")


def test_odd_rows_that_are_read(tmp_path: Path) -> None:
    long = "a" * 300_000
    path = tmp_path / "a.csv"
    path.write_bytes(f'\r\ntext,label\r\na\0b,x\r\n"{long}",y\r\n"c\nd, e",x'.encode())
    rows = to_examples(read_rows(path), text="text", label="label", where="a")
    assert [row.text for row in rows] == ["a\0b", long, "c\nd, e"]
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "label": 1.0, "id": 7}\n{"text": "b", "label": "\\ud800"}\n')
    rows = to_examples(read_rows(path), text="text", label="label", where="a")
    assert [(row.label, dict(row.extra)) for row in rows] == [("1", {"id": 7}), ("?", {})]


def test_lines_that_are_asked_are_texts_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one; two\n\nthree\n", encoding="utf-8")
    rows = list(read_rows(path, labelled=False))
    assert rows == [(1, {"text": "one; two"}), (3, {"text": "three"})]


def test_reading_holds_one_row_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    line = '{"text": "' + "a" * 10_000 + '"}\n'
    with path.open("w") as file:
        file.writelines(line for _ in range(3_000))
    tracemalloc.start()
    count = sum(1 for _ in read_rows(path, labelled=False))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 3_000
    assert peak < path.stat().st_size / 20


def test_parquet_that_holds_no_unicode(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    offsets, content = pa.array([0, 2, 3], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfea")
    column = pa.Array.from_buffers(pa.string(), 2, [None, offsets, content])
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"text": column}), path)
    with pytest.raises(UsageError, match="not UTF-8"):
        list(read_rows(path))
    parquet.write_table(pa.table({"text": ["a"], "label": [b"x"]}), path)
    with pytest.raises(UsageError, match="one word or number"):
        to_examples(read_rows(path), text="text", label="label", where="a")
    parquet.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    with pytest.raises(UsageError, match="holds no rows"):
        list(read_rows(path))


def test_what_is_no_file(tmp_path: Path) -> None:
    for path, message in {
        tmp_path: "is a folder",
        tmp_path / "a.csv": "there is no file",
        tmp_path / ("a" * 300): "cannot open",
    }.items():
        with pytest.raises(UsageError, match=message):
            list(read_rows(path))


def test_source_names(tmp_path: Path) -> None:
    assert source_kind("starter") == "starter"
    assert source_kind("dair-ai/emotion") == "hub"
    assert source_kind(str(tmp_path)) == "folder"
    assert source_kind("dair-ai/emotion:split") == "hub"
    for name, message in {
        "strater": "did you mean starter",
        "": "unknown data source",
        "owner/": "unknown data source",
        "missing.csv": "no such file or folder",
        "owner/missing.csv": "no such file or folder",
        "./nothing": "no such file or folder",
        "/no/such/place": "no such file or folder",
        "a/b/c": "no such file or folder",
        "~nobody-of-this-name/a": "cannot be opened",
        "a" * 300: "cannot be opened",
    }.items():
        with pytest.raises(UsageError, match=message):
            source_kind(name)


def test_names_are_resolved_before_anything_heavy_is_imported() -> None:
    code = (
        "import sys; from tunelab.data.sources import source_kind; source_kind('a/b');"
        "print([name for name in ('torch', 'datasets', 'pandas', 'pyarrow', 'sklearn', 'numpy')"
        " if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_nan_becomes_blank(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": NaN, "label": "x"}\n{"text": "\\ud800", "label": "y"}\n')
    rows = to_examples(read_rows(path), text="text", label="label", where="a")
    assert [row.text for row in rows] == ["", "?"]
