"""A run folder behind a URL: what is finished is fetched, and what was finished is sent.

Stages work on paths, so each machine works in a folder of its own. A stage's files are sent
before its ``result.json``, and an adapter before the record of its training, so that whoever sees
a record sees all that it speaks of. Checkpoints of unfinished trainings stay on the machine.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from tunelab.models.cache import cache_folder
from tunelab.runs.results import (
    ADAPTER_RECORD,
    BUDGET,
    EVALUATE,
    EVALUATE_WORDING,
    FITTED,
    RECORD,
    TRAIN,
    TRAIN_WORDING,
    WORDINGS,
)
from tunelab.runs.storage import download, join, list_files, read_bytes, write_bytes

_LAST = (ADAPTER_RECORD, RECORD)
_UNFINISHED = "checkpoint-"
_FITTED = (*FITTED, WORDINGS)
_STAGES = (TRAIN, EVALUATE, TRAIN_WORDING, EVALUATE_WORDING, "review", "facts", BUDGET)


@contextmanager
def mirror(url: str) -> Iterator[Path]:
    """A folder with all that is at ``url``; what is new in it is sent when the context ends."""
    folder = _folder(url)
    fetch(url, folder)
    try:
        yield folder
    finally:
        send(url, folder)


@contextmanager
def cell_mirror(url: str, cell: str) -> Iterator[tuple[Path, Callable[[], None]]]:
    """As :func:`mirror`, for the stages and the adapter of one cell; also what sends them."""

    def is_of_cell(name: str) -> bool:
        stage, _, rest = name.partition("/")
        first = rest.partition("/")[0]
        if stage in _FITTED:
            return first == cell
        return stage in _STAGES and first.rpartition("-")[0] == cell

    folder = _folder(join(url, cell))
    fetch(url, folder, is_of_cell)
    yield folder, lambda: send(url, folder, is_of_cell)


def fetch(url: str, folder: Path, wanted: Callable[[str], bool] = lambda _: True) -> None:
    """Fetch the files that are not there as they are at ``url``, records last."""
    there = list_files(url)
    same = _same_records(url, folder, there)
    for name in sorted(filter(wanted, there), key=_records_last):
        path = folder / name
        known = path.is_file() and path.stat().st_size == there[name]
        if not (known and _parent(name) in same):
            download(join(url, name), path)


def send(url: str, folder: Path, wanted: Callable[[str], bool] = lambda _: True) -> None:
    """Send the files that are not at ``url`` as they are here, records last."""
    there, here = list_files(url), list_files(str(folder))
    same = _same_records(url, folder, there)
    for name in sorted(filter(wanted, here), key=_records_last):
        if any(part.startswith((".", _UNFINISHED)) for part in name.split("/")):
            continue
        if not (there.get(name) == here[name] and _parent(name) in same):
            write_bytes(join(url, name), (folder / name).read_bytes())


def _same_records(url: str, folder: Path, there: Iterable[str]) -> set[str]:
    """The folders whose record is the same here and there, and so are their other files."""
    return {
        _parent(name)
        for name in there
        if name.rpartition("/")[2] in _LAST
        and (folder / name).is_file()
        and (folder / name).read_bytes() == read_bytes(join(url, name))
    }


def _parent(name: str) -> str:
    return name.rpartition("/")[0]


def _folder(url: str) -> Path:
    return cache_folder() / "mirrors" / sha256(url.encode()).hexdigest()[:16]


def _records_last(name: str) -> tuple[bool, bool, str]:
    # Adapters before the stages that speak of them.
    stage, _, rest = name.partition("/")
    return (stage not in _FITTED, rest.rpartition("/")[2] in _LAST, name)
