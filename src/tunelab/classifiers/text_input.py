"""Texts and labels as people hand them over: lists, arrays, columns of a table."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tunelab.data.normalizing import normal_text

if TYPE_CHECKING:
    import numpy as np

# What a label may be; anything else has no plain word for a prompt.
_KINDS = "a text, a whole number or a boolean"
_SHOWN = 60


def as_texts(texts: Any, name: str = "X") -> list[str]:
    """One-dimensional texts as a list: of a list, a tuple, an array or a column of a table.

    Texts are in the form in which files are loaded (:mod:`tunelab.data.normalizing`). A half of a
    surrogate pair, which no file and no tokenizer takes, becomes a question mark.

    Raises:
        ValueError: it is one text, has more than one dimension, holds something else than texts,
            or no row.
    """
    if isinstance(texts, str | bytes):
        raise ValueError(f"{name} is one text; give a list of texts, as in [text].")
    shape = getattr(texts, "shape", None)
    if isinstance(shape, tuple) and len(shape) != 1:
        way = (
            "name its column of texts, as in table['text']"
            if hasattr(texts, "columns")
            else f"choose its column of texts, as in {name}[:, 0]"
            if len(shape) == 2
            else "give a list of texts"
        )
        raise ValueError(f"{name} has {len(shape)} dimensions {shape}, and needs 1; {way}.")
    if not isinstance(texts, Iterable) or isinstance(texts, dict):
        raise ValueError(f"{name} must be a list of texts, not {_shown(texts)}.")
    found = list(texts)
    if not found:
        raise ValueError(f"{name} holds 0 texts; at least 1 is needed.")
    for position, text in enumerate(found):
        if not isinstance(text, str):
            raise ValueError(
                f"{name} holds {_shown(text)} at position {position}, which is not a text; turn it "
                "into one, or leave the row out."
            )
    return [normal_text(text.encode("utf-8", "replace").decode("utf-8")) for text in found]


def as_classes(labels: Any, rows: int) -> "tuple[np.ndarray, np.ndarray]":
    """The classes of labels, sorted, in the type that they came in, and each row's index.

    Raises:
        ValueError: there is not one label for each of ``rows`` texts, a label is missing or of a
            type that is no class, or all labels are the same.
    """
    import numpy as np
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import assert_all_finite, column_or_1d

    if labels is None:
        raise ValueError(
            "TextClassifier requires y to be passed, but the target y is None; give a label for "
            "each text."
        )
    values = column_or_1d(_as_array(labels), warn=True)
    if len(values) != rows:
        raise ValueError(
            f"X holds {rows} texts and y holds {len(values)} labels; give one label for each text."
        )
    assert_all_finite(values, input_name="y", estimator_name="TextClassifier")
    strange = [value for value in values.tolist() if not isinstance(value, str | int | float)]
    if strange:
        raise ValueError(f"y holds {_shown(strange[0])}; a label must be {_KINDS}.")
    try:
        check_classification_targets(values)
        classes, index = np.unique(values, return_inverse=True)
    except TypeError:
        raise _mixed() from None
    if rows < 2:
        raise ValueError("X holds 1 sample; a classifier needs 2 or more, of 2 classes or more.")
    if len(classes) < 2:
        raise ValueError(
            f"y holds only the class {_shown(classes.tolist()[0])}; a classifier needs 2 classes "
            "or more."
        )
    return classes, index


def class_words(classes: "np.ndarray") -> tuple[str, ...]:
    """The word that stands for each class in a prompt; 1.0 is written as 1.

    Raises:
        ValueError: a class has no word, or two have the same but for case.
    """
    words = tuple(
        str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
        for value in classes.tolist()
    )
    if not all(words):
        raise ValueError("y holds a blank label; give each text a label that can be seen.")
    seen: dict[str, str] = {}
    for word in words:
        form = word.casefold()
        if form in seen:
            raise ValueError(
                f"the classes {seen[form]!r} and {word!r} of y differ at most in case or blanks; "
                "write them the same, or rename one."
            )
        seen[form] = word
    return words


def _as_array(labels: Any) -> Any:
    """Labels as an array, or as they are; a missing one is not turned into a word.

    NumPy would write a nan among texts as the text "nan", and a column of pandas that can hold
    missing numbers would become one of fractions.

    Raises:
        ValueError: a label is missing, or texts stand beside something else.
    """
    import numpy as np

    is_column = hasattr(labels, "to_numpy") and getattr(labels, "ndim", 1) == 1
    array = labels.to_numpy() if is_column else labels
    if isinstance(array, list | tuple) or (
        isinstance(array, np.ndarray) and array.dtype == object and array.ndim == 1
    ):
        missing = [position for position, value in enumerate(array) if _is_missing(value)]
        if missing:
            raise ValueError(
                f"y holds no label at position {missing[0]}; label the row, or leave it out."
            )
        if len({isinstance(value, str) for value in array}) > 1:
            raise _mixed()
    return array


def _mixed() -> ValueError:
    return ValueError("y holds labels of several types, which have no order; turn all into texts.")


def _is_missing(value: Any) -> bool:
    # pandas' own sign for it is neither equal to itself nor different from itself.
    unlike_itself = type(value).__name__ in ("NAType", "NaTType")
    return value is None or unlike_itself or (isinstance(value, float) and value != value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
