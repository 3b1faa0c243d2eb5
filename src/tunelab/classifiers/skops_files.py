"""Fitted scikit-learn models on disk, in the format of skops, which holds no code."""

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

from tunelab.errors import RunError, UsageError
from tunelab.guards.bounded_files import within

MODEL_FILE = "model.skops"


# Parts of libraries that hold fitted models. Functions that run or read other things stand
# elsewhere in these packages.
_OF_MODELS = (
    *(
        f"sklearn.{module}."
        for module in (
            *("_loss", "calibration", "decomposition", "discriminant_analysis", "ensemble"),
            *("feature_extraction", "feature_selection", "gaussian_process", "linear_model"),
            *("metrics._dist_metrics", "metrics._scorer", "model_selection", "multiclass"),
            *("naive_bayes", "neighbors", "neural_network", "pipeline", "preprocessing"),
            *("semi_supervised", "svm", "tree", "utils._bunch"),
        )
    ),
    "scipy.sparse.",
)


def dump_model(model: Any, path: Path, name: str) -> list[str]:
    """Write a fitted model; ``name`` is the classifier's for the message.

    Returns the types in the file that skops does not trust by itself, by their dotted names.

    Raises:
        RunError: it holds what the format cannot, or cannot be read again.
    """
    from skops.io import dump, get_untrusted_types, load

    try:
        dump(model, path)
        named = list(get_untrusted_types(file=path))
        load(path, trusted=named)
        return named
    except Exception as error:
        raise RunError(
            f"{name} was fitted and cannot be saved ({first_line(error)}); skops saves what is "
            "made of scikit-learn, NumPy, SciPy and classes whose attributes are plain values."
        ) from None


def load_model(path: Path, trusted: set[str], types: Collection[str] = ()) -> Any:
    """Read a file of skops.

    ``trusted`` are packages, and ``types`` the names of single types, whose code may be used beside
    what fitted models of scikit-learn are made of.

    Raises:
        UsageError: it is a link out of its folder, is compressed, which skops does not do by
            itself and which could unpack to any size, or names other types.
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
        strange = sorted(
            package_of(name)
            for name in named
            if package_of(name) not in trusted
            and name not in types
            and not name.startswith(_OF_MODELS)
        )
        if not strange:
            return load(path, trusted=named)
    except UsageError:
        raise
    except Exception as error:
        raise RunError(
            f"{path} cannot be read ({first_line(error)}); train the classifier again."
        ) from None
    raise UsageError(
        f"{path} needs code of the package {strange[0]!r}, which is not trusted. Install the "
        "package with an entry point of tunelab.classifiers, or run the study that made it."
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
