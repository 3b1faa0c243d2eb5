"""Which row each person has in front of them, so that two people get different ones."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tunelab.guards.bounded_files import read_bounded
from tunelab.runs.results import write_json

_LARGEST = 10_000_000


@dataclass(frozen=True)
class Reservation:
    """A person's row, and until when nobody else gets it, in seconds since 1970."""

    row: str
    until: float


def read_reservations(path: Path) -> dict[str, Reservation]:
    """The reservation of each person. A damaged file reserves nothing: at worst two people label
    one row, and both labels are kept.
    """
    try:
        record = json.loads(read_bounded(path, _LARGEST).decode("utf-8"))
        return {
            str(who): Reservation(str(one["row"]), float(one["until"]))
            for who, one in record.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def write_reservations(path: Path, reservations: Mapping[str, Reservation], now: float) -> None:
    """Write the reservations, but for those that ended more than a day ago.

    Raises:
        RunError: the folder cannot be written.
    """
    kept = {who: one for who, one in reservations.items() if one.until > now - 86_400}
    write_json(path, {who: {"row": one.row, "until": one.until} for who, one in kept.items()})
