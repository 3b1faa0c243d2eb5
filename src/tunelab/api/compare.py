"""Compare the classifiers of several runs on the test rows that the runs share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.api.opened_run import Run, open_run
from tunelab.api.tables import as_html, as_text, frame
from tunelab.errors import UsageError
from tunelab.evaluation.shared_rows import METRICS, compare_runs

if TYPE_CHECKING:
    import pandas as pd

    from tunelab.evaluation.comparisons import Comparison
    from tunelab.evaluation.shared_rows import SharedSide

_COLUMNS = (
    *("left", "right", "metric", "left_value", "right_value", "difference", "low", "high"),
    *("p_value", "p_corrected", "test", "rows", "rows_needed", "reason"),
)


@dataclass(frozen=True)
class RunComparison:
    """Classifiers of several runs on the rows that all of them answered.

    ``table``: a row for each two classifiers of different runs and each metric: left minus
    right, its 95 % interval, the paired test's p-value, and ``p_corrected``, which is Holm's
    over all rows of the table. Classifiers are named run/classifier; one that was trained with
    several seeds has one row, and its interval covers other seeds too. ``rows`` counts the
    shared test rows, ``left_out`` those that each run has beside them. ``tests`` counts the tests
    that the correction covers.
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
    if isinstance(runs, str | Path | Run) or len(runs) < 2:
        raise UsageError("give two runs or more, as in compare(['runs/a', 'runs/b']).")
    opened = [run if isinstance(run, Run) else open_run(run) for run in runs]
    found = compare_runs(
        [run._record for run in opened],
        classifiers=classifiers,
        metrics=metrics,
        seed=seed,
        resamples=resamples,
    )
    if not found.rows:
        raise UsageError(
            "the runs share no test row (a text with the same label), so there is nothing to "
            "compare; give the studies the same test file and the same seed."
        )
    return RunComparison(
        table=frame([_row(one, found.sides) for one in found.comparisons], _COLUMNS),
        rows=found.rows,
        left_out=dict(found.left_out),
        tests=found.tests,
    )


def _row(one: "Comparison", sides: "Mapping[str, SharedSide]") -> dict[str, Any]:
    difference = one.difference
    return {
        "left": one.left,
        "right": one.right,
        "metric": one.metric,
        "left_value": sides[one.left].value(one.metric)[0],
        "right_value": sides[one.right].value(one.metric)[0],
        "difference": difference.value,
        "low": difference.low,
        "high": difference.high,
        "p_value": difference.p_value,
        "p_corrected": one.p_corrected,
        "test": difference.test,
        "rows": difference.rows,
        "rows_needed": difference.rows_needed,
        "reason": difference.reason,
    }
