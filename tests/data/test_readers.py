"""Files: every kind is read, and every fault is one sentence with its line."""

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
    with pytest.raises(UsageError, match="no whole Parquet"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b"\n\n", "holds no rows"),
        ("a.jsonl", b'{"text": "a", "label": "x"}\nnot json\n', "line 2: not a JSON object"),
        ("a.jsonl", b"[1]\n", "line 1: not a JSON object"),
        ("a.jsonl", b'{"text": "a", "label": "x"}\n{"text": "b"}\n', "line 2: unknown column"),
        ("a.jsonl", b'{"text": "a", "label": null}\n', "holds no label"),
        ("a.jsonl", b'{"text": ["a"], "label": "x"}\n', "holds no text"),
        ("a.csv", b"text,label\na,x\nb\n", "line 3: 1 cells"),
        ("a.csv", b"text,label\na,b,x\n", "line 2: 3 cells"),
        ("a.csv", b"txt,label\na,x\n", "did you mean txt"),
        ("a.csv", b"text,text\na,x\n", "stands twice"),
        ("a.csv", b"text,label\ncaf\xe9,x\n", "line 2: not UTF-8"),
        ("a.txt", b"no label here\n", "no semicolon"),
        ("a.csv", b"text,label\na,x\nb,x\n", "two labels or more"),
        ("a.xlsx", b"PK", "unknown kind"),
    ],
)
def test_faults(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        open_source(str(tmp_path / name), text="text", label="label")


def test_source_names(tmp_path: Path) -> None:
    assert source_kind("starter") == "starter"
    assert source_kind("dair-ai/emotion") == "hub"
    assert source_kind(str(tmp_path)) == "folder"
    for name in ("strater", "missing.csv", "./nothing", "/no/such/place"):
        with pytest.raises(UsageError):
            source_kind(name)


def test_nan_becomes_blank(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": NaN, "label": "x"}\n{"text": "\\ud800", "label": "y"}\n')
    rows = to_examples(read_rows(path), text="text", label="label", where="a")
    assert [row.text for row in rows] == ["", "?"]
