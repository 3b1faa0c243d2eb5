"""Files of different make: the columns that are proposed, what is said, and the study."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunelab.config import make_study
from tunelab.errors import UsageError
from tunelab.study.first_look import FirstLook, describe, look_at, plain_name, propose_study
from tunelab.study.opening import open_study
from tunelab.study.study_text import write_study

TEXTS = [
    "the parcel never came to my door",
    "where can I change the address of my order",
    "the lamp broke after a week of use",
    "I was billed two times for one chair",
    "thank you and the table is beautiful",
    "how long does a refund take to arrive",
]
LABELS = ["delivery", "account", "quality", "billing", "praise", "billing"]
PERSIAN = ["سفارش من نرسیده است", "کیفیت چراغ خیلی بد بود", "پول من را دو بار گرفتند"]


def _rows(count: int = 48) -> list[dict[str, object]]:
    return [
        {
            "id": 1000 + number,
            "text": f"{TEXTS[number % 6]} number {number}",
            "topic": LABELS[number % 6],
            "stars": number % 5 + 1,
        }
        for number in range(count)
    ]


def _delimited(separator: str, header: str, *columns: str) -> str:
    lines = [separator.join(str(row[column]) for column in columns) for row in _rows()]
    return "\n".join([header, *lines]) + "\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


WRITERS: dict[str, tuple[str, str | bytes, str, str]] = {
    "ids first": (
        "a.csv",
        _delimited(",", "id,text,topic", "id", "text", "topic"),
        "text",
        "topic",
    ),
    "semicolons": ("b.csv", _delimited(";", "text;topic", "text", "topic"), "text", "topic"),
    "tabs": ("c.tsv", _delimited("\t", "topic\ttext", "topic", "text"), "text", "topic"),
    "ratings": ("d.csv", _delimited(",", "review,stars", "text", "stars"), "review", "stars"),
    "two label columns": (
        "e.csv",
        _delimited(",", "id,stars,topic,body", "id", "stars", "topic", "text"),
        "body",
        "topic",
    ),
    "other names": ("f.csv", _delimited(",", "q,a_group", "text", "topic"), "q", "a_group"),
    "array of objects": ("g.json", _json(_rows()), "text", "topic"),
    "an object a line": ("h.jsonl", "\n".join(map(_json, _rows())), "text", "topic"),
    "columns in one object": (
        "i.json",
        _json({key: [row[key] for row in _rows()] for key in ("text", "topic")}),
        "text",
        "topic",
    ),
    "a wrapper": ("j.json", _json({"data": _rows()}), "text", "topic"),
    "packed": (
        "k.csv.gz",
        gzip.compress(_delimited(",", "text,topic", "text", "topic").encode()),
        "text",
        "topic",
    ),
    "UTF-16": (
        "l.csv",
        _delimited(",", "text,topic", "text", "topic").encode("utf-16"),
        "text",
        "topic",
    ),
    "byte mark": (
        "m.csv",
        _delimited(",", "text,topic", "text", "topic").encode("utf-8-sig"),
        "text",
        "topic",
    ),
    "Persian": (
        "n.csv",
        "متن,برچسب\n"
        + "\n".join(
            f"{PERSIAN[number % 3]} {number},{['ارسال', 'کیفیت', 'مالی'][number % 3]}"
            for number in range(30)
        ),
        "متن",
        "برچسب",
    ),
    "sep= line": (
        "o.csv",
        "sep=;\n" + _delimited(";", "text;topic", "text", "topic"),
        "text",
        "topic",
    ),
    "lines of text;label": (
        "p.txt",
        "\n".join(f"{row['text']};{row['topic']}" for row in _rows()),
        "text",
        "label",
    ),
    "dates beside": (
        "q.csv",
        "created_at,comment,category\n"
        + "\n".join(
            f"2024-01-{number % 28 + 1:02d},{row['text']},{row['topic']}"
            for number, row in enumerate(_rows())
        ),
        "comment",
        "category",
    ),
    "addresses beside": (
        "r.csv",
        "url,title,body,section\n"
        + "\n".join(
            f"https://example.org/{number},about {number},{row['text']} and more of it,"
            f"{row['topic']}"
            for number, row in enumerate(_rows())
        ),
        "body",
        "section",
    ),
    "spam as it is known": (
        "s.csv",
        "v1,v2,,,\n"
        + "\n".join(
            f"{'spam' if number % 3 else 'ham'},{row['text']},,,"
            for number, row in enumerate(_rows())
        ),
        "v2",
        "v1",
    ),
}


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(case: str) -> Path:
        name, content, _, _ = WRITERS[case]
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


@pytest.mark.parametrize("case", WRITERS)
def test_the_columns_of_files_of_different_make(case: str, written: Callable[[str], Path]) -> None:
    look = look_at(str(written(case)))
    assert (look.text, look.label) == WRITERS[case][2:]
    assert make_study(propose_study(look, "mine")).data.label == look.label


def test_a_study_of_an_excel_file(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["text", "topic"])
    for row in _rows():
        book.active.append([row["text"], row["topic"]])
    book.save(tmp_path / "t.xlsx")
    look = look_at(str(tmp_path / "t.xlsx"))
    assert (look.text, look.label) == ("text", "topic")


def _look(written: Callable[[str], Path], case: str = "two label columns") -> FirstLook:
    return look_at(str(written(case)))


def test_what_is_said(written: Callable[[str], Path]) -> None:
    look = _look(written)
    said = "\n".join(describe(look))
    assert sum(look.labels.values()) == 48
    assert look.other_labels == ("stars",)
    assert "validation and test drawn from the training rows" in said
    assert "9 test rows" in said
    assert f"below {100 * (look.decides or 0):.0f} points" in said or "too few" in said
    assert set(look.rare) == {label for label, count in look.labels.items() if count < 12}


def test_the_letters_of_the_texts(written: Callable[[str], Path]) -> None:
    assert next(iter(_look(written, "Persian").scripts)) == "Persian"
    assert dict(_look(written).scripts) == {"Latin": 1.0}


def test_the_study_is_read_as_it_was_proposed(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    look = _look(written)
    path = tmp_path / "mine.yaml"
    path.write_text(write_study(look, "mine"), encoding="utf-8")
    assert open_study(str(path)) == make_study(propose_study(look, "mine"))


def test_a_data_file_is_a_study_of_defaults(written: Callable[[str], Path]) -> None:
    path = written("semicolons")
    study = open_study(str(path), ["training.epochs=1"])
    assert (study.name, study.data.label, study.training.epochs) == ("b", "topic", 1)
    assert "{labels}" in study.prompt.system


def test_columns_can_be_named(written: Callable[[str], Path]) -> None:
    path = str(written("two label columns"))
    assert look_at(path, label="stars").label == "stars"
    assert look_at(path, text="topic").text == "topic"
    assert look_at(path, text="body", label="topic").label == "topic"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": "topik"}, "did you mean topic"),
        ({"text": "boddy"}, "did you mean body"),
        ({"text": "topic", "label": "topic"}, "--text COLUMN --label COLUMN"),
    ],
)
def test_wrong_columns(
    columns: dict[str, Any], message: str, written: Callable[[str], Path]
) -> None:
    with pytest.raises(UsageError, match=message):
        look_at(str(written("two label columns")), **columns)


def test_a_file_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "only.csv"
    path.write_text("text\n" + "\n".join(str(row["text"]) for row in _rows()), encoding="utf-8")
    with pytest.raises(UsageError, match="none for the labels"):
        look_at(str(path))


@pytest.mark.parametrize(
    ("source", "name"),
    [("my file (1).csv", "my-file--1"), ("داده.csv", "داده"), ("...", "study")],
)
def test_the_name_of_a_study(source: str, name: str) -> None:
    assert plain_name(source) == name or name == "study"


def test_a_handful_of_rows(tmp_path: Path) -> None:
    rows = [f"what a {word} day it was,{'xy'[number % 2]}" for number, word in enumerate("abcdef")]
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    look = look_at(str(tmp_path / "a.csv"))
    assert look.sample["validation"] == 0
    (tmp_path / "a.yaml").write_text(write_study(look, "a"), encoding="utf-8")
    assert open_study(str(tmp_path / "a.yaml")).data.sample.validation == "all"
