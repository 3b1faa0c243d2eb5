"""Compare the classifiers of several runs on the test rows that the runs share."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.api.opened_run import Run, open_run
from tunelab.api.tables import as_html, as_text, frame
from tunelab.errors import UsageError
from tunelab.evaluation.metrics import Answered, all_metrics, find_metric
from tunelab.evaluation.statistics.estimates import Difference, undefined

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("accuracy",)
# The one with fewer labels to choose from has the easier task.
_OTHER_LABELS = "the two choose among different labels"
_COLUMNS = (
    *("left", "right", "metric", "left_value", "right_value", "difference", "low", "high"),
    *("p_value", "p_corrected", "test", "rows", "rows_needed", "reason"),
)

Key = tuple[str, str]


@dataclass(frozen=True)
class RunComparison:
    """Classifiers of several runs on the rows that all of them answered.

    ``table``: a row for each two classifiers of different runs and each metric: left minus
    right, its 95 % interval, the paired test's p-value, and ``p_corrected``, which is Holm's
    over all rows of the table. Classifiers are named run/classifier; one that was trained with
    several seeds has one row, and its interval covers other seeds too. ``rows`` counts the
    shared test rows, ``left_out`` those that each run has beside them.
    """

    table: "pd.DataFrame"
    rows: int
    left_out: dict[str, int]
    tests: int

    def __repr__(self) -> str:
        """The table as text."""
        shown = self.table[["left", "right", "metric", "difference", "low", "high", "p_corrected"]]
        return f"{self._title()}\n\n{as_text(shown)}"

    def _repr_html_(self) -> str:
        return f"<p>{self._title()}</p>{as_html(self.table)}"

    def _title(self) -> str:
        return f"{self.rows} shared test rows, {self.tests} tests"


@dataclass(frozen=True)
class _Side:
    """A classifier of a run, and its answers to the shared rows for each training seed."""

    run: str
    name: str
    answered: tuple[Answered, ...]

    @property
    def title(self) -> str:
        return f"{self.run}/{self.name}"

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(self.answered[0].predictions.labels)


def compare(
    runs: Sequence[str | Path | Run],
    *,
    classifiers: Sequence[str] | None = None,
    metrics: Sequence[str] = METRICS,
    seed: int = 42,
    resamples: int = 5000,
) -> RunComparison:
    """Compare the classifiers of two runs or more on the test rows that all runs share.

    Two rows are the same where text and true label are. Classifiers that choose among different
    labels are not compared, since the one with fewer has the easier task. ``runs`` are folders or
    opened runs; ``classifiers`` leaves only those of these names; ``metrics`` are those of a
    claim that rows are compared by, such as accuracy and f1_macro. ``seed`` and ``resamples`` are
    of the bootstrap behind the intervals of F1.

    Raises:
        UsageError: there are fewer than two runs, they share no row, or a name is unknown.
        RunError: a record in a folder is damaged.
    """
    from tunelab.evaluation.claims import compare_rows
    from tunelab.evaluation.statistics.corrections import holm
    from tunelab.registry import check_name

    for metric in metrics:
        check_name("metric", metric, all_metrics())
    if isinstance(runs, str | Path | Run) or len(runs) < 2:
        raise UsageError("give two runs or more, as in compare(['runs/a', 'runs/b']).")
    opened = [run if isinstance(run, Run) else open_run(run) for run in runs]
    found = dict(zip(_titles(opened), map(_sides, opened), strict=True))
    names = list(dict.fromkeys(name for sides in found.values() for name in sides))
    for name in classifiers or ():
        check_name("classifier of these runs", name, names)
    indices, rows = _shared({run: _truth(sides, run) for run, sides in found.items()})
    sides = [
        _Side(run, name, tuple(_restricted(one, indices[run]) for one in answered))
        for run, members in found.items()
        for name, answered in members.items()
        if classifiers is None or name in classifiers
    ]
    pairs = [
        (left, right, metric)
        for left, right in combinations(sides, 2)
        for metric in metrics
        if left.run != right.run
    ]
    differences = [
        compare_rows(metric, left.answered, right.answered, 0.0, seed, resamples)
        if left.labels == right.labels
        else undefined(_OTHER_LABELS)
        for left, right, metric in pairs
    ]
    corrected = holm([difference.p_value for difference in differences])
    return RunComparison(
        table=frame(
            [
                _row(*pair, difference, p_corrected)
                for pair, difference, p_corrected in zip(pairs, differences, corrected, strict=True)
            ],
            _COLUMNS,
        ),
        rows=rows,
        left_out={run: len(_truth(found[run], run)) - rows for run in found},
        tests=sum(difference.p_value is not None for difference in differences),
    )


def _titles(runs: Sequence[Run]) -> list[str]:
    """A name for each run: its folder's, or its path where two folders have the same."""
    paths = [run.folder.resolve() for run in runs]
    twice = [str(path) for path, count in Counter(paths).items() if count > 1]
    if twice:
        raise UsageError(f"the run {twice[0]} is named twice; compare different runs.")
    names = Counter(path.name for path in paths)
    return [path.name if names[path.name] == 1 else str(path) for path in paths]


