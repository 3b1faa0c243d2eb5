"""Stop asking a classifier whose every answer is paid for, once another one is shown to be better.

Test rows are asked in random order, some at a time, and compared with what the other classifiers
answered to the same rows. The comparison holds at whatever row it stops.
"""

import logging
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tunelab.data.examples import Example
from tunelab.errors import TunelabError
from tunelab.evaluation.label_budget.row_racing import RowsRace, rows_race
from tunelab.numbers import counted, signed, signed_interval
from tunelab.runs.results import Result
from tunelab.runs.run_folder import predictions
from tunelab.study.cells import Cell, open_asked
from tunelab.study.prepare import PreparedData

_log = logging.getLogger(__name__)

# Rows that are asked before it is looked at what they decide.
AT_ONCE = 25


def stop_asking(
    cells: Sequence[Cell], answered: Sequence[Result], data: PreparedData, out: Path, *, seed: int
) -> dict[str, str]:
    """Ask some rows of each cell, and tell which ones to ask no further, each with the reason.

    What was asked is kept by the classifier, so that asking all rows later asks the others alone.
    One whose requests fail is not stopped: asking it as a whole tells why.

    Args:
        cells: the classifiers that stop.
        answered: what the other classifiers of the study answered to the test rows.
        data: the prepared rows.
        out: the run folder.
        seed: decides the order of the rows.
    """
    rows = data.splits["test"]
    order = random.Random(f"{seed}/asked").sample(range(len(rows)), len(rows))  # noqa: S311
    known = {name: right[order] for name, right in _right_of_each(answered).items()}
    right: dict[str, list[float]] = {}
    stopped: dict[str, str] = {}
    fitted = {}
    for cell in cells:
        try:
            fitted[cell.name] = open_asked(cell, data, out)
        except TunelabError as error:
            _log.info("%s is asked as a whole: %s", cell.name, error)
            continue
        right[cell.name] = []
    upto = 0
    while upto < len(rows) and set(right) - set(stopped):
        begin, upto = upto, min(upto + AT_ONCE, len(rows))
        for name in [name for name in right if name not in stopped]:
            some = [rows[position] for position in order[begin:upto]]
            try:
                labels = [one.label for one in fitted[name].label([row.text for row in some])]
            except TunelabError as error:
                _log.info("%s is asked as a whole: %s", name, error)
                del right[name]
                continue
            right[name] += _scores(some, labels)
        if not right:
            break
        others = {name: one[:upto].tolist() for name, one in known.items()}
        found = rows_race({**right, **others}, len(rows))
        for name in found.drop:
            if name in right and name not in stopped:
                stopped[name] = _reason(found, name, upto)
                _log.info("%s is asked no further: %s", name, stopped[name])
        if found.over:
            break
    return stopped


def _right_of_each(answered: Sequence[Result]) -> dict[str, "np.ndarray"]:
    """The right answers of each classifier, (rows,); of several training seeds their mean."""
    seeds: dict[str, list[np.ndarray]] = {}
    for result in answered:
        name = str(result.values.get("group") or result.name)
        seeds.setdefault(name, []).append(_right(result))
    return {name: np.mean(rows, axis=0) for name, rows in seeds.items()}


def _right(result: Result) -> "np.ndarray":
    table = predictions(result)
    return (table["truth"] == table["predicted"]).to_numpy(dtype=float)


def _scores(rows: Sequence[Example], labels: Sequence[str | None]) -> list[float]:
    return [float(row.label == label) for row, label in zip(rows, labels, strict=True)]


def _reason(found: RowsRace, name: str, rows: int) -> str:
    """Which classifier is better, and by how much, as far as its rows tell."""
    gains: Mapping[str, tuple[float, float, float]] = {
        **{one.first: (one.value, one.low, one.high) for one in found.gaps if one.second == name},
        **{
            one.second: (-one.value, -one.high, -one.low) for one in found.gaps if one.first == name
        },
    }
    better = max(gains, key=lambda other: gains[other][1])
    value, low, high = gains[better]
    return (
        f"after {rows} of {counted(found.planned, 'test row')} {better} is shown to be better "
        f"({signed(value, 'share')}, {signed_interval(low, high, 'share')}), so that it was asked "
        "no further"
    )
