"""Hidden states of rows on disk, so that layers that never change are run once for each row.

They lie in a file of tunelab's cache (:mod:`tunelab.models.bounded_store`), under a key that is
formed of the model, the token ids and whatever else decides the bits. No text is kept, but texts
can be reconstructed from states.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tunelab.config import Bytes
from tunelab.errors import UsageError
from tunelab.models.bounded_store import BoundedStore
from tunelab.models.cache import cache_folder

# The environment variable that bounds the file, and what it may grow to without it.
LIMIT = "TUNELAB_STATES"
MOST_BYTES = 4_000_000_000


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
    return _store().read(keys, used=used)


def count_states(keys: Sequence[bytes]) -> int:
    """How many of the keys are in the cache."""
    return _store().count(keys)


def keep_states(contents: Mapping[bytes, bytes], *, limit: int | None = None) -> None:
    """Write contents by their keys; what was unused for longest makes room where ``limit`` is met.

    Without a limit it is :func:`most_bytes`.
    """
    if most := most_bytes() if limit is None else limit:
        _store().keep(contents, most)


def _store() -> BoundedStore:
    return BoundedStore(state_file(), "hidden states")
