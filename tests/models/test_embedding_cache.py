"""The cache of embeddings: the same bits back, what is damaged is left out, the size is bounded."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tunelab.models.embedding_cache import Vector, cache_file, keep_vectors, read_vectors


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _vectors(count: int, width: int = 16) -> dict[str, Vector]:
    draw = np.random.default_rng(count)
    return {
        f"text {number}": Vector(
            draw.standard_normal(width).astype(np.float32), 0.1 * number, number % 2 == 1
        )
        for number in range(count)
    }


def _count() -> int:
    with closing(sqlite3.connect(cache_file())) as database:
        return int(database.execute("SELECT COUNT(*) FROM contents").fetchone()[0])


def test_the_same_bits_by_text_and_encoder() -> None:
    assert read_vectors("a", ["text 1"]) == {}
    vectors = _vectors(1200)
    keep_vectors("a", vectors)
    found = read_vectors("a", [*vectors, "another"])
    assert found.keys() == vectors.keys()
    for text, one in vectors.items():
        assert found[text].values.tobytes() == one.values.tobytes()
        assert (found[text].seconds, found[text].cut) == (one.seconds, one.cut)
    assert read_vectors("b", list(vectors)) == {}
    # No text is kept.
    assert b"text 1" not in cache_file().read_bytes()
    keep_vectors("a", vectors)
    assert _count() == 1200


def test_a_changed_row_is_left_out() -> None:
    vectors = _vectors(3)
    keep_vectors("a", vectors)
    content = cache_file().read_bytes()
    stored = vectors["text 1"].values.tobytes()
    assert content.count(stored) == 1
    cache_file().write_bytes(content.replace(stored, b"\1" + stored[1:]))
    assert read_vectors("a", list(vectors)).keys() == {"text 0", "text 2"}
    keep_vectors("a", {"text 1": vectors["text 1"]})
    assert read_vectors("a", list(vectors)).keys() == vectors.keys()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\0" * 9])
def test_a_file_that_is_no_database_is_begun_anew(
    content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    cache_file().parent.mkdir(parents=True)
    cache_file().write_bytes(content)
    assert read_vectors("a", ["text 1"]) == {}
    keep_vectors("a", _vectors(2))
    keep_vectors("a", _vectors(2))
    assert read_vectors("a", ["text 1"]).keys() == {"text 1"}
    assert "damaged" in caplog.text


def test_a_cut_file() -> None:
    keep_vectors("a", _vectors(200))
    content = cache_file().read_bytes()
    cache_file().write_bytes(content[: len(content) // 2])
    found = read_vectors("a", list(_vectors(200)))
    keep_vectors("a", _vectors(200))
    keep_vectors("a", _vectors(200))
    assert len(found) <= 200
    assert len(read_vectors("a", list(_vectors(200)))) == 200


def test_the_oldest_make_room() -> None:
    for start in range(6):
        keep_vectors(str(start), _vectors(200, width=256), most_bytes=500_000)
    assert cache_file().stat().st_size < 800_000
    assert read_vectors("0", list(_vectors(200))) == {}
    assert len(read_vectors("5", list(_vectors(200)))) == 200


def test_without_a_place_to_write(cache: Path) -> None:
    cache.write_text("a file in the place of the folder")
    keep_vectors("a", _vectors(2))
    assert read_vectors("a", ["text 1"]) == {}


def test_a_table_of_another_version() -> None:
    cache_file().parent.mkdir(parents=True)
    with closing(sqlite3.connect(cache_file())) as database, database:
        database.execute("CREATE TABLE vectors (number INTEGER)")
    assert read_vectors("a", ["text 1"]) == {}
    keep_vectors("a", _vectors(2))
    assert read_vectors("a", ["text 1"]).keys() == {"text 1"}
