"""The kinds of classifiers that are there: tunelab's, those of plug-ins, and named functions."""

from typing import Any

from tunelab import registry
from tunelab.classifiers.contract import ClassifierKind
from tunelab.classifiers.scikit_learn import kind_of
from tunelab.errors import UsageError


def find_classifier(use: str) -> ClassifierKind:
    """The kind of this name, or the one that ``"package.module:function"`` makes.

    Raises:
        UsageError: there is none of that name, or the function cannot be imported.
    """
    if ":" not in use:
        return _kind(use, registry.resolve("classifier", use, registry.CLASSIFIERS))
    try:
        found = registry.import_target(use)
        if not all(use.split(":", 1)):
            raise ImportError("the module or the function is missing")
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0][:200].rstrip(".") or type(error).__name__
        raise UsageError(
            f"the classifier {use!r} cannot be imported: {reason}. Name an installed module and a "
            "function in it, as package.module:function."
        ) from None
    return _kind(use, found)


def check_classifier(name: str, found: object) -> None:
    """Refuse what an entry point gives in place of a classifier.

    Raises:
        UsageError: it is neither a kind of classifier nor a function that makes one, or it has
            another name than the entry point.
    """
    kind = _kind(name, found)
    if kind.name != name:
        raise UsageError(f"its name is {kind.name!r}, not that of the entry point")


def _kind(use: str, found: Any) -> ClassifierKind:
    return found if isinstance(found, ClassifierKind) else kind_of(use, found)
