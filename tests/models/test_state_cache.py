"""The cache of hidden states: the same bytes back, what is damaged is left out, bounded by use."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tunelab.errors import UsageError
from tunelab.models.state_cache import (
    MOST_BYTES,
    keep_states,
    most_bytes,
    read_states,
    state_file,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TUNELAB_STATES", raising=False)
    return tmp_path / "cache"


def _key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _contents(count: int, size: int = 64, first: int = 0) -> dict[bytes, bytes]:
    return {_key(n): bytes([n % 251]) * size for n in range(first, first + count)}


def test_the_same_bytes() -> None:
    assert read_states([_key(1)]) == {}
    contents = _contents(1200)
    keep_states(contents)
    assert read_states([*contents, _key(5000)]) == contents
    keep_states(_contents(1, size=9))
    assert read_states([_key(0)], used=True) == _contents(1, size=9)


def test_a_changed_row_is_left_out() -> None:
    keep_states(_contents(3))
    with closing(sqlite3.connect(state_file())) as database, database:
        database.execute("UPDATE contents SET content = ? WHERE key = ?", (b"other", _key(1)))
    assert read_states([_key(n) for n in range(3)]).keys() == {_key(0), _key(2)}
    keep_states(_contents(1, first=1))
    assert len(read_states([_key(n) for n in range(3)])) == 3


def test_what_is_no_database_is_begun_anew() -> None:
    keep_states(_contents(3))
    state_file().write_bytes(b"no database at all" * 400)
    assert read_states([_key(1)]) == {}
    keep_states(_contents(3))
    assert read_states(list(_contents(3))) == _contents(3)


def test_what_was_unused_for_longest_makes_room() -> None:
    limit = 200_000
    for number in range(10):
        keep_states(_contents(1, size=15_000, first=number), limit=limit)
    # The first one is needed again, so that the second is the oldest.
    read_states([_key(0)], used=True)
    for number in range(10, 14):
        keep_states(_contents(1, size=15_000, first=number), limit=limit)
    kept = read_states([_key(n) for n in range(14)])
    assert {_key(0), _key(13)} <= kept.keys()
    assert _key(1) not in kept
    assert state_file().stat().st_size < 1.2 * limit
    # A lower limit takes space back from the disk.
    keep_states(_contents(1, size=10), limit=60_000)
    assert state_file().stat().st_size < 80_000


def test_a_limit_below_one_row_keeps_nothing() -> None:
    keep_states(_contents(2, size=50_000), limit=30_000)
    assert read_states(list(_contents(2))) == {}


@pytest.mark.parametrize(
    ("word", "size"),
    [("", MOST_BYTES), ("0", 0), ("2 GB", 2_000_000_000), ("1.5MB", 1_500_000)],
)
def test_the_limit(word: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELAB_STATES", word)
    assert most_bytes() == size


@pytest.mark.parametrize("word", ["much", "-1", "2 XB"])
def test_a_limit_that_is_no_size(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELAB_STATES", word)
    with pytest.raises(UsageError, match="is no size; give one such as 2 GB"):
        most_bytes()


def test_nothing_is_kept_at_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELAB_STATES", "0")
    keep_states(_contents(1))
    assert not state_file().exists()


def test_a_folder_that_cannot_be_written(cache: Path) -> None:
    cache.write_text("a file where the folder should be", encoding="utf-8")
    keep_states(_contents(1))
    assert read_states([_key(0)]) == {}


def test_two_processes_at_once() -> None:
    work = (
        "import sys; from tunelab.models.state_cache import keep_states\n"
        "for n in range(40): keep_states({(int(sys.argv[1]) + n).to_bytes(32, 'big'): b'x' * 99})"
    )
    running = [subprocess.Popen([sys.executable, "-c", work, str(first)]) for first in (0, 1000)]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    keys = [_key(first + n) for first in (0, 1000) for n in range(40)]
    assert len(read_states(keys)) == 80
