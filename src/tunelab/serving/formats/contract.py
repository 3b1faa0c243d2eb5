"""The contract of an export format: which classifiers it can hold, and how it is written and run.

A format is one file with ``FORMAT = Format(...)``, named in ``registry.EXPORT_FORMATS``. It knows a
classifier by what that can give, as a graph or a scikit-learn model, and never by its kind.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunelab.classifiers.contract import Fitted
from tunelab.errors import UsageError
from tunelab.registry import EXPORT_FORMATS, resolve

# What the code of a format reads beside the model: labels, and how texts become its input.
SETTINGS = "classifier.json"


@dataclass(frozen=True)
class Source:
    """A classifier that is exported: its folder, its record, and itself in float32.

    It was opened for this export alone, which may change it. ``device``: where it was opened.
    """

    folder: Path
    record: Mapping[str, Any]
    fitted: Fitted
    device: str = "cpu"


@dataclass(frozen=True)
class Format:
    """A format of exported classifiers.

    ``name``: what a user calls it. ``title``: what it is, for cards. ``types``: the types of
    weights, the default first; each with the largest difference of a probability that its
    arithmetic explains, None where it rounds weights, so that the rows decide.
    ``refusal(source)``: one sentence why it cannot hold a classifier, None where it can.
    ``write(source, folder, type)``: writes the files into an empty folder, and returns what the
    record of the export shall hold.
    ``library``: what the Hub calls the library that reads it.
    ``code``: Python that runs in the folder of an export, with ``packages`` alone, and defines
    ``classify(texts)``: for each text its label or None, the probabilities in the order of the
    labels or None, and the raw answer or None. The card shows it, and the proof runs it.
    ``literals``: names that stand in the code, each with the value of the record of an export that
    :meth:`code_for` writes there.
    ``parse(answer, labels)``: the label of a raw answer, as tunelab reads it; None where the code
    gives the labels. ``packages``: what the code imports, with the name by which pip installs it,
    and ``writers`` what writes the format beside these. ``extra``: the extra of tunelab that
    installs them, None where tunelab needs them anyway.
    ``prompt_ids``: code behind ``code``, of the proof alone, that defines ``prompt_ids(text)``: the
    token ids of the prompt of a text, to be compared; empty where there is no prompt.
    ``most_rows``: of a proof.
    ``note``: what a reader of the card should know beside the code, as Markdown.
    ``no_probabilities``: why the code gives none, None where it gives some.
    """

    name: str
    title: str
    types: Mapping[str, float | None]
    refusal: Callable[[Source], str | None]
    write: Callable[[Source, Path, str], Mapping[str, Any]]
    code: str
    packages: Mapping[str, str]
    library: str
    writers: Mapping[str, str] = field(default_factory=dict)
    extra: str | None = None
    note: str = ""
    literals: Mapping[str, str] = field(default_factory=dict)
    most_rows: int = 1000
    prompt_ids: str = ""
    parse: Callable[[str, Sequence[str]], str | None] | None = None
    no_probabilities: str | None = None

    def code_for(self, about: Mapping[str, Any]) -> str:
        """The code of one export; ``about`` is what ``write`` returned."""
        code = self.code
        for name, key in self.literals.items():
            code = code.replace(name, json.dumps(about[key], indent=4))
        return code

    @property
    def default_type(self) -> str:
        """The type of weights where none is asked for."""
        return next(iter(self.types))


def find_format(name: str) -> Format:
    """The format of this name.

    Raises:
        UsageError: there is none; the near matches are named.
    """
    found: Format = resolve("export format", name, EXPORT_FORMATS)
    return found


def formats_for(source: Source) -> list[str]:
    """The names of the formats that can hold a classifier, in their order."""
    return [name for name in EXPORT_FORMATS if find_format(name).refusal(source) is None]


def choose_format(source: Source, name: str | None) -> Format:
    """The format of this name, or the first that can hold the classifier.

    Raises:
        UsageError: it cannot hold the classifier; the message says why, and which can.
    """
    chosen = None if name is None else find_format(name)
    reason = None if chosen is None else chosen.refusal(source)
    if chosen is not None and reason is None:
        return chosen
    able = formats_for(source)
    if chosen is None and able:
        return find_format(able[0])
    why = reason or "it gives no graph, no scikit-learn model and no weights that can be merged"
    instead = (
        f"it can be exported as {' or '.join(able)}"
        if able
        else f"use it as it is: tunelab predict FILE --adapter {source.folder}"
    )
    as_what = "" if chosen is None else f" as {chosen.name}"
    raise UsageError(f"{source.fitted.name} cannot be exported{as_what}: {why}; {instead}.")


def choose_type(chosen: Format, type: str | None) -> str:
    """The type of weights that is asked for, or the format's default.

    Raises:
        UsageError: the format does not have it.
    """
    if type is None:
        return chosen.default_type
    if type not in chosen.types:
        raise UsageError(
            f"{chosen.name} has no type {type!r}; its types are {', '.join(chosen.types)}."
        )
    return type


def check_installed(chosen: Format) -> None:
    """Refuse a format whose runtime is not installed, before anything is opened.

    Raises:
        UsageError: the message says what to install.
    """
    from importlib.util import find_spec

    needed = {**chosen.packages, **chosen.writers}
    missing = [pip for name, pip in needed.items() if find_spec(name) is None]
    if missing:
        what = f"tunelab[{chosen.extra}]" if chosen.extra else " ".join(missing)
        raise UsageError(
            f"an export to {chosen.name} is proven by its own runtime, and "
            f"{', '.join(missing)} is not installed; install it: pip install '{what}'."
        )
