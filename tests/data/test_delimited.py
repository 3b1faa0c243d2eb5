"""Tables of text: the separator and the quotation marks of each file, and no row swallowed."""

from pathlib import Path

import pytest

from tunelab.data.loading_notes import LoadingNotes
from tunelab.data.readers import read_rows
from tunelab.errors import UsageError

EXPECTED = [("a dry, warm day", "sun"), ("wet again", "rain"), ("cold and wet", "rain")]


def _read(path: Path, content: str | bytes) -> tuple[list[tuple[str, str]], list[str]]:
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    notes = LoadingNotes()
    rows = [row for _, row in read_rows(path, notes=notes)]
    return [(row["text"], row["label"]) for row in rows], notes.sentences


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", 'text,label\n"a dry, warm day",sun\nwet again,rain\ncold and wet,rain\n', ""),
        (
            "semicolons.csv",
            "text;label\r\na dry, warm day;sun\r\nwet again;rain\r\ncold and wet;rain\r\n",
            "separated by semicolons",
        ),
        (
            "told.csv",
            '\ufeffsep=|\r\ntext|label\r\n"a dry, warm day"|sun\nwet again|rain\ncold and wet|rain',
            "separated by bars",
        ),
        (
            "tabs.csv",
            "text\tlabel\na dry, warm day\tsun\nwet again\train\ncold and wet\train\n",
            "separated by tabs",
        ),
        (
            "commas.tsv",
            'text,label\n"a dry, warm day",sun\nwet again,rain\ncold and wet,rain\n',
            "separated by commas",
        ),
        (
            "spaced.csv",
            'text, label\n"a dry, warm day", sun\n"wet again", rain\n"cold and wet", rain\n',
            "",
        ),
        (
            "mac.csv",
            'text,label\r"a dry, warm day",sun\rwet again,rain\rcold and wet,rain\r',
            "",
        ),
        (
            "trailing.csv",
            'text,label,,\n"a dry, warm day",sun,,\nwet again,rain,\ncold and wet,rain\n,,,\n',
            "",
        ),
        (
            "index.csv",
            ',text,label\n0,"a dry, warm day",sun\n1,wet again,rain\n2,cold and wet,rain\n',
            "",
        ),
        (
            "stray.csv",
            'text,label,\n"a dry, warm day",sun,\nwet again,rain,really\ncold and wet,rain,\n',
            "1 row has something in a column without a name, which is not used (line 3)",
        ),
        (
            "quoted.tsv",
            '"text"\t"label"\n"a dry, warm day"\t"sun"\n"wet again"\t"rain"\n'
            '"cold and wet"\t"rain"',
            "",
        ),
    ],
)
def test_each_file_as_it_is_written(tmp_path: Path, name: str, content: str, told: str) -> None:
    rows, notes = _read(tmp_path / name, content)
    assert rows == EXPECTED
    assert told in " ".join(notes)
    assert bool(notes) == bool(told)


@pytest.mark.parametrize(
    ("lines", "texts"),
    [
        (['"so she said\ta', 'and left"\tb', "plain\ta"], ['"so she said', 'and left"', "plain"]),
        (['"all of it"\ta', "plain\tb"], ['"all of it"', "plain"]),
        (['"part" of it\ta', "plain\tb"], ['"part" of it', "plain"]),
        (['"one ""word"" here"\ta', "plain\tb"], ['one "word" here', "plain"]),
        (['"two\nlines"\ta', "plain\tb"], ["two\nlines", "plain"]),
        (['"a\ttab"\ta', "plain\tb"], ["a\ttab", "plain"]),
        (['"', "plain\tb"], None),
    ],
)
def test_quotation_marks_between_tabs(
    tmp_path: Path, lines: list[str], texts: list[str] | None
) -> None:
    content = "\n".join(["text\tlabel", *lines]) + "\n"
    if texts is None:
        with pytest.raises(UsageError, match="line 2: 1 cell, but the header has 2"):
            _read(tmp_path / "a.tsv", content)
        return
    rows, _ = _read(tmp_path / "a.tsv", content)
    assert [text for text, _ in rows] == texts


