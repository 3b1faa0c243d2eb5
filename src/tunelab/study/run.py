"""Run a study: every stage in order, each one only if it is not finished."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from tunelab.classifiers.answer_room import check_answers
from tunelab.classifiers.answered import TABLE
from tunelab.config import Study, fingerprint, to_dict
from tunelab.data.examples import label_counts
from tunelab.errors import FAULTS, RunError, TunelabError
from tunelab.evaluation.decisions import Decision
from tunelab.evaluation.measuring import recorded
from tunelab.evaluation.review.record import Reviews
from tunelab.runs.results import (
    BUDGET,
    EVALUATE,
    EVALUATE_WORDING,
    FORGETTING,
    RECORD,
    TRAIN,
    TRAIN_WORDING,
    Result,
    read_json,
    write_atomically,
    write_json,
    write_table,
)
from tunelab.runs.run_folder import RunFolder, read_run
from tunelab.runs.seals import is_intact, sealed
from tunelab.runs.stages import open_folder
from tunelab.serving.cards import write_cards
from tunelab.study.cell_list import cells_of, check_classifiers, device_and_dtype, tuned_cells
from tunelab.study.cells import Cell, train_cell
from tunelab.study.conversations import play_conversations
from tunelab.study.device_room import check_device_memory
from tunelab.study.engines.local import CellOutcome, Engine, run_here
from tunelab.study.environment import describe_environment
from tunelab.study.feasibility import check_feasible
from tunelab.study.forgetting import measure_forgetting
from tunelab.study.judging.decision import decide_run
from tunelab.study.judging.label_budget import judge_budget
from tunelab.study.judging.review import review_run
from tunelab.study.judging.stage import judge_run
from tunelab.study.judging.wordings import compare_wordings
from tunelab.study.label_budget.plan import BudgetPlan
from tunelab.study.label_budget.planning import make_plan
from tunelab.study.label_budget.run import BudgetRun, run_budget
from tunelab.study.open_answers import answer_open
from tunelab.study.prepare import PreparedData, prepare
from tunelab.study.row_stopping import stop_asking
from tunelab.study.tokens import compare_tokenizers, count_tokens, counted_by_claims

_log = logging.getLogger(__name__)

INDEX = "run.json"
# The part of a study that its trainings of other sizes are, in messages.
LABEL_BUDGET = "label budget"


def run_study(study: Study, out: Path, engine: Engine = run_here) -> list[Result]:
    """Prepare, ask, train, evaluate and judge all that a study names; write the tables and cards.

    ``engine`` runs the cells. A cell that fails leaves a record and the others go on.

    Raises:
        UsageError: the data or a setting does not fit; nothing of it was begun.
        RunError: at least one cell failed; the message names the first one.
    """
    with open_folder(out, study):
        write_json(out / "environment.json", describe_environment())
        data = prepare(study.data, seed=study.seed, out=out)
        check_device_memory(study, data.splits["train"])
        check_feasible(study)
        check_answers(study, data.labels)
        check_classifiers(study, data.labels)
        plan = _planned_budget(study, data)
        cells = cells_of(study)
        planned = planned_stages(cells, plan, forgetting=study.evaluation.forgetting)
        write_index = partial(_write_index, out, study, data, planned)
        write_index([])
        results: list[Result] = []
        failures: list[tuple[str, TunelabError]] = []
        for name, work in _works(study, out):
            try:
                results += work()
            except TunelabError as error:
                _log.error("%s: %s", name, error)
                failures.append((name, error))
            write_index(results, failures)
        before, done = list(results), dict[str, Sequence[Result]]()
        stopped: dict[str, str] = {}
        for outcome in _run_cells(study, cells, data, out, engine, stopped):
            name = outcome.cell.name
            if outcome.error is not None:
                _log.error("%s: %s", name, outcome.error)
                failures.append((name, outcome.error))
            done[name] = outcome.results
            # In the order of the study, whichever came first.
            results = before + [result for cell in cells for result in done.get(cell.name, ())]
            write_index(results, failures)
        if stopped:
            write_index = partial(write_index, stopped=stopped)
            planned[EVALUATE] -= len(stopped)
            if wordings := sum(cell.of in stopped for cell in cells):
                planned[EVALUATE_WORDING] -= wordings
            write_index(results, failures)
        budget = None
        if plan is not None:
            before = list(results)
            asked = [result for result in before if result.stage == EVALUATE]
            for budget in run_budget(study, plan, data, out, engine, asked):
                results = [*before, *budget.results]
                write_index(results, failures, budget)
            if budget is not None:
                # What a race leaves out is not waited for.
                planned[BUDGET] = len(budget.done) + len(budget.failed)
                if budget.failure is not None:
                    failures.append((LABEL_BUDGET, budget.failure))
                write_index(results, failures, budget)
        if study.evaluation.forgetting:
            try:
                trained = [result for result in results if result.stage == TRAIN]
                results += measure_forgetting(study, trained, out)
            except FAULTS as error:
                failures.append(_failed("forgetting", error))
            write_index(results, failures, budget)
        write_table(out / "results.parquet", tidy(results))
        write_predictions(results, out / TABLE)
        verdicts = decision = reviews = None
        try:
            run = read_run(out)
            verdicts = judge_run(run)
        except FAULTS as error:
            failures.append(_failed("verdicts", error))
        else:
            for part, judge in _judges(run):
                try:
                    found = judge()
                except FAULTS as error:
                    failures.append(_failed(part, error))
                else:
                    decision = found if isinstance(found, Decision) else decision
                    reviews = found if isinstance(found, Reviews) else reviews
        write_index(results, failures, budget)
        write_cards(study, out, data.result, results, verdicts, decision, reviews)
    if failures:
        first, reason = failures[0]
        others = f" ({len(failures) - 1} more failed)" if len(failures) > 1 else ""
        # A wrong call stays one: its exit code tells it from what only running shows.
        raise type(reason)(f"{first} failed: {reason}{others}")
    return results


def _run_cells(
    study: Study,
    cells: Sequence[Cell],
    data: PreparedData,
    out: Path,
    engine: Engine,
    stopped: dict[str, str],
) -> Iterator[CellOutcome]:
    """Run the cells; those that stop come last, and ``stopped`` gets what is asked no further."""
    waiting = {cell.name for cell in cells if cell.stops and cell.of is None}
    first = [cell for cell in cells if cell.name not in waiting and cell.of not in waiting]
    evaluated: list[Result] = []
    for outcome in engine(study, first, data, out):
        own = [one for one in outcome.results if one.stage == EVALUATE]
        evaluated += own
        yield outcome
    if not waiting:
        return
    last = [cell for cell in cells if cell.name in waiting]
    stopped.update(stop_asking(last, evaluated, data, out, seed=study.seed))
    left = [
        cell
        for cell in cells
        if cell not in first and cell.name not in stopped and cell.of not in stopped
    ]
    if left:
        yield from engine(study, left, data, out)


def _judges(run: RunFolder) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is judged after the claims: the name of each part, and what does it.

    The decision tells of the label budget.
    """
    yield LABEL_BUDGET, partial(judge_budget, run)
    yield "decision", partial(decide_run, run)
    yield "review", partial(review_run, run)
    yield "wordings", partial(compare_wordings, run)


