"""Fitted scikit-learn models on disk, in the format of skops, which holds no code."""

from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

from tunelab.errors import RunError, UsageError
from tunelab.guards.bounded_files import within

MODEL_FILE = "model.skops"


def dump_model(model: Any, path: Path, name: str) -> None:
    """Write a fitted model; ``name`` is the classifier's for the message.

    Raises:
        RunError: it holds what the format cannot.
    """
    from skops.io import dump

    try:
        dump(model, path)
    except Exception as error:
        raise RunError(
            f"{name} was fitted and cannot be saved ({first_line(error)}); skops saves what is "
            "made of scikit-learn, NumPy, SciPy and classes whose attributes are plain values."
        ) from None


def load_model(path: Path, trusted: set[str]) -> Any:
    """Read a file of skops.

    Raises:
        UsageError: it is a link out of its folder, is compressed, which skops does not do by
            itself and which could unpack to any size, or names types of other packages than the
            ``trusted`` ones.
        RunError: it cannot be read.
    """
    from skops.io import get_untrusted_types, load

    within(path.parent, path)
    try:
        with ZipFile(path) as archive:
            packed = any(entry.compress_type != ZIP_STORED for entry in archive.infolist())
        if packed:
            raise UsageError(f"{path} is compressed; train the classifier again.")
        named = list(get_untrusted_types(file=path))
        strange = sorted({package_of(name) for name in named} - trusted)
        if not strange:
            return load(path, trusted=named)
    except UsageError:
        raise
    except Exception as error:
        raise RunError(
            f"{path} cannot be read ({first_line(error)}); train the classifier again."
        ) from None
    raise UsageError(
        f"{path} holds parts of the package {strange[0]!r}, whose code would run. Open it with the "
        "study that made it, or install the package with an entry point of tunelab.classifiers."
    )


@cache
def package_of(module: str) -> str:
    """The package of a module, by its dotted name."""
    return module.partition(".")[0]


def refused(name: str, what: str, error: Exception) -> RunError:
    """The error for a model that raised one: what it cannot do, and the reason."""
    return RunError(f"{name} cannot {what}: {first_line(error)}.")


def first_line(error: Exception) -> str:
    """The first line of what an error says, or its kind."""
    text = (str(error).splitlines() or [""])[0][:200].rstrip(".")
    return text or type(error).__name__
