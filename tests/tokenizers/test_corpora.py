"""The corpora that come with the laboratory are whole, and the user's own are read with care."""

import unicodedata
from pathlib import Path

import pytest

from tunelab.errors import UsageError
from tunelab.tokenizers import morphology, persian
from tunelab.tokenizers.parallel import (
    LANGUAGES,
    built_in,
    open_corpus,
    read_files,
    read_flores,
    read_table,
    read_udhr,
)
from tunelab.tokenizers.reading import LONGEST_LINE, read_lines

SCRIPTS = {"fa": "ARABIC", "ar": "ARABIC", "hi": "DEVANAGARI", "zh": "CJK", "ru": "CYRILLIC"}


def test_parallel_sentences_in_nine_languages() -> None:
    corpus = built_in()
    assert corpus.rows >= 60
    assert set(corpus.sentences) == set(LANGUAGES)
    assert len({row["register"] for row in read_table("parallel.tsv")}) >= 4
    for code, sentences in corpus.sentences.items():
        assert len(set(sentences)) == len(sentences)
        for text in sentences:
            assert text == text.strip() != ""
            assert unicodedata.is_normalized("NFC", text)
            letters = [character for character in text if character.isalpha()]
            script = SCRIPTS.get(code, "LATIN")
            assert sum(script in unicodedata.name(one) for one in letters) > 0.8 * len(letters)


def test_persian_sentences_are_written_as_persian() -> None:
    text = "".join(built_in().sentences["fa"])
    assert "\u200c" in text
    assert not set("كيى") & set(text)


def test_morphemes_are_the_word() -> None:
    words = morphology.built_in()
    assert len(words) >= 200
    for word in words:
        assert "".join(word.morphemes) == word.word
        assert all(word.morphemes)
        assert len(morphology.gold_boundaries(word)) == len(word.morphemes) - 1


def test_variants_differ_from_the_standard() -> None:
    pairs = persian.built_in_pairs()
    assert {"zwnj-dropped", "arabic-kaf", "arabic-yeh", "diacritics", "hamza"} <= set(pairs)
    for both in pairs.values():
        assert len(both) >= 10
        assert all(standard != variant for standard, variant in both)


def _write(folder: Path, **files: str) -> dict[str, Path]:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return {name: folder / name for name in files}


def test_parallel_files(tmp_path: Path) -> None:
    paths = _write(tmp_path, en="one\r\n\ntwo\n", fa="یک\n\nدو")
    found = read_files(paths)
    assert found.sentences == {"en": ["one", "two"], "fa": ["یک", "دو"]}


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        ("a\nb\n", "a\n", r"en has 2 lines, .*fa has 1 lines"),
        ("", "", "hold no lines"),
        ("a\n\n", "\nb\n", "text in every language"),
    ],
)
def test_parallel_files_that_are_not(tmp_path: Path, left: str, right: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_files(_write(tmp_path, en=left, fa=right))


def test_flores_and_udhr_where_the_user_has_them(tmp_path: Path) -> None:
    flores = tmp_path / "flores"
    (flores / "dev").mkdir(parents=True)
    _write(flores / "dev", **{"eng_Latn.dev": "one\ntwo\n", "pes_Arab.dev": "یک\nدو\n"})
    assert read_flores(flores).sentences["fa"] == ["یک", "دو"]
    assert open_corpus(f"flores={flores}").rows == 2
    udhr = tmp_path / "udhr"
    udhr.mkdir()
    article = '<article number="{}"><title>{}</title><para>{} &amp; x</para></article>'
    english = article.format(1, "Article 1", "All") + article.format(2, "Article 2", "None")
    _write(
        udhr,
        **{
            "udhr_eng.xml": f"<udhr>\n{english}</udhr>",
            "udhr_pes_1.xml": article.format(2, "ماده", "هیچ"),
        },
    )
    assert read_udhr(udhr).sentences == {"en": ["Article 2 None & x"], "fa": ["ماده هیچ & x"]}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flores", "does not come with tunelab"),
        ("udhr=missing", "no folder 'missing'"),
        ("parralel", "did you mean parallel"),
        ("udhr=.", "no udhr_eng.xml"),
        ("flores=.", "holds no FLORES-200"),
    ],
)
def test_corpora_that_are_not_there(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        open_corpus(name)


def test_a_file_that_is_not_utf8_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(b"fine\nnot \xff fine\n")
    with pytest.raises(UsageError, match=r"line 2: not UTF-8 \(byte 5 of it is 0xff\)"):
        list(read_lines(path))


def test_lines_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes("\ufeffa\r\n\nb\u2028c\x0bd".encode())
    assert list(read_lines(path)) == ["a", "", "b\u2028c\x0bd"]


@pytest.mark.parametrize("unit", ["سلام", "سلام دنیا "])
def test_a_line_without_end_comes_in_parts(tmp_path: Path, unit: str) -> None:
    text = unit * (3 * LONGEST_LINE // len(unit.encode("utf-8")))
    path = tmp_path / "long.txt"
    path.write_text(text, encoding="utf-8")
    parts = list(read_lines(path))
    assert len(parts) >= 3
    assert "".join(parts) == text
    assert max(len(part.encode("utf-8")) for part in parts) <= 2 * LONGEST_LINE