def _failed(part: str, error: Exception) -> tuple[str, TunelabError]:
    """A part of a study that failed, as the index keeps it."""
    _log.error("%s: %s", part, error)
    if isinstance(error, TunelabError):
        return part, error
    first = (str(error).splitlines() or [""])[0][:300]
    return part, RunError(f"{type(error).__name__}: {first}")


def _planned_budget(study: Study, data: PreparedData) -> BudgetPlan | None:
    """The trainings of the label budget; what is unusual of them is told."""
    plan = make_plan(study, label_counts(data.splits["train"], data.labels))
    if plan is not None:
        _log.info("%s", plan.sentence())
        for sentence in plan.notes():
            _log.warning("%s", sentence)
    return plan


def _works(study: Study, out: Path) -> Iterator[tuple[str, Callable[[], list[Result]]]]:
    """The name of each part of a study besides its cells, and what does it."""
    if study.tokenizers:
        yield "tokenizers", partial(compare_tokenizers, study.tokenizers, study.seed, out)
    for name, language in counted_by_claims(study):
        yield name, partial(count_tokens, name, language, out)
    if study.generation is not None:
        yield "open prompts", partial(answer_open, study, out)
    if study.conversations:
        yield "conversations", partial(play_conversations, study, out)


def train_study(study: Study, out: Path, only: str | None = None) -> list[Result]:
    """Prepare the data and train the methods of a study, or the one called ``only``.

    Several processes that torchrun or accelerate launch started train together.

    Raises:
        UsageError: the study has no method of that name.
    """
    from tunelab.registry import check_name
    from tunelab.study.resolution import method_ids
    from tunelab.training.processes import first_process_first, is_first, together

    if only is not None:
        check_name("method of this study", only, method_ids(study))
    cells = [
        cell for cell in tuned_cells(study) if only is None or cell.estimator.about["group"] == only
    ]
    if not cells:
        raise RunError("the study names no method to train.")
    with ExitStack() as stack:
        stack.enter_context(together(device_and_dtype(study)[0]))
        if is_first():
            stack.enter_context(open_folder(out, study))
            write_json(out / "environment.json", describe_environment())
        with first_process_first():
            data = prepare(study.data, seed=study.seed, out=out)
        check_device_memory(study, data.splits["train"])
        check_feasible(study)
        check_answers(study, data.labels)
        results = [train_cell(cell, data, out) for cell in cells]
        if is_first():
            write_cards(study, out, data.result, results)
        return results


