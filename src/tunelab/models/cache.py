"""The cache of converted models: entries are checked, and built again if damaged."""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from tunelab.errors import RunError
from tunelab.guards.file_modes import follow_umask
from tunelab.runs.results import write_json
from tunelab.runs.seals import file_hash

_log = logging.getLogger(__name__)

MANIFEST = "manifest.json"


def cache_folder() -> Path:
    """``TUNELAB_CACHE``, else the platform's folder for caches."""
    chosen = os.environ.get("TUNELAB_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("tunelab")


def cached(name: str, build: Callable[[Path], None]) -> Path:
    """The folder of a cache entry, built by ``build`` if it is absent or damaged.

    Every file is compared with its SHA-256 before the entry is used. An entry is built in a
    temporary folder and renamed, under a lock: of two processes one builds and the other waits.
    A whole entry is used without the lock, so a cache that can only be read serves as well.

    Raises:
        RunError: the cache cannot be written, or the disk is full.
    """
    from filelock import FileLock

    target = _entry(name)
    if find_damage(target) is None:
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{name}.lock")):
            problem = find_damage(target)
            if problem is None:
                return target
            if target.exists():
                _log.warning("the cached %s is damaged (%s); it is built anew", name, problem)
            _remove_leftovers(target)
            _build(target, build)
            return target
    except OSError as error:
        raise RunError(
            f"cannot write the cache {cache_folder()}: {error.strerror or error}; free space or "
            "set TUNELAB_CACHE to another folder."
        ) from None


def is_cached(name: str) -> bool:
    """Whether an entry exists; it is checked when it is used."""
    return (_entry(name) / MANIFEST).is_file()


def _entry(name: str) -> Path:
    return cache_folder() / "models" / name


def find_damage(entry: Path) -> str | None:
    """What is wrong with an entry, or None if every file is unchanged."""
    if not entry.is_dir():
        return "there is none"
    try:
        files = json.loads((entry / MANIFEST).read_text(encoding="utf-8"))["files"]
        for name, digest in files.items():
            if file_hash(entry / name) != digest:
                return f"{name} was changed"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return f"{type(error).__name__} in its manifest or files"
    return None if files else "it is empty"


def entry_hash(entry: Path) -> str:
    """SHA-256 over the manifest, which holds the hash of every file."""
    return file_hash(entry / MANIFEST)


def _build(target: Path, build: Callable[[Path], None]) -> None:
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        build(fresh)
        files = {
            file.relative_to(fresh).as_posix(): file_hash(file)
            for file in sorted(fresh.rglob("*"))
            if file.is_file()
        }
        for name in files:
            _to_disk(fresh / name)
        write_json(fresh / MANIFEST, {"files": files})
        # Other users of a shared cache read it too, if the umask lets them.
        follow_umask(fresh)
        if target.exists():
            shutil.rmtree(target)
        fresh.replace(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _remove_leftovers(target: Path) -> None:
    """Remove what a killed process left of a build. Only the holder of the lock builds."""
    for folder in target.parent.glob(f".{target.name}.*"):
        if folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)
