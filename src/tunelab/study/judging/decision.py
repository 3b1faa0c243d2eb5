"""The decision of a run: made once, kept in the run folder, and read by whoever shows it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tunelab.config import Study, fingerprint, make_study
from tunelab.data.rare_labels import rare_labels
from tunelab.evaluation.collapse import collapse_of
from tunelab.evaluation.costs import costs_of
from tunelab.evaluation.decision_words import worded
from tunelab.evaluation.decisions import INSTEAD, Candidate, Decision, read_decision, weigh
from tunelab.evaluation.metrics import Answered, Metric, find_metric
from tunelab.evaluation.metrics.of_rows import resampling_of
from tunelab.evaluation.row_values import mean_over_seeds, row_values
from tunelab.evaluation.side_scores import score_of
from tunelab.evaluation.sides import Side, format_missed, grouped_sides
from tunelab.evaluation.statistics.clusters import clusters_of
from tunelab.numbers import counted, number
from tunelab.runs.run_folder import RunFolder, once
from tunelab.runs.verdicts import DECISION
from tunelab.study.judging.kept import Kept
from tunelab.study.judging.label_budget import budget_key, budget_of

# Part of the key: raised when a decision comes out in another way than before.
_FORMAT = 3
# Share of the test rows with one label from which on a mean over rows says little of the others.
_NEARLY_ALL = 0.8
# A classifier under another wording than the study's own.
OTHER_WORDING = re.compile(r"(?P<of>.+)-wording[0-9]+")
# Parts of a study that may fail and are no classifiers.
_OTHER_PARTS = {
    *("tokenizers", "open prompts", "conversations", "forgetting", "label budget"),
    *("verdicts", "decision", "review", "wordings"),
}


def decide(run: RunFolder) -> Decision:
    """The decision of a run, whatever was kept of it.

    Candidates are the classifiers of the study, each by the way of answering that the report leads
    with; one that was trained with several seeds counts with their mean in each row.

    Raises:
        RunError: a file that it reads is damaged.
    """
    study = make_study(run.study)
    metric = find_metric(study.decision.metric)
    sides = {side.name: side for side in grouped_sides(run)}
    answers = {name: _answers(side) for name, side in sides.items()}
    truth = next((one[0].truth for one in answers.values()), ())
    values, left_out = (
        {},
        {
            one["name"]: one["error"].rstrip(".")
            for one in run.failures
            if one["name"] not in _OTHER_PARTS and not OTHER_WORDING.fullmatch(one["name"])
        },
    )
    left_out |= run.stopped
    for name, given in answers.items():
        columns = [row_values(metric, one) for one in given]
        known = [column for column in columns if column is not None]
        if any(one.truth != truth for one in given):
            left_out[name] = "it answered other test rows"
        elif len(known) < len(columns):
            left_out[name] = metric.value(given[0]).reason or f"{metric.title} is not defined"
        else:
            values[name] = mean_over_seeds(known)
    compared = [one for name in values for one in answers[name]]
    decision = Decision(
        metric=metric.id,
        title=metric.title,
        unit=metric.unit,
        best_is=metric.best,
        rows=len(truth),
        candidates=tuple(_candidate(run, sides[name], answers[name], metric) for name in values),
        constraints=_constraints(study),
        left_out=left_out,
        of_rows=(
            *_of_groups(study.data.group, _groups(answers.values())),
            *_of_rows(run, metric, truth),
        ),
    )
    doubt = metric.doubt(compared) if compared else None
    groups = _groups(answers.values())
    weighed = weigh(decision, values, seed=study.seed, doubt=doubt, groups=groups)
    return worded(weighed, budget_of(run))


def decide_run(run: RunFolder) -> Decision:
    """A stage of a study: decide, and keep the decision, unless it is there.

    Raises:
        RunError: a file that it reads is damaged, or the folder cannot be written.
    """
    return _KEPT.load_or_find(run, must_be_kept=True)


@once
def decision_of(run: RunFolder) -> Decision:
    """The decision that a run keeps; made now where it keeps none, or one of other answers.

    Raises:
        RunError: a file that it reads is damaged.
    """
    return _KEPT.load_or_find(run, must_be_kept=False)


def kept_decision(run: RunFolder) -> Decision | None:
    """The decision that a run keeps, or None where it would have to be made first."""
    return _KEPT.load(run)


def _answers(side: Side) -> list[Answered]:
    """The answers of each seed: by likeliest labels where most of those in words hold none."""
    if _way(side) != INSTEAD:
        return side.answered
    return [replace(one, predicted=one.scored or one.predicted) for one in side.answered]


def _way(side: Side) -> str:
    """The way of answering that a side is compared by."""
    modes = [str(result.values["mode"]) for result in side.asked]
    missed = any(format_missed(result.values) for result in side.asked)
    scored = all(result.values.get("scored") is not None for result in side.asked)
    return INSTEAD if modes[0] == "generate" and missed and scored else modes[0]


def _candidate(run: RunFolder, side: Side, answers: list[Answered], metric: Metric) -> Candidate:
    way = _way(side)
    records = [
        result.values["scored"] if way == INSTEAD else result.values for result in side.asked
    ]
    collapses = [
        found.sentence(result.name)
        for result, record in zip(side.asked, records, strict=True)
        if (found := collapse_of(record["scores"])) is not None
    ]
    constant = any(result.values.get("constant") for result in side.asked)
    return Candidate(
        name=side.name,
        way=way,
        score=score_of(metric, answers, resampling_of(run)),
        seeds=len(side.asked),
        fine_tuned=side.fine_tuned,
        constant=constant,
        collapse=collapses[0] if collapses and not constant else None,
        costs=costs_of(run, side),
    )


def _groups(answers: Iterable[Sequence[Answered]]) -> tuple[str | None, ...] | None:
    """The group of each test row, None where all rows are independent."""
    first = next(iter(answers), None)
    if not first or first[0].clusters is None:
        return None
    return first[0].predictions.groups


def _of_groups(column: str | None, groups: Sequence[str | None] | None) -> Iterator[str]:
    """What was counted as independent where rows belong together."""
    if column is None or groups is None:
        return
    found = clusters_of(groups)
    if found is not None:
        yield (
            f"{counted(len(groups), 'test row')} belong together in "
            f"{counted(found.count, 'group')} ({column}): intervals and tests draw groups, as the "
            "rows of one tell less than as many independent ones."
        )


def _of_rows(run: RunFolder, metric: Metric, truth: Sequence[str]) -> Iterator[str]:
    """What the rows can show: labels with few of them, or with nearly all."""
    counts = run.prepared.values.get("counts")
    if counts is not None:
        yield from rare_labels(counts["sample"])
    if not truth or not metric.mean_of_rows or metric.reads != "labels":
        return
    label, rows = Counter(truth).most_common(1)[0]
    if _NEARLY_ALL * len(truth) <= rows < len(truth):
        yield (
            f"{metric.title} counts all rows alike, and {rows:,} of "
            f"{counted(len(truth), 'test row')} have the label {label}: always answering {label} "
            f"has an accuracy of {number(rows / len(truth))}. With decision.metric=f1_macro all "
            "labels count alike."
        )


def _constraints(study: Study) -> dict[str, float]:
    limits = study.constraints.model_dump()
    return {name: float(value) for name, value in limits.items() if value is not None}


def _key(run: RunFolder) -> str:
    """The hash of all that decides: the answers, the costs, the metric and the constraints."""
    study = make_study(run.study)
    budget = budget_key(run)
    return fingerprint(
        {
            "format": _FORMAT,
            # Only where there is one: decisions of studies without a label budget stay valid.
            **({} if budget is None else {"budget": budget}),
            "decision": study.decision.model_dump(),
            "constraints": study.constraints.model_dump(),
            "seed": study.seed,
            "resamples": study.evaluation.resamples,
            "counts": run.prepared.values.get("counts"),
            "failures": [dict(one) for one in run.failures],
            **({"stopped": dict(run.stopped)} if run.stopped else {}),
            "stages": [
                [result.stage, result.name, result.hash, result.values, result.files]
                for result in [*run.evaluated, *run.trained, *run.measured]
            ],
        }
    )


_KEPT = Kept(DECISION, _key, decide, read_decision)