def tidy(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One row for each run and metric. A metric that is undefined is null."""
    rows = []
    for result in results:
        if result.stage != "evaluate":
            continue
        for metric, estimate in _estimates(result):
            rows.append(
                {
                    "run": result.name,
                    "kind": result.values["kind"],
                    "model": result.values["model"],
                    "method": result.values.get("method"),
                    "seed": result.values.get("seed"),
                    "metric": metric,
                    "value": None if estimate["value"] is None else float(estimate["value"]),
                    "low": estimate["low"],
                    "high": estimate["high"],
                    "bound": estimate.get("bound"),
                    "reason": estimate.get("reason"),
                    "rows": result.values["scores"]["rows"],
                }
            )
    return rows


def _estimates(result: Result) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every metric of a model by name, with its interval where it has one."""
    values = result.values
    bare = {"low": None, "high": None}
    yield from recorded(values).items()
    yield "unparsed", {**bare, "value": values["scores"]["unparsed"]}
    if values["scored"] is not None:
        yield "brier", {**bare, "value": values["scored"]["brier"]}
        yield "calibration_error", values["scored"]["calibration_error"]


def write_predictions(results: Sequence[Result], path: Path) -> None:
    """One table of what every model answered to every row, beside who answered."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for result in results:
        if result.stage != "evaluate":
            continue
        table = pq.read_table(result.folder / TABLE)
        for position, key in enumerate(("run", "kind", "model", "method", "seed")):
            value = result.name if key == "run" else result.values.get(key)
            kind = pa.int64() if key == "seed" else pa.string()
            table = table.add_column(position, key, pa.array([value] * len(table), type=kind))
        tables.append(table)
    if tables:
        whole = pa.concat_tables(tables, promote_options="permissive")
        write_atomically(
            path, lambda temporary: pq.write_table(whole, temporary, write_page_checksum=True)
        )


def planned_stages(
    cells: Sequence[Cell], plan: BudgetPlan | None, *, forgetting: bool
) -> dict[str, int]:
    """How many stages of each kind that take long a study has, for those who watch it."""
    worded = {True: (TRAIN, EVALUATE), False: (TRAIN_WORDING, EVALUATE_WORDING)}
    kinds = [
        kind
        for cell in cells
        for kind, has in zip(worded[cell.of is None], (cell.estimator.trains, True), strict=True)
        if has
    ]
    counts = dict(Counter(kinds))
    if plan is not None:
        counts[BUDGET] = plan.trainings
    if forgetting:
        tuned = sum(cell.of is None and "method" in cell.estimator.about for cell in cells)
        counts[FORGETTING] = tuned
    return counts


def _write_index(
    out: Path,
    study: Study,
    data: PreparedData,
    planned: Mapping[str, int],
    results: Sequence[Result],
    failures: Sequence[tuple[str, TunelabError]] = (),
    budget: BudgetRun | None = None,
    *,
    stopped: Mapping[str, str] | None = None,
) -> None:
    """Which stages belong to the study as it is now: an older study's stay on disk beside."""
    index = {
        "version": 1,
        "claims_before": _claims_before(out, study),
        "study_hash": fingerprint(to_dict(study)),
        "prepare": data.result.folder.relative_to(out).as_posix(),
        "planned": dict(planned),
        "stages": [result.folder.relative_to(out).as_posix() for result in results],
        "failures": [{"name": name, "error": str(error)} for name, error in failures],
        **({} if budget is None else {"budget": budget.to_dict()}),
        **({"stopped": dict(stopped)} if stopped else {}),
    }
    write_json(out / INDEX, sealed(index, {}))


def _claims_before(out: Path, study: Study) -> list[str]:
    """The claims as they were before the first classifier of this folder had answered.

    They are the study's own until then, each by its fingerprint.
    """
    own = [fingerprint(claim.model_dump()) for claim in study.claims]
    try:
        before = read_json(out / INDEX)
        answered = next((out / "evaluate").glob(f"*/{RECORD}"), None) is not None
        return list(before["claims_before"]) if answered and is_intact(before) else own
    except (TunelabError, KeyError, TypeError, AttributeError):
        return own
