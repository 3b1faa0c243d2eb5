"""Precision, recall and F1 of each label: all of them, or the worst and the best of many."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tunelab.report.shortened import listed, short_names
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder

# With more labels, a model's table begins with its worst and its best ones.
FEW = 40
_WORST = 15
_BEST = 10
# Lines of the whole tables of all models together; with more they are in the file alone.
_ROWS = 2000
# The file of a run folder that has every label of every model.
FILE = "figures/classes.csv"
_PARTS = ("precision", "recall", "f1")


@dataclass(frozen=True)
class ClassTable:
    """One model's labels: those that are shown first, and the whole, if a page can hold it.

    ``worst`` and ``best`` are empty where labels are few, ``every`` where there are too many.
    ``undefined`` says in sentences which values are not defined and why.
    """

    name: str
    labels: int
    every: tuple[Mapping[str, Any], ...]
    worst: tuple[Mapping[str, Any], ...]
    best: tuple[Mapping[str, Any], ...]
    undefined: tuple[str, ...]


def class_tables(run: RunFolder) -> list[ClassTable]:
    """A table for each model that was asked."""
    rows = sum(len(result.values["scores"]["classes"]) for result in run.evaluated)
    return [_table(result, whole=rows <= _ROWS) for result in run.evaluated]


def class_rows(run: RunFolder) -> Iterator[dict[str, Any]]:
    """Every label of every model, as a file holds them."""
    for result in run.evaluated:
        for entry in result.values["scores"]["classes"]:
            yield {"model": result.name, **entry}


def _table(result: Result, *, whole: bool) -> ClassTable:
    scores = result.values["scores"]
    classes = list(scores["classes"])
    many = len(classes) > FEW
    # A label without rows is neither good nor bad.
    known = [entry for entry in classes if entry["support"] and entry["f1"] is not None]
    ranked = sorted(known, key=lambda entry: (entry["f1"], -entry["support"]))
    return ClassTable(
        name=result.name,
        labels=len(classes),
        every=tuple(classes if whole or not many else ()),
        worst=tuple(ranked[:_WORST] if many else ()),
        best=tuple(ranked[_WORST:][::-1][:_BEST] if many else ()),
        undefined=tuple(_undefined(scores["undefined"])),
    )


def _undefined(reasons: Mapping[str, str]) -> Iterator[str]:
    """One sentence for all labels whose value is not defined for the same reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, reason in reasons.items():
        label, dot, part = name.rpartition(".")
        if dot and part in _PARTS:
            found.setdefault((part, reason), []).append(label)
        else:
            found.setdefault((name, reason), [])
    for (part, reason), labels in found.items():
        of = f" of {listed(list(short_names(labels).values()))}" if labels else ""
        yield f"{part}{of} is not defined: {reason}."
