"""The table of a harness's run: faults by kind and by place."""

from collections.abc import Iterable, Sequence
from typing import Any

from faults.trial import Trial

COLUMNS = ("fault", "command", "injected", "survived", "bit-equal", "refused", "lost")


def count(trials: Iterable[Trial]) -> list[dict[str, Any]]:
    """A row for each kind and verb, in the order of their first trials."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for trial in trials:
        row = rows.setdefault(
            (trial.kind, trial.verb),
            {
                "fault": trial.kind,
                "command": trial.verb,
                **dict.fromkeys(COLUMNS[2:], 0),
                "notes": [],
            },
        )
        row["injected"] += trial.injected
        row["survived"] += trial.survived
        row["bit-equal"] += trial.equal
        row["refused"] += trial.told
        row["lost"] += trial.lost
        if trial.lost or not trial.survived:
            row["notes"] += [trial.note] if trial.note else []
    return list(rows.values())


def total(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The sum of all rows."""
    sums = {name: sum(row[name] for row in rows) for name in COLUMNS[2:]}
    return {"fault": "all", "command": "", **sums}


def as_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The rows and their sum as a table in Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |"]
    lines.append("| --- | --- |" + " ---: |" * (len(COLUMNS) - 2))
    for row in [*rows, total(rows)]:
        lines.append("| " + " | ".join(str(row[name]) for name in COLUMNS) + " |")
    return "\n".join(lines)
