"""tunelab: from labelled text to a fine-tuned model that is compared with evidence.

The front door for Python. Nothing heavy is imported before it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "GenerationSettings",
    "RunError",
    "Study",
    "TextClassifier",
    "UsageError",
    "__version__",
    "ask",
    "compare",
    "compare_tokenizers",
    "device_facts",
    "early_stopping",
    "estimate",
    "evaluate",
    "explain",
    "load",
    "model_catalog",
    "open_model",
    "open_run",
    "open_study",
    "play",
    "prepare",
    "run",
    "tokenize",
]

if TYPE_CHECKING:
    from tunelab.api.compare import compare as compare
    from tunelab.api.estimate import estimate as estimate
    from tunelab.api.evaluate import evaluate as evaluate
    from tunelab.api.generation import ask as ask
    from tunelab.api.generation import open_model as open_model
    from tunelab.api.generation import play as play
    from tunelab.api.machine import device_facts as device_facts
    from tunelab.api.machine import model_catalog as model_catalog
    from tunelab.api.methods import early_stopping as early_stopping
    from tunelab.api.methods import explain as explain
    from tunelab.api.opened_run import open_run as open_run
    from tunelab.api.prepare import prepare as prepare
    from tunelab.api.run import open_study as open_study
    from tunelab.api.run import run as run
    from tunelab.api.tokenize import compare_tokenizers as compare_tokenizers
    from tunelab.api.tokenize import tokenize as tokenize
    from tunelab.classifiers.classifier import load as load
    from tunelab.classifiers.text_classifier import TextClassifier as TextClassifier
    from tunelab.config.study import Study as Study
    from tunelab.errors import RunError as RunError
    from tunelab.errors import UsageError as UsageError
    from tunelab.generation.settings import GenerationSettings as GenerationSettings
else:
    _MODULES = {
        "GenerationSettings": "tunelab.generation.settings",
        "RunError": "tunelab.errors",
        "Study": "tunelab.config.study",
        "TextClassifier": "tunelab.classifiers.text_classifier",
        "UsageError": "tunelab.errors",
        "ask": "tunelab.api.generation",
        "compare": "tunelab.api.compare",
        "compare_tokenizers": "tunelab.api.tokenize",
        "device_facts": "tunelab.api.machine",
        "early_stopping": "tunelab.api.methods",
        "estimate": "tunelab.api.estimate",
        "evaluate": "tunelab.api.evaluate",
        "explain": "tunelab.api.methods",
        "load": "tunelab.classifiers.classifier",
        "model_catalog": "tunelab.api.machine",
        "open_model": "tunelab.api.generation",
        "open_run": "tunelab.api.opened_run",
        "open_study": "tunelab.api.run",
        "play": "tunelab.api.generation",
        "prepare": "tunelab.api.prepare",
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
