"""The local engine: one cell after the other, in this process."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunelab.config import Study
from tunelab.errors import RunError, TunelabError
from tunelab.runs.results import Result
from tunelab.study.engines.work import Work
from tunelab.study.prepare import PreparedData

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CellOutcome:
    """What came of a cell: its results, or why there are none."""

    cell: Work
    results: Sequence[Result] = ()
    error: TunelabError | None = None


# Yields an outcome for each cell, in whatever order they come to an end.
Engine = Callable[[Study, Sequence[Work], PreparedData, Path], Iterator[CellOutcome]]


def run_here(
    study: Study, cells: Sequence[Work], data: PreparedData, out: Path
) -> Iterator[CellOutcome]:
    """Run cells in their order."""
    for cell in cells:
        try:
            yield CellOutcome(cell, cell.run(study, data, out))
        except TunelabError as error:
            yield CellOutcome(cell, error=error)
        except Exception as error:
            # The fault of one classifier, which may be anybody's code, ends no other.
            _log.debug("%s", cell.name, exc_info=True)
            first = (str(error).splitlines() or [""])[0][:300]
            yield CellOutcome(cell, error=RunError(f"{type(error).__name__}: {first}"))
