"""Encodings by their byte marks, packed files, and a sentence on what a file may be."""

import gzip
from pathlib import Path

import pytest

from tunelab.data.readers import read_rows
from tunelab.errors import UsageError

TABLE = "text,label\nthe café is warm,good\nwind and hail,bad\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("packed", [False, True])
def test_encodings(tmp_path: Path, encoding: str, packed: bool) -> None:
    content = TABLE.encode(encoding)
    path = tmp_path / ("a.csv.gz" if packed else "a.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    assert [row["text"] for _, row in read_rows(path)] == ["the café is warm", "wind and hail"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes(TABLE.encode(encoding))
    assert len(list(read_rows(tmp_path / "a.csv"))) == 2


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "we’ll meet at the café, for £5"),
        ("cp1251", "сегодня холодно и очень ветрено, а завтра будет дождь"),
        ("cp1250", "zażółć gęślą jaźń, powiedział żółw"),
        ("cp1256", "هذا يوم بارد جدا والريح قوية في المدينة"),
    ],
)
def test_what_the_encoding_may_be(tmp_path: Path, encoding: str, text: str) -> None:
    (tmp_path / "a.csv").write_bytes(f'text,label\nplain,x\n"{text}",y\n'.encode(encoding))
    with pytest.raises(UsageError, match=rf"a\.csv, line 3: not UTF-8; it may be {encoding}\. Co"):
        list(read_rows(tmp_path / "a.csv"))


def test_a_packed_file_that_is_cut(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TABLE.encode() * 100)[:-20])
    with pytest.raises(UsageError, match="not a complete gzip file"):
        list(read_rows(tmp_path / "a.csv.gz"))


def test_one_line_of_another_encoding(tmp_path: Path) -> None:
    content = "text,label\n" + "a café,x\nthe façade,y\n" * 3
    (tmp_path / "a.csv").write_bytes(content.encode() + "another café,x\n".encode("cp1252"))
    with pytest.raises(UsageError, match="line 8: not UTF-8, as other lines are; correct this"):
        list(read_rows(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"PK\x03\x04\x14\0\xff", "an Excel or zip file, although"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel file"),
        (gzip.compress(b"text,label", mtime=0), "a gzip file.*add .gz"),
        (b"PAR1\x15\x04\xff\xfe", "a Parquet file"),
    ],
)
def test_binary_files_with_the_name_of_a_text_file(
    tmp_path: Path, start: bytes, words: str
) -> None:
    (tmp_path / "a.csv").write_bytes(start + b"\xff\xfe\xfd" * 9)
    with pytest.raises(UsageError, match=words):
        list(read_rows(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "包裹晚到了三天，客服也没有回答"),
        ("big5", "包裹晚到了三天，客服也沒有回答"),
        ("shift-jis", "荷物が三日おくれて届きました"),
        ("euc-jp", "荷物が三日おくれて届きました。とても残念です"),
        ("euc-kr", "소포가 사흘 늦게 도착했습니다"),
        ("koi8-r", "посылка пришла на три дня позже, и никто не ответил"),
    ],
)
def test_texts_of_two_bytes_a_character(tmp_path: Path, encoding: str, text: str) -> None:
    (tmp_path / "a.csv").write_bytes(f"text,label\n{text},x\n".encode(encoding))
    with pytest.raises(UsageError, match=rf"not UTF-8; it may be {encoding}( or|\.) "):
        list(read_rows(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    ("name", "start", "words"),
    [
        ("a.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
        ("a.parquet", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs"),
        ("a.jsonl", "\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "is a web page; down"),
        ("a.txt", "<html>\nNot; found\n</html>", "is a web page; download the file itself"),
    ],
)
def test_what_came_in_place_of_the_file(tmp_path: Path, name: str, start: str, words: str) -> None:
    (tmp_path / name).write_text(start, encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        list(read_rows(tmp_path / name))


def test_lines_of_pages_are_texts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("<html><p>cold</p>\n<html><p>warm</p>\n", encoding="utf-8")
    assert len(list(read_rows(tmp_path / "a.txt", labelled=False))) == 2
