"""Tables in windows of any width: columns go, names and numbers stay whole."""

import re
from typing import Any

import pytest
from rich.cells import cell_len

from tunelab.cli.main import main
from tunelab.cli.tables import print_table

NAMES = ("majority", "a-method-with-a-long-name", "فروشگاه", "基线模型", "👩‍🚀-team")
ROWS: list[dict[str, Any]] = [
    {
        "name": name,
        "model": "some-model-135m-instruct",
        "accuracy": 0.5 + position / 100,
        "95 % interval": "0.463 to 0.562",
        "f1_macro": None if position else 0.25,
        "rows": 123_456 + position,
        "seconds": 12.5,
        "file": f"/runs/{name}/a/rather/deep/folder/with/a/long/path/of/its/predictions.parquet",
        "why": "a sentence of several words that may be broken between any two of its words",
    }
    for position, name in enumerate(NAMES)
]


def _printed(capsys: pytest.CaptureFixture[str], *rows: dict[str, Any], **options: Any) -> str:
    print_table(rows, "table", **options)
    return str(capsys.readouterr().out)


def _pieces(text: str) -> set[str]:
    return set(re.split(r"[\s│┃]+", text))


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 120, 200])
def test_nothing_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = _printed(capsys, *ROWS, title="all", first_out=("file", "model"))
    assert max(map(cell_len, text.splitlines())) <= columns
    assert "…" not in text
    assert set(NAMES) <= _pieces(text)
    found = re.search(r"Left out, as the window is \d+ columns\s+wide: (.*?)\.\s", text, re.DOTALL)
    left_out = " ".join(found[1].split()).split(", ") if found else []
    for key in ROWS[0]:
        shown = key.replace("_", " ")
        if shown not in left_out and key not in ("file", "why"):
            values = {"f1_macro": ["0.250"], "rows": ["123,456", "123,460"]}.get(key, [])
            assert set(values) <= _pieces(text)
    assert "accuracy" not in left_out
    # The columns that can be spared go first.
    assert not left_out or "file" in left_out


def test_a_file_gets_every_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    long = "x" * 300
    text = _printed(capsys, *ROWS, {**ROWS[0], "name": long})
    assert {row["file"] for row in ROWS} | {long} <= _pieces(text)
    assert "Left out" not in text


def test_one_row_is_written_upright(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text = _printed(capsys, ROWS[1])
    assert "Left out" not in text
    assert re.search(r"^name +a-method-with-a-long-name$", text, re.MULTILINE) or (
        "name\n  a-method-with-a-long-name\n" in text
    )
    # Wider than the window: broken, but all there.
    assert ROWS[1]["file"] in "".join(text.split())


def test_columns_of_one_kind_follow_in_another_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    names = [f"tokenizer-{position}" for position in range(9)]
    rows = [{"measure": key, **dict.fromkeys(names, 1.25)} for key in ("tokens", "words")]
    text = _printed(capsys, *rows, blocks=True)
    assert set(names) <= _pieces(text)
    assert text.count("tokens") == text.count("┏━") > 1


def test_no_rows(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert _printed(capsys, title="nothing").startswith("nothing")


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("words", ["--compare", "--fits --memory 24", "--model llama-3.2-1b"])
def test_estimates_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int, words: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["estimate", *words.split(), "--device", "cpu"]) == 0
    text = capsys.readouterr().out
    assert max(map(cell_len, text.splitlines())) <= columns
    assert "…" not in text
    assert "peak" in text
    assert "llama-3.2-1b" in text
