"""A fine-tuned language model as a scikit-learn classifier."""

import json
import re
import tempfile
from collections.abc import Mapping
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from sklearn.base import BaseEstimator, ClassifierMixin

from tunelab.errors import TunelabError, UsageError
from tunelab.guards.bounded_files import home_path, is_file, is_folder, read_bounded, within
from tunelab.library_warnings import hide_library_warnings

if TYPE_CHECKING:
    import numpy as np

    from tunelab.classifiers.classifier import Classifier

RECORD = "text_classifier.json"
_LARGEST = 20_000_000
_STUDY_KEY = re.compile(r"\b(?:prompt|training)\.(?=[a-z])")
_INSTRUCTION = "Classify the text. Answer with one of these labels: {labels}."
_TYPES = (
    *("bool", "str", "object", "float16", "float32", "float64"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)


class TextClassifier(ClassifierMixin, BaseEstimator):
    """Fine-tune a small language model to label texts; follows scikit-learn's rules.

    It is trained as a study trains, with the same functions. It works in pipelines, in
    `cross_val_score`, `GridSearchCV` and `CalibratedClassifierCV`.

    Parameters:
        model: a model that tunelab knows, a folder, or owner/name on the Hub.
        method: full, lora, dora, ia3, ...; `method_settings` are its own keys, as in a study.
        answers: words, the model writes the label; or head, a linear layer on the last token
            gives a score for each.
        epochs: passes over the training rows at most; training stops where the validation loss
            has not fallen for four evaluations, two an epoch.
        learning_rate: the highest one; None for the method's own.
        batch_size: rows of a batch.
        max_length: tokens of a row at most; longer texts are cut at their end.
        instruction: what the model is asked; {labels} becomes the names of the labels. None for
            a neutral one.
        validation_fraction: share of the rows that the best weights are chosen by, drawn with the
            class proportions kept; 0 for none, and the last weights.
        random_state: decides the draw, the first weights and the order of the rows.
        device: auto, cpu, cuda or mps.
        precision: auto, float32, bfloat16 or float16.
        folder: where `fit` saves what it made, as `save` does, in the place of what an earlier
            fit saved; None for nowhere.
        verbose: show progress.

    Attributes after `fit`:
        classes_: array (classes,), sorted, of the type of y.
        n_iter_: optimizer steps that were made.
        best_loss_: the lowest validation loss in nats a token, or a label of a head; None without
            validation rows.
        adapter_: what was trained, in memory.
    """

    def __init__(
        self,
        model: str = "smollm2-135m-instruct",
        method: str = "lora",
        *,
        answers: str = "words",
        epochs: float = 3,
        learning_rate: float | None = None,
        batch_size: int = 16,
        max_length: int = 256,
        instruction: str | None = None,
        validation_fraction: float = 0.1,
        random_state: Any = 0,
        device: str = "auto",
        precision: str = "auto",
        method_settings: Mapping[str, Any] | None = None,
        folder: str | Path | None = None,
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.method = method
        self.answers = answers
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_length = max_length
        self.instruction = instruction
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.method_settings = method_settings
        self.folder = folder
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """What it takes: one dimension of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def fit(self, X: Any, y: Any = None) -> "TextClassifier":  # noqa: N803 - scikit-learn's name
        """Fine-tune the model on texts ``X`` and labels ``y``, a text or number for each.

        The random numbers of Python, NumPy and torch are left as they were.

        Raises:
            ValueError: X is not a list of texts; y lacks a label for one, or has one class only, or
                two classes that differ only in case.
            UsageError: a parameter is wrong.
            RunError: the model cannot be loaded, or the training failed.
        """
        from tunelab.classifiers.fine_tuning import fine_tune, kept_random_state
        from tunelab.classifiers.stored_adapter import read_adapter
        from tunelab.classifiers.text_input import as_classes, as_texts, class_words
        from tunelab.classifiers.validation_rows import draw_validation
        from tunelab.data.examples import Example

        texts = as_texts(X)
        classes, index = as_classes(y, len(texts))
        words = class_words(classes)
        how = self._checked()
        if self.folder is not None:
            _check_target(home_path(str(self.folder)))
        rows = [Example(text, words[position]) for text, position in zip(texts, index, strict=True)]
        with (
            tempfile.TemporaryDirectory(prefix="tunelab-") as name,
            kept_random_state(),
            hide_library_warnings(),
        ):
            train_rows, validation_rows = draw_validation(
                rows, self.validation_fraction, how["seed"]
            )
            try:
                tuned = fine_tune(
                    train_rows,
                    validation_rows,
                    **how,
                    labels=words,
                    folder=Path(name) / "train",
                    target=Path(name) / "adapters" / "classifier",
                    title=f"{self.method} trains" if self.verbose else "",
                )
            except TunelabError as error:
                # A study's key is a parameter here.
                raise type(error)(_STUDY_KEY.sub("", str(error))) from None
            self.adapter_ = read_adapter(Path(name) / "adapters" / "classifier")
        self.classes_ = classes
        self.n_iter_ = tuned.outcome.steps
        self.best_loss_ = tuned.outcome.best_loss
        if self.folder is not None:
            self.save(self.folder)
        return self

    def predict(self, X: Any) -> "np.ndarray":  # noqa: N803 - scikit-learn's name
        """The likeliest class of each text, array (rows,) of the type of y.

        It is the class of the highest probability, the first of equal ones, so that it always
        agrees with :meth:`predict_proba`.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: X is not a list of texts.
        """
        likeliest = self.predict_proba(X).argmax(axis=1)
        chosen: np.ndarray = self.classes_[likeliest]
        return chosen

    def predict_proba(self, X: Any) -> "np.ndarray":  # noqa: N803 - scikit-learn's name
        """The probability of each class, array (rows, classes) in the order of ``classes_``.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: X is not a list of texts.
        """
        from tunelab.classifiers.text_input import as_texts

        return self._classifier().predict_proba(as_texts(X))

    def save(self, folder: str | Path) -> Path:
        """Write what was fitted to a folder, and return its path.

        `TextClassifier.load`, `tunelab.load` and `tunelab predict --adapter` read it. The base
        model is named in it and not part of it, but for the method full.

        Raises:
            NotFittedError: `fit` was not called.
            UsageError: the folder holds other files, or a class cannot be written down.
            RunError: the folder cannot be written.
        """
        from tunelab.runs.results import write_json
        from tunelab.runs.seals import sealed
        from tunelab.runs.stages import replace_folder

        self._classifier_is_fitted()
        target = home_path(str(folder))
        _check_target(target)
        kind = "str" if self.classes_.dtype.kind == "U" else self.classes_.dtype.name
        if kind not in _TYPES:
            raise UsageError(f"classes of the type {kind} cannot be saved; use texts or numbers.")
        record = {
            "version": 1,
            "parameters": self._plain_parameters(),
            "classes": {"type": kind, "values": self.classes_.tolist()},
            "steps": self.n_iter_,
            "best_loss": self.best_loss_,
        }

        def write(fresh: Path) -> None:
            self.adapter_.write(fresh)
            write_json(fresh / RECORD, sealed(record, {}))

        target.parent.mkdir(parents=True, exist_ok=True)
        replace_folder(target.resolve(), write)
        return target

    @classmethod
    def load(cls, folder: str | Path) -> "TextClassifier":
        """A fitted classifier from what :meth:`save` wrote.

        Raises:
            UsageError: the folder holds none, or its record is damaged or was changed.
        """
        from tunelab.classifiers.stored_adapter import read_adapter

        path = home_path(str(folder))
        record = _read_record(path)
        fitted = cls(**record["parameters"])
        fitted.classes_ = record["classes"]
        fitted.n_iter_ = record["steps"]
        fitted.best_loss_ = record["best_loss"]
        fitted.adapter_ = read_adapter(path)
        return fitted

    def _classifier(self) -> "Classifier":
        self._classifier_is_fitted()
        opened: Classifier = self.adapter_.open(
            device=self.device, precision=self.precision, verbose=self.verbose
        )
        return opened

    def _classifier_is_fitted(self) -> None:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "adapter_")

    def _checked(self) -> dict[str, Any]:
        """The parameters, each checked and resolved, as arguments of the training."""
        from sklearn.utils import check_random_state

        from tunelab.config import AnswersWith, Prompt, Training
        from tunelab.guards.validation import validated
        from tunelab.methods.contract import find_method
        from tunelab.models.catalog import find
        from tunelab.models.device import pick_device, pick_dtype
        from tunelab.registry import check_name

        find(str(self.model))
        method = find_method(str(self.method))
        check_name("way to answer", str(self.answers), get_args(AnswersWith))
        settings = validated(
            method.Settings,
            {key: _plain_number(value) for key, value in (self.method_settings or {}).items()},
            prefix="method_settings.",
        )
        given = {
            "epochs": _plain_number(self.epochs),
            "batch_size": _plain_number(self.batch_size),
            "precision": self.precision,
            "tracking": [],
        }
        if self.learning_rate is not None:
            given["learning_rate"] = _plain_number(self.learning_rate)
        training = validated(Training, given)
        instruction = _INSTRUCTION if self.instruction is None else self.instruction
        if not isinstance(instruction, str):
            raise UsageError(f"instruction is {instruction!r}; it must be a text.")
        prompt = validated(
            Prompt,
            {
                "system": instruction,
                "max_length": _plain_number(self.max_length),
            },
        )
        fraction = _plain_number(self.validation_fraction)
        if isinstance(fraction, bool) or not isinstance(fraction, int | float):
            raise UsageError(f"validation_fraction is {fraction!r}; it must be a number.")
        if not 0 <= fraction < 1:
            raise UsageError(f"validation_fraction is {fraction}; it must be from 0 to below 1.")
        seed = _plain_number(self.random_state)
        if seed is None or hasattr(seed, "randint"):
            seed = int(check_random_state(seed).randint(2**31 - 1))
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
            raise UsageError(f"random_state is {seed!r}; it must be from 0 to 4294967295, or None.")
        device = pick_device(self.device)
        own = None if self.learning_rate is not None else method.learning_rate
        return {
            "model": str(self.model),
            "method": str(self.method),
            "answers": self.answers,
            "settings": settings,
            "prompt": prompt,
            "training": training,
            "learning_rate": float(own or training.learning_rate),
            "seed": seed,
            "device": device,
            "dtype": pick_dtype(self.precision, device),
        }

    def _plain_parameters(self) -> dict[str, Any]:
        """The parameters as JSON values; a generator of random numbers and a folder are none."""
        values = {**self.get_params(deep=False), "folder": None, "model": str(self.model)}
        if hasattr(self.random_state, "randint"):
            values["random_state"] = None
        plain: dict[str, Any] = json.loads(json.dumps(values, default=_plain_number))
        return plain


def _plain_number(value: Any) -> Any:
    """A number of NumPy's as Python's own, as a search of settings may hand it over."""
    return value.item() if isinstance(value, Number) and hasattr(value, "item") else value


def _check_target(folder: Path) -> None:
    """Refuse a folder that holds anything but what was saved before.

    Raises:
        UsageError: as said.
    """
    from tunelab.runs.results import ADAPTER_RECORD

    if is_file(folder):
        raise UsageError(f"{folder} is a file; name a folder.")
    if is_folder(folder) and any(folder.iterdir()) and not is_file(folder / ADAPTER_RECORD):
        raise UsageError(f"{folder} holds other files; name a new folder.")


def _read_record(folder: Path) -> dict[str, Any]:
    import numpy as np

    from tunelab.runs.seals import is_intact

    if not is_file(folder / RECORD):
        raise UsageError(
            f"{str(folder)[:200]} holds no {RECORD}; name a folder that TextClassifier.save wrote."
        )
    wrong = UsageError(f"{folder / RECORD} is damaged or was changed; save the classifier again.")
    try:
        record = json.loads(read_bounded(within(folder, folder / RECORD), _LARGEST))
        if not is_intact(record) or record["version"] != 1:
            raise wrong
        # A classifier that was saved before there were heads answers in words.
        record["parameters"].setdefault("answers", "words")
        known = set(TextClassifier().get_params(deep=False))
        kind, values = record["classes"]["type"], record["classes"]["values"]
        if set(record["parameters"]) != known or kind not in _TYPES or len(values) < 2:
            raise wrong
        record["classes"] = np.array(values, dtype=kind)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError):
        raise wrong from None
    return dict(record)
