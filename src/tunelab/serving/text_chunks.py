"""Files of texts in chunks, so that any number of rows is read in bounded memory."""

import itertools
import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tunelab.data.columns import texts_of
from tunelab.data.loading_notes import LoadingNotes
from tunelab.data.readers import check_data_file, read_rows
from tunelab.errors import UsageError
from tunelab.runs.storage import download, is_remote

_BLOCK = 1 << 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chunk:
    """Rows that stand together in one file. ``first`` is the number of the first, from 1.

    ``number`` counts the chunks of all files in their order; the same files and size of chunks
    give the same chunks.
    """

    number: int
    file: str
    first: int
    texts: tuple[str, ...]


def read_chunks(files: Sequence[str], *, text: str, rows: int) -> Iterator[Chunk]:
    """Chunks of ``rows`` rows; the last one of each file may have fewer.

    Raises:
        UsageError: a file or a row of it cannot be used.
    """
    number = itertools.count()
    for file in files:
        with here(file) as path:
            notes = LoadingNotes()
            rows_of = read_rows(path, labelled=False, notes=notes)
            texts = texts_of(rows_of, text, where=path.name)
            first = 1
            while part := tuple(itertools.islice(texts, rows)):
                yield Chunk(next(number), file, first, part)
                first += len(part)
            for sentence in notes.sentences:
                _log.warning(sentence)


@contextmanager
def here(file: str) -> Iterator[Path]:
    """The path of a file on this machine; a remote one is fetched, and removed afterwards.

    Raises:
        UsageError: there is no such file, or it is of an unknown kind.
    """
    if not is_remote(file):
        check_data_file(Path(file))
        yield Path(file)
        return
    with tempfile.TemporaryDirectory(prefix="tunelab-") as folder:
        path = Path(folder) / file.rpartition("/")[2]
        download(file, path)
        check_data_file(path)
        yield path


def identity_of(files: Sequence[str]) -> list[dict[str, Any]]:
    """What tells files from others, and from themselves after an edit: name, size and SHA-256.

    Raises:
        UsageError: one is named twice, or cannot be used.
    """
    if len(set(files)) != len(files):
        raise UsageError("a file is named twice; name each once.")
    found = []
    for file in files:
        digest = sha256()
        with here(file) as path, path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
            size = stream.tell()
        found.append({"file": file, "bytes": size, "sha256": digest.hexdigest()})
    return found