def _sides(run: Run) -> dict[str, list[Answered]]:
    """The answers of each classifier of a run, for each training seed, by the study's name."""
    from tunelab.evaluation.sides import read_answered

    found: dict[str, list[Answered]] = defaultdict(list)
    for result in run._record.evaluated:
        found[str(result.values.get("group") or result.name)].append(read_answered(result))
    return dict(found)


def _truth(sides: Mapping[str, Sequence[Answered]], run: str) -> list[Key]:
    """Text and true label of each test row of a run, which all its classifiers answered."""
    answered = [one for members in sides.values() for one in members]
    if not answered:
        raise UsageError(f"the run {run} has no answers yet; let it finish first.")
    return list(zip(answered[0].predictions.texts, answered[0].truth, strict=True))


def _shared(rows: Mapping[str, Sequence[Key]]) -> tuple[dict[str, list[int]], int]:
    """The positions of the shared rows in each run, in the same order, and how many they are.

    A row that every run has twice is shared twice.
    """
    counts = [Counter(keys) for keys in rows.values()]
    common = counts[0]
    for other in counts[1:]:
        common &= other
    if not common:
        raise UsageError(
            "the runs share no test row (a text with the same label), so there is nothing to "
            "compare; give the studies the same test file and the same seed."
        )
    order = [key for key in dict.fromkeys(next(iter(rows.values()))) if key in common]
    indices = {}
    for run, keys in rows.items():
        positions: dict[Key, list[int]] = defaultdict(list)
        for position, key in enumerate(keys):
            positions[key].append(position)
        indices[run] = [position for key in order for position in positions[key][: common[key]]]
    return indices, sum(common.values())


def _restricted(answered: Answered, rows: Sequence[int]) -> Answered:
    """The answers to some of the rows, in the order of ``rows``."""

    def some(values: Any) -> Any:
        # What was not recorded stays None.
        return None if values is None else tuple(values[row] for row in rows)

    whole = answered.predictions
    generated, likelihoods = whole.generated, whole.likelihoods
    predictions = replace(
        whole,
        texts=some(whole.texts),
        truth=some(whole.truth),
        # Every field of an answer in words has an entry for each row.
        generated=generated
        and replace(generated, **{key: some(value) for key, value in vars(generated).items()}),
        likelihoods=likelihoods
        and replace(
            likelihoods, logprobs=some(likelihoods.logprobs), forced=some(likelihoods.forced)
        ),
    )
    return replace(
        answered,
        predictions=predictions,
        predicted=some(answered.predicted),
        scored=some(answered.scored),
    )


def _value(metric: str, side: _Side) -> float | None:
    """The metric of one side on the shared rows, the mean over its seeds."""
    values = [find_metric(metric).value(one).value for one in side.answered]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _row(
    left: _Side, right: _Side, metric: str, difference: Difference, p_corrected: float | None
) -> dict[str, Any]:
    return {
        "left": left.title,
        "right": right.title,
        "metric": metric,
        "left_value": _value(metric, left),
        "right_value": _value(metric, right),
        "difference": difference.value,
        "low": difference.low,
        "high": difference.high,
        "p_value": difference.p_value,
        "p_corrected": p_corrected,
        "test": difference.test,
        "rows": difference.rows,
        "rows_needed": difference.rows_needed,
        "reason": difference.reason,
    }
