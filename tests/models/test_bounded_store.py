"""The bounded store: of its account alone, and a table or file of another kind begins anew."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tunelab.models.bounded_store import BoundedStore

MOST = 1_000_000
KEYS = [bytes([number]) * 32 for number in range(4)]
CONTENTS = {key: b"content of " + key for key in KEYS}


@pytest.fixture
def store(tmp_path: Path) -> BoundedStore:
    return BoundedStore(tmp_path / "folder" / "kept.sqlite", "numbers")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_account_alone_may_read(store: BoundedStore) -> None:
    # As an earlier version made them.
    store.file.parent.mkdir(mode=0o755)
    store.file.touch(mode=0o644)
    store.keep(CONTENTS, MOST)
    assert (_mode(store.file.parent), _mode(store.file)) == (0o700, 0o600)
    # A journal has the mode of its file.
    with closing(sqlite3.connect(store.file, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("DELETE FROM contents")
        assert _mode(store.file.with_name("kept.sqlite-journal")) == 0o600
        database.execute("ROLLBACK")


def test_what_made_room_cannot_be_read(store: BoundedStore) -> None:
    store.keep({KEYS[0]: b"a secret"}, MOST)
    assert b"a secret" in store.file.read_bytes()
    store.keep({KEYS[0]: b"other"}, MOST)
    assert b"a secret" not in store.file.read_bytes()


def test_a_table_of_another_version_begins_anew(store: BoundedStore) -> None:
    store.keep(CONTENTS, MOST)
    assert (store.count([*KEYS, b"x" * 32]), store.read(KEYS)) == (4, CONTENTS)
    with closing(sqlite3.connect(store.file)) as database:
        database.execute("PRAGMA user_version = 1")
        database.execute('CREATE TABLE "another ""table" (key)')
        database.commit()
    assert (store.count(KEYS), store.read(KEYS)) == (0, {})
    store.keep({KEYS[1]: b"new"}, MOST)
    assert store.read(KEYS) == {KEYS[1]: b"new"}


def test_a_damaged_file_goes_with_its_journal(
    store: BoundedStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.keep(CONTENTS, MOST)
    store.file.write_bytes(b"no database at all" * 400)
    beside = store.file.with_name("kept.sqlite-wal")
    beside.write_bytes(b"of another file")
    assert store.read(KEYS) == {}
    assert "the cache of numbers is damaged" in caplog.text
    assert not store.file.exists()
    assert not beside.exists()


def test_a_folder_in_the_place_of_the_file(store: BoundedStore) -> None:
    store.file.mkdir(parents=True)
    store.keep(CONTENTS, MOST)
    assert (store.read(KEYS), store.count(KEYS)) == ({}, 0)


def test_nothing_is_half_written(store: BoundedStore) -> None:
    store.keep(CONTENTS, MOST)

    def stop_halfway() -> None:
        with store._changed() as database:
            database.execute("DELETE FROM contents")
            raise KeyError

    with pytest.raises(KeyError):
        stop_halfway()
    assert store.read(KEYS) == CONTENTS
