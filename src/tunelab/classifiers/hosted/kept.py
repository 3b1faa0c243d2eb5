"""Answers on disk: what was answered once is never asked again, even after a kill.

One SQLite file holds a line of JSON for each question, under a SHA-256 of all that was asked. Each
answer is written to disk before the next one of its thread is asked for.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tunelab.classifiers.hosted.answers import HostedAnswer, read_answer
from tunelab.errors import RunError
from tunelab.guards.bounded_files import within
from tunelab.runs.results import make_folder

_log = logging.getLogger(__name__)

FILE = "answers.sqlite"
_TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)"
_AT_ONCE = 500


class KeptAnswers:
    """The answers of an open file; it may be written to from several threads."""

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self._database, self._path = database, path
        self._lock = threading.Lock()

    def read(self, keys: Sequence[str]) -> dict[str, HostedAnswer]:
        """Those of the questions that were answered; what cannot be read counts as not asked."""
        found = {}
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(part))
            # The marks are question marks alone.
            query = f"SELECT key, answer FROM answers WHERE key IN ({marks})"  # noqa: S608
            for key, line in self._database.execute(query, part):
                try:
                    found[key] = read_answer(line)
                except ValueError as error:
                    _log.warning("%s: an answer is asked for again: %s", self._path, error)
        return found

    def keep(self, key: str, answer: HostedAnswer) -> None:
        """Write an answer; it is on the disk when this returns.

        Raises:
            RunError: it cannot be written.
        """
        try:
            with self._lock, self._database:
                self._database.execute(
                    "INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, answer.to_json())
                )
        except sqlite3.Error as error:
            raise RunError(f"cannot keep an answer in {self._path}: {error}.") from None


@contextmanager
def kept_answers(folder: Path) -> Iterator[KeptAnswers]:
    """The answers in a folder of a run, for reading and writing; a damaged file is begun anew.

    Raises:
        UsageError: the file leads out of the folder.
        RunError: it cannot be opened.
    """
    make_folder(folder)
    path = within(folder.parent, folder / FILE)
    try:
        database = _open(path)
    except sqlite3.OperationalError as error:
        raise RunError(f"cannot open {path}: {error}.") from None
    except sqlite3.DatabaseError as error:
        _log.warning("%s is damaged (%s); a new one is started", path, error)
        path.unlink()
        database = _open(path)
    with closing(database):
        yield KeptAnswers(database, path)


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=30, check_same_thread=False)
    try:
        # The run folder may be a stranger's: what its schema calls is not run.
        database.execute("PRAGMA trusted_schema = OFF")
        # A commit waits for the disk, so that not even a power cut loses a paid answer.
        database.execute("PRAGMA synchronous = FULL")
        with database:
            database.execute(_TABLE)
        if database.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("its pages do not fit together")
    except sqlite3.Error:
        database.close()
        raise
    return database
