"""Files by location: a path, or a URL that fsspec opens, as s3://bucket/runs/starter."""

import os
from functools import cache
from pathlib import Path
from typing import Any

from tunelab.errors import RunError, UsageError
from tunelab.runs.results import write_bytes as write_local


def is_remote(location: str) -> bool:
    """Whether a location is a URL rather than a path."""
    return "://" in location


def join(location: str, *names: str) -> str:
    """The location of something inside another."""
    return "/".join([location.rstrip("/"), *names])


def read_bytes(location: str) -> bytes | None:
    """All of a file, or None where there is none.

    Raises:
        RunError: it cannot be read.
    """
    try:
        if not is_remote(location):
            return Path(location).read_bytes()
        files, path = _opened(location)
        return bytes(files.cat_file(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"cannot read {location}: {_reason(error)}.") from None


def write_bytes(location: str, content: bytes) -> None:
    """Write a file that is whole or absent: by a rename here, by one upload elsewhere.

    Raises:
        RunError: it cannot be written.
    """
    if not is_remote(location):
        write_local(Path(location), content)
        return
    files, path = _opened(location)
    try:
        files.makedirs(path.rpartition("/")[0], exist_ok=True)
        files.pipe_file(path, content)
    except OSError as error:
        raise RunError(f"cannot write {location}: {_reason(error)}.") from None


def remove(location: str) -> None:
    """Remove a file, if there is one.

    Raises:
        RunError: it cannot be removed.
    """
    try:
        if not is_remote(location):
            Path(location).unlink(missing_ok=True)
            return
        files, path = _opened(location)
        files.rm_file(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunError(f"cannot remove {location}: {_reason(error)}.") from None


def list_files(location: str) -> dict[str, int]:
    """Size in bytes of every file below a location, by its name within it.

    Raises:
        RunError: it cannot be listed.
    """
    if not is_remote(location):
        root = Path(location)
        return {
            file.relative_to(root).as_posix(): file.stat().st_size
            for file in root.rglob("*")
            if file.is_file()
        }
    files, path = _opened(location)
    try:
        found = files.find(path, detail=True)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RunError(f"cannot list {location}: {_reason(error)}.") from None
    stem = path.rstrip("/") + "/"
    return {
        name[len(stem) :]: int(about["size"])
        for name, about in found.items()
        if name.startswith(stem)
    }


def download(location: str, target: Path) -> None:
    """Copy a remote file to a path.

    Raises:
        UsageError: there is no such file.
        RunError: it cannot be read or kept.
    """
    files, path = _opened(location)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        files.get_file(path, str(target))
    except FileNotFoundError:
        raise UsageError(f"there is no file {location!r}.") from None
    except OSError as error:
        raise RunError(f"cannot fetch {location}: {_reason(error)}.") from None


def _opened(location: str) -> tuple[Any, str]:
    """A file system of fsspec and the path in it.

    Raises:
        UsageError: fsspec does not know the kind, or the package for it is not installed.
    """
    import fsspec

    if location.startswith("s3://"):
        return _s3(), location.removeprefix("s3://")
    try:
        # What other processes wrote since has to be seen.
        files, path = fsspec.url_to_fs(location, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise UsageError(f"cannot open {location}: {_reason(error)}.") from None
    return files, str(path)


@cache
def _s3() -> Any:
    """S3 by the client that comes with pyarrow; keys and region are those of the environment."""
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import S3FileSystem

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    scheme, _, host = (endpoint or "").rpartition("://")
    options = {"endpoint_override": host, "scheme": scheme or "https"} if host else {}
    return ArrowFSWrapper(S3FileSystem(allow_bucket_creation=False, **options))


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
