"""Hidden states of rows on disk, so that layers that never change are run once for each row.

One SQLite file in tunelab's cache holds a row for each key, a SHA-256 that its maker forms of the
model, the token ids and whatever else decides the bits; no text is kept. Each row has a checksum.
A row that was changed is left out, and a file that is no database is begun anew. The rows that
were not used for the longest time make room. Where the cache cannot be read or written, states
are computed.
"""

import hashlib
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tunelab.config import Bytes
from tunelab.errors import UsageError
from tunelab.models.cache import cache_folder

_log = logging.getLogger(__name__)

# The environment variable that bounds the file, and what it may grow to without it.
LIMIT = "TUNELAB_STATES"
MOST_BYTES = 4_000_000_000
_AT_ONCE = 500
_PATIENCE = 30
_TABLE = """
CREATE TABLE IF NOT EXISTS states (
    key BLOB PRIMARY KEY, content BLOB NOT NULL, checksum BLOB NOT NULL, used INTEGER NOT NULL
)
"""
_INDEX = "CREATE INDEX IF NOT EXISTS by_use ON states (used)"
_LAST = "SELECT COALESCE(MAX(used), 0) FROM states"


def state_file() -> Path:
    """The SQLite file."""
    return cache_folder() / "states" / "states.sqlite"


def most_bytes() -> int:
    """What the file may grow to: ``TUNELAB_STATES``, such as 2 GB; 0 keeps nothing on disk.

    Raises:
        UsageError: the variable is no size.
    """
    chosen = os.environ.get(LIMIT, "").strip()
    if not chosen:
        return MOST_BYTES
    if chosen == "0":
        return 0
    try:
        return int(TypeAdapter(Bytes).validate_python(chosen))
    except ValidationError:
        raise UsageError(
            f"the environment variable {LIMIT}={chosen[:40]!r} is no size; give one such as 2 GB, "
            "or 0 to keep no hidden states on disk."
        ) from None


def read_states(keys: Sequence[bytes], *, used: bool = False) -> dict[bytes, bytes]:
    """The contents of those keys that are in the cache; ``used`` notes that they were needed."""
    found: dict[bytes, bytes] = {}
    if not state_file().is_file():
        return found
    with _told("read"), closing(_open()) as database:
        for part in _parts(keys):
            marks = ",".join("?" * len(part))
            # The marks are question marks alone.
            query = f"SELECT key, content, checksum FROM states WHERE key IN ({marks})"  # noqa: S608
            for key, content, checksum in database.execute(query, part):
                if checksum == _checksum(key, content):
                    found[key] = content
    if used and found:
        with _told("write"), closing(_open()) as database, database:
            (last,) = database.execute(_LAST).fetchone()
            database.executemany(
                "UPDATE states SET used = ? WHERE key = ?", [(last + 1, key) for key in found]
            )
    return found


def keep_states(contents: Mapping[bytes, bytes], *, limit: int | None = None) -> None:
    """Write contents by their keys; what was unused for longest makes room where ``limit`` is met.

    Without a limit it is :func:`most_bytes`.
    """
    most = most_bytes() if limit is None else limit
    if not most or not contents:
        return
    with _told("write"):
        state_file().parent.mkdir(parents=True, exist_ok=True)
        with closing(_open()) as database:
            # Before the table is made: the file then shrinks when rows are removed.
            database.execute("PRAGMA auto_vacuum = FULL")
            # A row that a lost write damaged fails its checksum and is computed again.
            database.execute("PRAGMA synchronous = OFF")
            with database:
                database.execute(_TABLE)
                database.execute(_INDEX)
                (last,) = database.execute(_LAST).fetchone()
                database.executemany(
                    "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)",
                    [
                        (key, content, _checksum(key, content), last + 1)
                        for key, content in contents.items()
                    ],
                )
                _make_room(database, most)


def _make_room(database: sqlite3.Connection, most: int) -> None:
    """Remove a tenth of the rows, those unused for longest, until the others fit."""
    while _size(database) > most:
        (count,) = database.execute("SELECT COUNT(*) FROM states").fetchone()
        if not count:
            return
        database.execute(
            "DELETE FROM states WHERE rowid IN (SELECT rowid FROM states ORDER BY used LIMIT ?)",
            (count // 10 + 1,),
        )


def _size(database: sqlite3.Connection) -> int:
    """Bytes of the file without the pages that are free for new rows."""
    names = ("page_count", "freelist_count", "page_size")
    pages, free, size = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return int((pages - free) * size)


def _open() -> sqlite3.Connection:
    return sqlite3.connect(state_file(), timeout=_PATIENCE)


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """Go on without the cache where it fails; a file that is no database is removed."""
    try:
        yield
    except sqlite3.OperationalError as error:
        # Locked, read-only, a full disk, or a table of another version.
        _log.info("the cache of hidden states cannot be used to %s: %s", doing, error)
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        _log.warning("the cache of hidden states is damaged (%s); it is begun anew", error)
        state_file().unlink(missing_ok=True)
    except OSError as error:
        _log.info("the cache of hidden states cannot be used to %s: %s", doing, error)


def _checksum(key: bytes, content: bytes) -> bytes:
    return hashlib.sha256(key + content).digest()[:8]


def _parts(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
