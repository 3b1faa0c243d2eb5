"""Vectors of texts on disk, so that no text is encoded twice by the same encoder.

One SQLite file in tunelab's cache holds a row for each text and encoder, under a SHA-256 of both;
no text is kept. Each row has a checksum. A row that was changed is left out, and a file that is no
database is begun anew. Where the cache cannot be read or written, everything is encoded.
"""

import hashlib
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunelab.models.cache import cache_folder

if TYPE_CHECKING:
    import numpy as np

_log = logging.getLogger(__name__)

# What the file may grow to: some 300,000 vectors of 384 numbers. The oldest rows make room.
MOST_BYTES = 500_000_000
_AT_ONCE = 500
_PATIENCE = 30
_TABLE = """
CREATE TABLE IF NOT EXISTS vectors (
    key BLOB PRIMARY KEY, vector BLOB NOT NULL, seconds REAL NOT NULL, cut INTEGER NOT NULL,
    checksum BLOB NOT NULL, number INTEGER NOT NULL
)
"""
_READ = "SELECT key, vector, seconds, cut, checksum FROM vectors WHERE key IN (?)"
_INDEX = "CREATE INDEX IF NOT EXISTS by_number ON vectors (number)"


_OFF: ContextVar[bool] = ContextVar("embedding_cache_off", default=False)


@contextmanager
def without_cache() -> Iterator[None]:
    """A context in which nothing is read from the cache or kept in it, to measure speed."""
    before = _OFF.set(True)
    try:
        yield
    finally:
        _OFF.reset(before)


@dataclass(frozen=True)
class Vector:
    """The ``values`` of one text, array (width,), float32.

    ``seconds`` is what encoding it took; ``cut`` whether the text was cut to fit.
    """

    values: "np.ndarray"
    seconds: float
    cut: bool


def cache_file() -> Path:
    """The SQLite file."""
    return cache_folder() / "embeddings" / "vectors.sqlite"


def read_vectors(encoder: str, texts: Sequence[str]) -> dict[str, Vector]:
    """Those of the texts that are in the cache; ``encoder`` is the key of the encoder."""
    import numpy as np

    found: dict[str, Vector] = {}
    if _OFF.get() or not cache_file().is_file():
        return found
    keys = {_key(encoder, text): text for text in texts}
    with _told("read"), closing(_open()) as database:
        for part in _parts(list(keys)):
            marks = ",".join("?" * len(part))
            # The marks are question marks alone.
            query = (
                f"SELECT key, vector, seconds, cut, checksum FROM vectors WHERE key IN ({marks})"  # noqa: S608
            )
            for key, vector, seconds, cut, checksum in database.execute(query, part):
                if checksum == _checksum(key, vector, seconds, cut):
                    values = np.frombuffer(vector, dtype="<f4").astype(np.float32)
                    found[keys[key]] = Vector(values, seconds, bool(cut))
    return found


def keep_vectors(
    encoder: str, vectors: Mapping[str, Vector], *, most_bytes: int = MOST_BYTES
) -> None:
    """Write the vectors of texts; the oldest ones make room where the file is full."""
    if _OFF.get():
        return
    with _told("write"):
        cache_file().parent.mkdir(parents=True, exist_ok=True)
        with closing(_open()) as database, database:
            database.execute(_TABLE)
            database.execute(_INDEX)
            (last,) = database.execute("SELECT COALESCE(MAX(number), 0) FROM vectors").fetchone()
            rows = []
            for number, (text, one) in enumerate(vectors.items(), start=last + 1):
                key = _key(encoder, text)
                stored = (one.values.astype("<f4").tobytes(), float(one.seconds), int(one.cut))
                rows.append((key, *stored, _checksum(key, *stored), number))
            database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?, ?)", rows)
            _make_room(database, most_bytes)


def _make_room(database: sqlite3.Connection, most_bytes: int) -> None:
    """Remove the oldest tenth of the rows until the others take no more than ``most_bytes``."""
    while _used(database) > most_bytes:
        (count,) = database.execute("SELECT COUNT(*) FROM vectors").fetchone()
        if not count:
            return
        database.execute(
            "DELETE FROM vectors WHERE number IN "
            "(SELECT number FROM vectors ORDER BY number LIMIT ?)",
            (count // 10 + 1,),
        )


def _used(database: sqlite3.Connection) -> int:
    """Bytes of the file without the pages that are free for new rows."""
    names = ("page_count", "freelist_count", "page_size")
    pages, free, size = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return int((pages - free) * size)


def _open() -> sqlite3.Connection:
    return sqlite3.connect(cache_file(), timeout=_PATIENCE)


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """Go on without the cache where it fails; a file that is no database is removed."""
    try:
        yield
    except sqlite3.OperationalError as error:
        # Locked, read-only, a full disk, or a table of another version.
        _log.info("the cache of embeddings cannot be used to %s: %s", doing, error)
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        _log.warning("the cache of embeddings is damaged (%s); it is begun anew", error)
        cache_file().unlink(missing_ok=True)
    except OSError as error:
        _log.info("the cache of embeddings cannot be used to %s: %s", doing, error)


def _key(encoder: str, text: str) -> bytes:
    return hashlib.sha256(f"{encoder}\0{text}".encode("utf-8", "surrogatepass")).digest()


def _checksum(key: bytes, vector: bytes, seconds: float, cut: int) -> bytes:
    return hashlib.sha256(key + bytes(vector) + f"{seconds!r} {cut}".encode()).digest()[:8]


def _parts(keys: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
