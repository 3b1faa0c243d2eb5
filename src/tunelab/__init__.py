"""tunelab: from labelled text to a fine-tuned model that is compared with evidence.

The front door for Python. Nothing heavy is imported before it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "Study",
    "TextClassifier",
    "__version__",
    "compare",
    "estimate",
    "evaluate",
    "load",
    "open_run",
    "run",
    "tokenize",
]

if TYPE_CHECKING:
    from tunelab.api.compare import compare as compare
    from tunelab.api.estimate import estimate as estimate
    from tunelab.api.evaluate import evaluate as evaluate
    from tunelab.api.opened_run import open_run as open_run
    from tunelab.api.run import run as run
    from tunelab.api.tokenize import tokenize as tokenize
    from tunelab.classifiers.classifier import load as load
    from tunelab.classifiers.text_classifier import TextClassifier as TextClassifier
    from tunelab.config import Study as Study
else:
    _MODULES = {
        "Study": "tunelab.config",
        "TextClassifier": "tunelab.classifiers.text_classifier",
        "compare": "tunelab.api.compare",
        "estimate": "tunelab.api.estimate",
        "evaluate": "tunelab.api.evaluate",
        "load": "tunelab.classifiers.classifier",
        "open_run": "tunelab.api.opened_run",
        "run": "tunelab.api.run",
        "tokenize": "tunelab.api.tokenize",
    }

    def __getattr__(name: str) -> Any:
        """Import a name of the front door when it is first asked for."""
        if name not in _MODULES:
            raise AttributeError(f"module 'tunelab' has no attribute {name!r}")
        value = getattr(import_module(_MODULES[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        """The front door, for completion in editors and notebooks."""
        return sorted(__all__)
