"""Messages that name keys of a study file, in the words of the page's form."""

import re

_FIELDS = {
    "data.sample.train": "Training rows",
    "data.sample.validation": "Validation rows",
    "data.sample.test": "Test rows",
    "data.text": "Column of the texts",
    "data.label": "Column of the labels",
    "prompt.system": "Instruction",
    "prompt.max_length": "Longest row",
    "training.epochs": "Epochs",
    "training.batch_size": "Batch size",
    "training.learning_rate": "Learning rate",
}
_KEY = re.compile(rf"({'|'.join(map(re.escape, _FIELDS))})(?![\w.])(=?)")


def in_form_words(message: str) -> str:
    """``message`` with the label of the field in place of each key that the form sets."""
    return _KEY.sub(_label, message)


def _label(match: re.Match[str]) -> str:
    return f"“{_FIELDS[match[1]]}”" + (" = " if match[2] else "")
