"""A stage that several processes do together, of which the first decides, writes and records."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tunelab.runs.results import Result, load_result
from tunelab.training.processes import from_first, is_first, process_count

Work = Callable[[Path], Mapping[str, Any]]


def stage_together(stage: Callable[[Work], Result], work: Work) -> Result:
    """Let the first process run ``stage``, and all of them ``work`` if the stage needs it.

    ``work`` writes in the first process alone.
    """
    if process_count() == 1:
        return stage(work)
    if not is_first():
        begun = from_first(None)
        if begun is not None:
            work(Path(begun))
        return load_result(Path(from_first(None)))
    began = False

    def announced(folder: Path) -> Mapping[str, Any]:
        nonlocal began
        began = True
        from_first(str(folder))
        return work(folder)

    result = stage(announced)
    if not began:
        from_first(None)
    from_first(str(result.folder))
    return result