def test_no_line_is_swallowed(tmp_path: Path) -> None:
    plain = [f"wind {position},{'ab'[position % 2]}" for position in range(8)]
    for opens, closes in ((0, 1), (2, 3), (1, 6), (6, 7)):
        lines = list(plain)
        lines[opens], lines[closes] = f'"{lines[opens]}', lines[closes].replace(",", '",')
        with pytest.raises(UsageError, match=f"line {opens + 2}: a quotation mark opens here"):
            _read(tmp_path / "a.csv", "\n".join(["text,label", *lines]))


def test_no_line_is_swallowed_beside_commas(tmp_path: Path) -> None:
    lines = ['1,"well, so it was,a', "2,wind 2,b", '3,and left",a', "4,wind 4,b", "5,wind 5,a"]
    with pytest.raises(UsageError, match="line 2: a quotation mark opens here"):
        _read(tmp_path / "a.csv", "\n".join(["id,text,label", *lines]))


def test_a_table_within_a_text_is_a_text(tmp_path: Path) -> None:
    texts = ['"x,1\ny,1\nz,2"', '"one, a\ntwo, b\nthree"', '"to:\n\nme,\nyou"', "plain"]
    content = "text,label\n" + "".join(f"{text},{'ab'[n % 2]}\n" for n, text in enumerate(texts))
    rows, _ = _read(tmp_path / "a.csv", content)
    assert [text for text, _ in rows] == [text.strip('"') for text in texts]


def test_texts_of_several_lines_are_counted(tmp_path: Path) -> None:
    letters = ['"Dear all,\nthanks, really\nbye"', '"Hello,\nworld"', '"so, so\nand, so"', "plain"]
    content = "text,label\n" + "".join(f"{text},{'ab'[n % 2]}\n" for n, text in enumerate(letters))
    rows, notes = _read(tmp_path / "a.csv", content)
    assert [text for text, _ in rows] == [text.strip('"') for text in letters]
    assert notes == [
        "a.csv: 3 texts hold line breaks within quotation marks, so that its rows take 4 lines "
        "more than there are rows."
    ]
    numbers = [number for number, _ in read_rows(tmp_path / "a.csv")]
    assert numbers == [2, 5, 7, 9]


def test_quotation_marks_behind_a_backslash(tmp_path: Path) -> None:
    rows, notes = _read(tmp_path / "a.csv", 'text,label\n"\\"so\\", he said, and left",a\nb,b\n')
    assert rows == [('"so", he said, and left', "a"), ("b", "b")]
    assert "backslash" in notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('text,label\n"a" b,x\n', "line 2: text continues after a closing quotation mark"),
        ('text,label\nc,y\n"a,x\n', "line 3: a quotation mark opens here and is never closed"),
        ("text,label\na,x\nb,c,y\n", "line 3: 3 cells, but the header has 2; put a text with com"),
        ("text;label\na;x\nb;c;y\nd;x\ne;y\nf;x\ng;y\n", "line 3: 3 cells.*with semicolons"),
        ("Notes of May\n\ntext,label\na,x\n", "line 3: 2 cells.*has 1; .*above the header"),
        ("text,label,text\na,x,b\n", "'text' stands twice in the header; rename"),
    ],
)
def test_rows_that_do_not_fit(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _read(tmp_path / "a.csv", content)


def test_a_header_that_stands_again(tmp_path: Path) -> None:
    part = "text,label\na cold day,x\na warm day,y\n"
    (tmp_path / "a.csv").write_text(part + part, encoding="utf-8")
    notes = LoadingNotes()
    assert len(list(read_rows(tmp_path / "a.csv", notes=notes))) == 4
    (told,) = notes.sentences
    assert told == (
        "a.csv: the names of the columns stand again among the rows (line 4); left out."
    )
