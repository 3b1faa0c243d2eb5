"""Any scikit-learn classifier over texts as a classifier of a study.

A study names a function that makes one, by `use: "package.module:function"` or by an entry point;
the function's arguments are the settings. It is saved by skops, which holds no code: a file that
names types of other packages than scikit-learn and NumPy is opened only where these are trusted.
"""

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.classifiers import stored
from tunelab.classifiers.contract import ClassifierKind, Context, Estimator, Fitted, Task
from tunelab.classifiers.fitted_pipeline import FORMAT, FittedPipeline, as_array
from tunelab.classifiers.learnt_numbers import count_learnt
from tunelab.classifiers.skops_files import (
    MODEL_FILE,
    dump_model,
    first_line,
    load_model,
    package_of,
    refused,
)
from tunelab.config import ClassWeights, fingerprint
from tunelab.data.examples import groups_of
from tunelab.errors import UsageError
from tunelab.guards.validation import validated
from tunelab.runs.results import ADAPTER_RECORD, CLASSIFIERS, write_json
from tunelab.runs.seals import file_hashes, sealed
from tunelab.training.class_weights import class_weights

if TYPE_CHECKING:
    from pydantic import BaseModel


# A function that makes a scikit-learn classifier over texts from its settings.
Make = Callable[..., Any]


@dataclass(frozen=True)
class Pipeline:
    """A scikit-learn classifier of a study, before it is fitted.

    ``use`` names the function ``make``, whose arguments are ``settings``. ``class_weights`` are the
    study's: they become each ``class_weight`` in it that is None.
    """

    name: str
    use: str
    make: Make
    settings: Mapping[str, Any]
    class_weights: ClassWeights = None
    trains: bool = True
    kept_in: str = CLASSIFIERS
    device: str = "cpu"

    @property
    def about(self) -> Mapping[str, Any]:
        """Its kind; it has no model, prompt or method."""
        return {"kind": "classical", "model": self.use}

    def key(self, task: Task) -> Mapping[str, Any]:
        """The function, its settings, and the source of its module, which can change."""
        weighted = self.class_weights is not None and _weights_classes(self._made(task.seed))
        return {
            "use": self.use,
            "settings": dict(self.settings),
            "source": _source(self.make),
            **({"class_weights": self.class_weights} if weighted else {}),
        }

    def answer_key(self) -> Mapping[str, Any]:
        """Nothing: the labels follow from what was fitted."""
        return {}

    def fit(
        self, task: Task, *, folder: Path, target: Path, title: str, callbacks: Sequence[Any] = ()
    ) -> Mapping[str, Any]:
        """Fit the classifier to the training rows and save it."""
        from sklearn.utils.validation import has_fit_parameter

        from tunelab.runs.stages import replace_folder

        model = self._made(task.seed)
        if weights := class_weights(
            self.class_weights, [row.label for row in task.train], task.labels
        ):
            model.set_params(**dict.fromkeys(_weights_classes(model), weights))
        groups = groups_of(task.train)
        # What chooses by cross-validation takes groups, as scikit-learn's own do.
        more = {"groups": groups} if groups and has_fit_parameter(model, "groups") else {}
        started = time.perf_counter()
        try:
            model.fit(
                as_array([row.text for row in task.train]),
                as_array([row.label for row in task.train]),
                **more,
            )
        except Exception as error:
            raise refused(self.name, "be fitted to the training rows", error) from None
        seconds = time.perf_counter() - started
        record = {
            "version": 1,
            "format": FORMAT,
            "use": self.use,
            "settings": dict(self.settings),
            "labels": list(task.labels),
            "trained_by": folder.name,
            "types": [],
        }

        def write(fresh: Path) -> None:
            record["types"] = dump_model(model, fresh / MODEL_FILE, self.name)
            write_json(fresh / ADAPTER_RECORD, sealed(record, file_hashes(fresh, [MODEL_FILE])))

        replace_folder(target, write)
        return {
            "settings": dict(self.settings),
            "chosen": chosen_settings(model),
            "seconds": seconds,
            "trainable_parameters": count_learnt(model),
            "adapter_bytes": (target / MODEL_FILE).stat().st_size,
            "device": self.device,
        }

    def open(self, target: Path, task: Task) -> Fitted:
        """The classifier that :meth:`fit` saved.

        The package of ``make`` is trusted, and so is each type that was there when it was saved.
        """
        record = stored.read_record(target)
        stored.check_files(target, record)
        trusted = {package_of(self.make.__module__)}
        return FittedPipeline(
            self.name,
            load_model(target / MODEL_FILE, trusted, record.get("types", ())),
            task.labels,
        )

    def memory(self) -> int:
        """0: it holds little more than the rows do."""
        return 0

    def _made(self, seed: int) -> Any:
        """The unfitted classifier; each ``random_state`` in it that is None is the seed."""
        try:
            model = self.make(**self.settings)
            states = {
                key: seed
                for key, value in model.get_params().items()
                if key.rpartition("__")[2] == "random_state" and value is None
            }
            return model.set_params(**states)
        except Exception as error:
            raise UsageError(
                f"{self.use} does not make a scikit-learn classifier with the settings "
                f"{dict(self.settings)}: {first_line(error)}."
            ) from None


