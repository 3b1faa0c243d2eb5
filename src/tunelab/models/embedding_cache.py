"""Vectors of texts on disk, so that no text is encoded twice by the same encoder.

They lie in a file of tunelab's cache (:mod:`tunelab.models.bounded_store`), under a SHA-256 of the
text and the encoder. No text is kept, but texts can be reconstructed from vectors in part.
"""

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunelab.models.bounded_store import BoundedStore
from tunelab.models.cache import cache_folder

if TYPE_CHECKING:
    import numpy as np

# What the file may grow to: some 300,000 vectors of 384 numbers. The oldest rows make room.
MOST_BYTES = 500_000_000
# Before the numbers of a vector: the seconds, and whether the text was cut.
_FACTS = struct.Struct("<d?")

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

    if _OFF.get():
        return {}
    keys = {_key(encoder, text): text for text in texts}
    found: dict[str, Vector] = {}
    for key, content in _store().read(list(keys)).items():
        seconds, cut = _FACTS.unpack_from(content)
        values = np.frombuffer(content, dtype="<f4", offset=_FACTS.size).astype(np.float32)
        found[keys[key]] = Vector(values, seconds, cut)
    return found


def keep_vectors(
    encoder: str, vectors: Mapping[str, Vector], *, most_bytes: int = MOST_BYTES
) -> None:
    """Write the vectors of texts; the oldest ones make room where the file is full."""
    if _OFF.get():
        return
    contents = {
        _key(encoder, text): _FACTS.pack(float(one.seconds), bool(one.cut))
        + one.values.astype("<f4").tobytes()
        for text, one in vectors.items()
    }
    _store().keep(contents, most_bytes)


def _store() -> BoundedStore:
    return BoundedStore(cache_file(), "embeddings")


def _key(encoder: str, text: str) -> bytes:
    return hashlib.sha256(f"{encoder}\0{text}".encode("utf-8", "surrogatepass")).digest()
