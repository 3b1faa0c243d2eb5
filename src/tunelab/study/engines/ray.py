"""The Ray engine: every cell is a task, and what it leaves in the run folder is its only result.

A task whose worker died is run again. A stage that was finished is then found finished, and a
training continues from its last whole checkpoint, so no cell is done twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunelab.config import Study, make_study, to_dict
from tunelab.errors import RunError, TunelabError, UsageError
from tunelab.runs.results import Result
from tunelab.study.engines.local import CellOutcome
from tunelab.study.engines.ray_runtime import check_resources, limit_threads, runtime
from tunelab.study.engines.resources import needs_of
from tunelab.study.engines.work import Work
from tunelab.study.mirror import cell_mirror, fetch
from tunelab.study.prepare import PreparedData

# Deaths of a worker that one cell survives.
RETRIES = 5


def run_on_ray(
    study: Study,
    cells: Sequence[Work],
    data: PreparedData,
    out: Path,
    *,
    workers: int,
    cpus: int,
    remote: str | None = None,
) -> Iterator[CellOutcome]:
    """Run cells as tasks of ``cpus`` processors each, in any order.

    ``workers``: how many run at once where Ray is started on this machine. ``out`` has to be
    one folder for all machines, unless ``remote`` is the URL that workers read and write.

    Raises:
        UsageError: Ray is not installed, or a cell asks for more than the machine has.
        RunError: Ray does not start.
    """
    with runtime(cpus=workers * cpus) as ray:
        task = ray.remote(_run)
        rows = ray.put((to_dict(study), data))
        waiting: dict[Any, Work] = {}
        for cell in cells:
            needs = needs_of(cell, cpus=cpus)
            check_resources(ray, cpus=cpus, gpus=needs.gpus, memory=needs.memory, what=cell.name)
            options = {
                "num_cpus": needs.cpus,
                "num_gpus": needs.gpus,
                "memory": needs.memory,
                "max_retries": RETRIES,
                "name": cell.name,
            }
            position = str(out.resolve())
            waiting[task.options(**options).remote(rows, cell, position, remote, cpus)] = cell
        while waiting:
            for done in ray.wait(list(waiting), num_returns=1)[0]:
                outcome = _outcome(ray, done, waiting.pop(done), out)
                if remote is not None:
                    fetch(remote, out)
                yield outcome


def _outcome(ray: Any, done: Any, cell: Work, out: Path) -> CellOutcome:
    try:
        results, failure = ray.get(done)
    except ray.exceptions.RayError as error:
        return CellOutcome(
            cell,
            error=RunError(
                f"its worker died {RETRIES + 1} times; it may need more memory "
                f"({(str(error).splitlines() or [''])[0][:160]})."
            ),
        )
    if failure is None:
        # A worker may have reached the run folder by another path.
        own = [
            replace(result, folder=out / result.stage / result.folder.name) for result in results
        ]
        return CellOutcome(cell, own)
    wrong, sentence = failure
    return CellOutcome(cell, error=(UsageError if wrong else RunError)(sentence))


def _run(
    shared: tuple[dict[str, Any], PreparedData],
    cell: Work,
    out: str,
    remote: str | None,
    cpus: int,
) -> tuple[list[Result], tuple[bool, str] | None]:
    """One cell, on a worker: its results, or whether the call was wrong and the sentence."""
    limit_threads(cpus)
    values, data = shared
    study = make_study(values)
    try:
        if remote is None:
            return cell.run(study, data, Path(out)), None
        with cell_mirror(remote, cell.name) as (folder, sent):
            return cell.run(study, data, folder, on_stage=sent), None
    except TunelabError as error:
        return [], (isinstance(error, UsageError), str(error))
    except Exception as error:
        first = (str(error).splitlines() or [""])[0][:300]
        return [], (False, f"{type(error).__name__}: {first}")
