"""Rows worth reading: missed by all, by the fine-tuned alone, by some seeds, or ill-labelled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunelab.evaluation.label_noise import likely_label_noise
from tunelab.evaluation.sides import Side, sides_of
from tunelab.numbers import counted
from tunelab.runs.run_folder import RunFolder, predictions

# Rows that the report's table holds at most; predictions.parquet has all of them.
LIMIT = 400
# The share of rows that a model may be wrong on, and yet doubt labels.
_TRUSTED = 0.2
# Models that the table has a column for: those that are right most often.
_SHOWN = 8
KINDS: Mapping[str, str] = {
    "all": "missed by all",
    "tuned-alone": "missed by the fine-tuned alone",
    "tuned": "missed by the fine-tuned, right by another",
    "flips": "right with some seeds only",
    "noise": "label in doubt",
}


@dataclass(frozen=True)
class Mistake:
    """A row with what each model made of it; ``kinds`` are keys of :data:`KINDS`.

    ``doubt`` is the label that a fine-tuned model finds likelier than the given one.
    """

    row: int
    text: str
    truth: str
    answers: Mapping[str, str | None]
    kinds: tuple[str, ...]
    doubt: str | None


@dataclass(frozen=True)
class Mistakes:
    """The rows to read, how many there are of each kind, and what the doubts of labels rest on.

    ``models`` are those whose answers are shown, of ``of_models`` that were looked at.
    """

    rows: tuple[Mistake, ...]
    counts: Mapping[str, int]
    models: tuple[str, ...]
    about_doubt: str
    of_models: int = 0

    @property
    def found(self) -> int:
        """All rows of any kind, shown or not."""
        return self.counts.get("any", 0)


def find_mistakes(run: RunFolder) -> Mistakes:
    """The rows of every kind, those of several kinds first.

    A classifier that answers all texts alike reads no row, so its misses do not count.
    """
    sides = [side for side in _single(sides_of(run)) if not side.asked[0].values.get("constant")]
    if not sides:
        return Mistakes((), {}, (), "")
    tables = {side.name: predictions(side.asked[0]) for side in sides}
    first = next(iter(tables.values()))
    truth, texts = list(map(str, first["truth"])), list(map(str, first["text"]))
    tables = {name: table for name, table in tables.items() if list(table["truth"]) == truth}
    answers = {
        name: [None if value != value else value for value in table["predicted"]]
        for name, table in tables.items()
    }
    right = {
        name: [guess == true for guess, true in zip(column, truth, strict=True)]
        for name, column in answers.items()
    }
    tuned = [side.name for side in sides if side.method is not None and side.name in tables]
    others = [name for name in tables if name not in tuned]
    groups = _seed_groups(run)
    about_doubt, doubts = _doubts(sides, tables)
    found = []
    for position, text in enumerate(texts):
        kinds = []
        hit = {name: column[position] for name, column in right.items()}
        if not any(hit.values()):
            kinds.append("all")
        elif tuned and not any(hit[name] for name in tuned):
            kinds.append("tuned-alone" if all(hit[name] for name in others) else "tuned")
        if any(len({hit[name] for name in names if name in hit}) == 2 for names in groups):
            kinds.append("flips")
        if position in doubts:
            kinds.append("noise")
        if kinds:
            said = {name: column[position] for name, column in answers.items()}
            found.append(
                Mistake(position, text, truth[position], said, tuple(kinds), doubts.get(position))
            )
    counts = {kind: sum(kind in row.kinds for row in found) for kind in KINDS}
    best = sorted(right, key=lambda name: -sum(right[name]))[:_SHOWN]
    ranked = sorted(found, key=lambda row: (-len(row.kinds), row.row))
    return Mistakes(
        rows=tuple(ranked[:LIMIT]),
        counts={**counts, "any": len(found)},
        models=tuple(name for name in tables if name in best),
        about_doubt=about_doubt,
        of_models=len(tables),
    )


def _single(sides: Mapping[str, Side]) -> list[Side]:
    """One side for each result."""
    return [side for side in sides.values() if len(side.asked) == 1]


def _seed_groups(run: RunFolder) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for result in run.evaluated:
        groups.setdefault(str(result.values.get("group")), []).append(result.name)
    return [names for group, names in groups.items() if group != "None" and len(names) > 1]


def _doubts(sides: list[Side], tables: Mapping[str, Any]) -> tuple[str, dict[int, str]]:
    """Likely label noise by the fine-tuned model that scores best, and what it rests on.

    A model that is wrong on many rows doubts right labels, so that it reports none.
    """
    scored = [
        side
        for side in sides
        if side.method is not None and side.name in tables and side.asked[0].values["scored"]
    ]
    if not scored:
        return "", {}
    best = max(scored, key=lambda side: side.asked[0].values["scored"]["scores"]["accuracy"] or 0.0)
    table = tables[best.name]
    if table.empty:
        return "", {}
    rows, wrong = len(table), int((table["scored"] != table["truth"]).sum())
    told = f"{best.name} is wrong on {wrong:,} of {counted(rows, 'row')} by its likeliest label"
    if wrong > _TRUSTED * rows:
        return f"Labels in doubt are not listed: {told}, too many to doubt a label by it.", {}
    labels = list(table["labels"].iloc[0])
    candidates = likely_label_noise(
        [list(row) for row in table["probabilities"]],
        [labels.index(true) for true in table["truth"]],
    )
    doubts = {entry.row: str(labels[entry.likely]) for entry in candidates}
    if not doubts:
        return "", {}
    about = (
        f"A label is in doubt where {best.name}, which never saw these rows, is confident of "
        f"another one (confident learning). {told}, so that most of its doubts may be mistakes of "
        "its own: read the text before you believe either."
    )
    return about, doubts
