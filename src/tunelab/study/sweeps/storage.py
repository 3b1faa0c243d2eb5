"""Where a sweep keeps its trials: SQLite in its folder, PostgreSQL, or a journal file."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tunelab.errors import RunError, UsageError

FILE = "trials.db"
_POSTGRESQL = ("postgresql://", "postgres://")
_JOURNAL = "journal:"
# Any number that no other program takes on the same server; the trials have it beside theirs.
_LOCK_KEY = 0x74756E656C6162


@dataclass(frozen=True)
class Store:
    """Optuna's ``storage``; ``turn`` lets one worker at a time look for a trial and take it.

    ``shared``: whether workers with other folders may be at work in it. ``close`` lets go of
    connections.
    """

    storage: Any
    turn: Callable[[], AbstractContextManager[Any]]
    shared: bool
    close: Callable[[], None]


def check_storage(position: str | None) -> None:
    """Refuse a storage that cannot be opened for want of a package or of a form that is known.

    Raises:
        UsageError: the message says what to install or to write.
    """
    if find_spec("optuna") is None:
        raise UsageError('sweeps need an extra: pip install "tunelab[sweeps]".')
    if position is None or (position.startswith(_JOURNAL) and position != _JOURNAL):
        return
    if not position.startswith(_POSTGRESQL):
        raise UsageError(
            "--storage must be postgresql://USER@HOST/DATABASE or journal:PATH; without it, a "
            f"sweep keeps its trials in {FILE} of its own folder."
        )
    if find_spec("psycopg") is None:
        raise UsageError('PostgreSQL needs an extra: pip install "tunelab[postgresql]".')


def open_store(position: str | None, out: Path) -> Store:
    """Open ``position``, or the SQLite file of the folder ``out``.

    Raises:
        RunError: the server cannot be reached, or the file cannot be written.
    """
    check_storage(position)
    _quiet()
    if position is None:
        from optuna.storages import RDBStorage

        with _explain_errors(str(out)):
            storage = RDBStorage(f"sqlite:///{(out / FILE).resolve()}")
        return Store(storage, nullcontext, False, lambda: _let_go(storage))
    if position.startswith(_JOURNAL):
        return _journal(Path(position.removeprefix(_JOURNAL)).expanduser())
    return _postgresql("postgresql+psycopg://" + position.partition("://")[2])


def _postgresql(address: str) -> Store:
    from optuna.storages import RDBStorage
    from sqlalchemy import create_engine

    with _explain_errors("the PostgreSQL of --storage"):
        engine = create_engine(address, pool_pre_ping=True)
        # Workers that come to an empty database together would make its tables twice.
        with _advisory_lock(engine):
            storage = RDBStorage(address, engine_kwargs={"pool_pre_ping": True})
    return Store(storage, lambda: _advisory_lock(engine), True, lambda: _let_go(storage, engine))


@contextmanager
def _explain_errors(shown: str) -> Iterator[None]:
    """Tell in one sentence why a database cannot be opened; its address may hold a password."""
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    try:
        yield
    except (ArgumentError, ValueError):
        raise UsageError(
            "--storage is not a database address; write postgresql://USER@HOST/DATABASE."
        ) from None
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise RunError(f"cannot open {shown}: {reason}") from None


def _journal(path: Path) -> Store:
    from filelock import FileLock
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        storage = JournalStorage(JournalFileBackend(str(path)))
    except OSError as error:
        raise RunError(f"cannot open the journal {path}: {error.strerror}.") from None
    lock = FileLock(path.with_name(f"{path.name}.turn"))
    return Store(storage, lambda: lock, True, lambda: None)


@contextmanager
def _advisory_lock(engine: Any) -> Iterator[None]:
    """PostgreSQL lets go of the lock when the transaction ends or its worker dies."""
    from sqlalchemy import text

    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        yield


def _let_go(storage: Any, *engines: Any) -> None:
    storage.remove_session()
    for engine in (storage.engine, *engines):
        engine.dispose()


def _quiet() -> None:
    import optuna

    optuna.logging.disable_default_handler()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
