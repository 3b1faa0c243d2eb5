"""Contents by key in a SQLite file of tunelab's cache that grows to a limit.

A key is 32 bytes, a SHA-256 that its maker forms. Each row has a checksum. A row that was changed
is left out, a file that is no database is removed, and tables of another version are replaced. The
rows that were not used for the longest time make room. Where the file cannot be read or written,
nothing is found and nothing is kept. The folder and the file are the account's alone, and what is
removed is overwritten.
"""

import hashlib
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)

# Of the table; a file of another one begins anew.
_VERSION = 2
_AT_ONCE = 500
_PATIENCE = 30
_TABLE = """
CREATE TABLE contents (
    key BLOB PRIMARY KEY, content BLOB NOT NULL, checksum BLOB NOT NULL, used INTEGER NOT NULL
)
"""
_INDEX = "CREATE INDEX by_use ON contents (used)"
_LAST = "SELECT COALESCE(MAX(used), 0) FROM contents"
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
# What SQLite writes beside a file.
_BESIDE = ("-journal", "-wal", "-shm")


@dataclass(frozen=True)
class BoundedStore:
    """A ``file``, and what messages call its contents, such as "hidden states"."""

    file: Path
    contents: str

    def read(self, keys: Sequence[bytes], *, used: bool = False) -> dict[bytes, bytes]:
        """The contents of those keys that are kept; ``used`` notes that they were needed."""
        columns = "key, content, checksum"
        found: dict[bytes, bytes] = {}
        with self._if_it_works("read"):
            for key, content, checksum in self._select(columns, keys):
                if checksum == _checksum(key, content):
                    found[key] = content
        if used and found:
            with self._if_it_works("write"), self._changed() as database:
                (last,) = database.execute(_LAST).fetchone()
                database.executemany(
                    "UPDATE contents SET used = ? WHERE key = ?",
                    [(last + 1, key) for key in found],
                )
        return found

    def count(self, keys: Sequence[bytes]) -> int:
        """How many of the keys are kept, damaged ones too."""
        found: list[object] = []
        with self._if_it_works("read"):
            found += self._select("key", keys)
        return len(found)

    def keep(self, contents: Mapping[bytes, bytes], most_bytes: int) -> None:
        """Write contents by their keys; others make room where the file exceeds ``most_bytes``."""
        if not contents:
            return
        with self._if_it_works("write"), self._changed() as database:
            (last,) = database.execute(_LAST).fetchone()
            database.executemany(
                "INSERT OR REPLACE INTO contents VALUES (?, ?, ?, ?)",
                [(key, one, _checksum(key, one), last + 1) for key, one in contents.items()],
            )
            _make_room(database, most_bytes)

    def _select(self, columns: str, keys: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
        if not self.file.is_file():
            return
        with closing(self._open()) as database:
            if _version(database) != _VERSION:
                return
            for start in range(0, len(keys), _AT_ONCE):
                part = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(part))
                # The columns are named above, and the marks are question marks alone.
                query = f"SELECT {columns} FROM contents WHERE key IN ({marks})"  # noqa: S608
                yield from database.execute(query, part)

    @contextmanager
    def _changed(self) -> Iterator[sqlite3.Connection]:
        """A database with the table of this version, in a transaction of its own."""
        folder = self.file.parent
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600))
        # Those of an earlier version too; what SQLite writes beside the file has the file's mode.
        with suppress(OSError):
            folder.chmod(0o700)
            self.file.chmod(0o600)
        with closing(self._open()) as database:
            # Before the table is made: the file then shrinks when rows are removed.
            database.execute("PRAGMA auto_vacuum = FULL")
            # A row that a lost write damaged fails its checksum and is made again.
            database.execute("PRAGMA synchronous = OFF")
            database.execute("PRAGMA secure_delete = ON")
            with database:
                database.execute("BEGIN IMMEDIATE")
                if _version(database) != _VERSION:
                    for (name,) in database.execute(_TABLES).fetchall():
                        quoted = str(name).replace('"', '""')
                        database.execute(f'DROP TABLE "{quoted}"')
                    database.execute(_TABLE)
                    database.execute(_INDEX)
                    database.execute(f"PRAGMA user_version = {_VERSION}")
                yield database

    def _open(self) -> sqlite3.Connection:
        # Transactions begin where they are said to, so that making a table is part of one.
        return sqlite3.connect(self.file, timeout=_PATIENCE, isolation_level=None)

    @contextmanager
    def _if_it_works(self, doing: str) -> Iterator[None]:
        """Go on without the file where it fails; one that is no database is removed."""
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            # Locked, read-only, or a full disk.
            _log.info("the cache of %s cannot be used to %s: %s", self.contents, doing, error)
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            _log.warning(
                "the cache of %s is damaged (%s); a new one is started", self.contents, error
            )
            for ending in ("", *_BESIDE):
                with suppress(OSError):
                    self.file.with_name(self.file.name + ending).unlink(missing_ok=True)


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _make_room(database: sqlite3.Connection, most: int) -> None:
    """Remove a tenth of the rows, those unused for longest, until the others fit."""
    while _size(database) > most:
        (count,) = database.execute("SELECT COUNT(*) FROM contents").fetchone()
        if not count:
            return
        database.execute(
            "DELETE FROM contents WHERE rowid IN "
            "(SELECT rowid FROM contents ORDER BY used, rowid LIMIT ?)",
            (count // 10 + 1,),
        )


def _size(database: sqlite3.Connection) -> int:
    """Bytes of the file without the pages that are free for new rows."""
    names = ("page_count", "freelist_count", "page_size")
    pages, free, size = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return int((pages - free) * size)


def _checksum(key: bytes, content: bytes) -> bytes:
    return hashlib.sha256(key + content).digest()[:8]