def kind_of(use: str, make: Make) -> ClassifierKind:
    """The kind of classifier that ``make`` makes; ``use`` is what a study calls it.

    Raises:
        UsageError: ``make`` is not a function, or has arguments that cannot be settings.
    """
    if not callable(make):
        raise UsageError(
            f"{use} is a {type(make).__name__}; it must be a function that makes a scikit-learn "
            "classifier."
        )
    settings = _settings(use, make)

    def check(values: Mapping[str, Any], prefix: str) -> None:
        validated(settings, values, prefix=prefix)

    def made(values: Mapping[str, Any], context: Context) -> Estimator:
        found = validated(settings, values).model_dump(exclude_unset=True)
        return Pipeline(use, use, make, found, context.training.class_weights)

    defaults = {
        name: field.default
        for name, field in settings.model_fields.items()
        if not field.is_required()
    }
    return ClassifierKind(use, check, made, defaults, inspect.getdoc(make) or "")


def _settings(use: str, make: Make) -> "type[BaseModel]":
    """The arguments of a function as a model that checks them."""
    from pydantic import ConfigDict, create_model

    fields: dict[str, Any] = {}
    try:
        arguments = inspect.signature(make, eval_str=True).parameters.values()
    except (ValueError, NameError, TypeError) as error:
        raise UsageError(f"the arguments of {use} cannot be read: {error}.") from None
    for one in arguments:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY):
            raise UsageError(f"the argument {one} of {use} cannot be a setting; give it a name.")
        kind = Any if one.annotation is one.empty else one.annotation
        fields[one.name] = (kind, ... if one.default is one.empty else one.default)
    return create_model("Settings", __config__=ConfigDict(extra="forbid"), **fields)


def _weights_classes(model: Any) -> list[str]:
    """The parameters of a classifier that weigh classes, and that are not set."""
    return [
        key
        for key, value in model.get_params().items()
        if key.rpartition("__")[2] == "class_weight" and value is None
    ]


def chosen_settings(model: Any) -> dict[str, Any]:
    """What a fitted classifier chose by itself, as scikit-learn's searches tell it, as JSON values.

    What is no number, text or truth value is given by its name.
    """
    found: Any = getattr(model, "best_params_", None)
    if not isinstance(found, Mapping):
        return {}
    return {
        str(key): value if isinstance(value, int | float | str | None) else str(value)
        for key, value in found.items()
    }


def _source(make: Make) -> str | None:
    """The hash of the source of a function's module; None for tunelab's own, or without source."""
    if package_of(make.__module__) == "tunelab":
        return None
    module = inspect.getmodule(make)
    try:
        return None if module is None else fingerprint(inspect.getsource(module), length=16)
    except (OSError, TypeError):
        return None
