"""A run as Python objects and data frames; opening one needs neither torch nor transformers."""

from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.api.tables import as_html, as_text, frame
from tunelab.evaluation.measuring import recorded
from tunelab.guards.bounded_files import home_path, is_file

if TYPE_CHECKING:
    import pandas as pd

    from tunelab.api.budgeted import RunBudget
    from tunelab.api.decided import RunDecision
    from tunelab.api.reviewed import RunReview
    from tunelab.config import Study
    from tunelab.report.contrasts import NumberedContrast
    from tunelab.report.page import Figure
    from tunelab.runs.run_folder import RunFolder

# What identifies a row of the tables: the classifier, and how it came to be.
WHO = ("name", "kind", "model", "method", "seed")
_REPORT = "report.html"
_INDEX = "run.json"
_SHOWN = ("accuracy", "accuracy_low", "accuracy_high", "f1_macro", "unparsed", "rows")


@dataclass(frozen=True)
class Verdict:
    """A claim of the study and what the test rows say about it.

    ``verdict`` is supported, refuted or undecided, and ``why`` gives the reason. ``difference``
    is left minus right with its 95 % interval ``low`` to ``high``; ``p_value`` is of the test
    against the claim's margin, ``p_corrected`` after Holm's correction over the ``tests`` tests of
    its ``family``, which is that of the claims. What is undefined is None. ``rows_needed`` test
    rows would decide a difference of this size.
    """

    claim: str
    verdict: str
    why: str
    metric: str
    left: str
    right: str | float
    relation: str
    margin: float
    left_value: float | None
    right_value: float | None
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    p_corrected: float | None
    test: str
    rows: int
    rows_needed: int | None
    family: str
    tests: int


@dataclass(frozen=True)
class Failure:
    """A part of a study that failed, and the sentence that says why."""

    name: str
    error: str


def _is_plain(value: Any) -> bool:
    """Whether a value can be in a cell of a table."""
    return value is None or isinstance(value, str | int | float | bool)


def open_run(path: str | Path) -> "Run":
    """Open the folder of a run, finished or not.

    Raises:
        UsageError: the folder holds no run.
        RunError: a record in it is damaged.
    """
    from tunelab.runs.run_folder import read_run

    return Run(read_run(home_path(str(path))))


class Run:
    """The results of a study. Tables are data frames, in which an undefined value is <NA>."""

    def __init__(self, record: "RunFolder") -> None:
        self._record = record
        self.folder: Path = record.folder

    @cached_property
    def study(self) -> "Study":
        """The study as it was run, every default written out."""
        from tunelab.config import make_study

        return make_study(self._record.study)

    @cached_property
    def scores(self) -> "pd.DataFrame":
        """A row for each classifier: its metrics on the test rows, each with a 95 % interval.

        Columns: name, kind, model, method, seed; unparsed (answers without a label), rows, and
        seconds that answering took; then for each metric its value and _low and _high.
        """
        rows = []
        for result in self._record.evaluated:
            values = result.values
            row = self._who(result) | {
                "unparsed": values["scores"]["unparsed"],
                "rows": values["scores"]["rows"],
                "seconds": values.get("seconds"),
            }
            for metric, found in recorded(values).items():
                row[metric] = found["value"]
                row[f"{metric}_low"], row[f"{metric}_high"] = found["low"], found["high"]
            rows.append(row)
        return frame(rows, WHO)

    @cached_property
    def facts(self) -> "pd.DataFrame":
        """A row for each classifier: its accuracy, and what it costs.

        Columns: name, kind, model, method, seed; accuracy; then trained_parameters, parameters,
        train_seconds, train_memory_bytes, bytes (on disk), open_seconds, memory_bytes,
        rows_per_second, median_ms and p95_ms for one text.
        """
        from tunelab.evaluation.facts import FACTS
        from tunelab.report.facts_table import facts_of

        accuracies = {row.name: row.accuracy for row in facts_of(self._record)}
        rows = [
            self._who(result)
            | {"accuracy": accuracies.get(result.name)}
            | {fact.id: result.values.get(fact.id) for fact in FACTS}
            for result in self._record.measured
        ]
        return frame(rows, WHO)

    @cached_property
    def predictions(self) -> "pd.DataFrame":
        """What each classifier answered to each test row.

        Columns: name, kind, model, method, seed; row, text, truth, predicted; then what is known
        of a language model's answer, such as its words and the probability of each label.
        """
        import pandas as pd

        from tunelab.runs.run_folder import predictions

        tables = []
        for result in self._record.evaluated:
            table = predictions(result)
            for position, (key, value) in enumerate(self._who(result).items()):
                kind = "Int64" if key == "seed" else "string"
                column = pd.array([value] * len(table), dtype=kind)  # type: ignore[call-overload]
                table.insert(position, key, column)
            tables.append(table)
        return pd.concat(tables, ignore_index=True) if tables else frame([], WHO)

    @cached_property
    def trainings(self) -> "pd.DataFrame":
        """A row for each fine-tuning: name, model, method, seed, and what it took.

        Among the columns: trainable_parameters, learning_rate, steps, best_step, best_loss (nats
        a token), stopped_early, adapter_bytes and seconds.
        """
        import pandas as pd

        rows = [
            {"name": result.name}
            | {key: value for key, value in result.values.items() if _is_plain(value)}
            for result in self._record.tuned
        ]
        return pd.DataFrame(rows, columns=None if rows else ["name"])

    @cached_property
    def history(self) -> "pd.DataFrame":
        """The losses of each fine-tuning: name, step, epoch, split, loss, perplexity, and more."""
        import pandas as pd

        from tunelab.runs.run_folder import history

        tables = []
        for result in self._record.tuned:
            table = history(result)
            table.insert(0, "name", result.name)
            tables.append(table)
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"name": []})

    def figure(self, name: str) -> "Figure | None":
        """A figure of the report, such as scores: its title, description and ``svg``.

        None where the run has nothing to draw.

        Raises:
            UsageError: there is no figure of that name.
        """
        from tunelab.registry import FIGURES, resolve
        from tunelab.report.page import draw_figure

        return draw_figure(name, resolve("figure", name, FIGURES).collect(self._record))

    @cached_property
    def findings(self) -> list[str]:
        """What follows from the results, a sentence each, as in the report."""
        from tunelab.report.findings import find
        from tunelab.study.judging.stage import verdicts_of

        return [finding.sentence for finding in find(self._record, verdicts_of(self._record))]

    @cached_property
    def contrasts(self) -> "list[NumberedContrast]":
        """Methods of the run that are easily confused: ``title``, ``paragraphs``, ``numbers``."""
        from tunelab.report.contrasts import contrasts_of
        from tunelab.report.methods_table import methods_of
        from tunelab.study.judging.stage import verdicts_of

        return contrasts_of(methods_of(self._record), verdicts_of(self._record).methods)

    @cached_property
    def decision(self) -> "RunDecision":
        """Which classifier to take: ``answer``, ``recommended``, ``can_be_best`` and ``table``."""
        from tunelab.api.decided import plain
        from tunelab.study.judging.decision import decision_of

        return plain(decision_of(self._record))

    @cached_property
    def budget(self) -> "RunBudget | None":
        """From how many labels fine-tuning pays: ``sentences``, ``curves`` and ``crossings``.

        None where the study has no label budget.
        """
        from tunelab.api.budgeted import plain_budget
        from tunelab.study.judging.label_budget import budget_of

        found = budget_of(self._record)
        return None if found is None else plain_budget(found)

    @cached_property
    def review(self) -> "RunReview":
        """When to ask a person: ``sentences`` for each classifier, and ``table``."""
        from tunelab.api.reviewed import plain_reviews
        from tunelab.study.judging.review import reviews_of

        return plain_reviews(reviews_of(self._record))

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """The verdict on each claim of the study, in its order."""
        from tunelab.evaluation.verdicts import CLAIMED
        from tunelab.study.judging.stage import verdicts_of

        verdicts = verdicts_of(self._record)
        found = []
        for judged in verdicts.claims:
            values = judged.to_dict()
            difference = values["difference"]
            found.append(
                Verdict(
                    **{
                        key: values[key]
                        for key in (
                            *("claim", "verdict", "why", "metric", "left", "right", "relation"),
                            *("margin", "left_value", "right_value", "p_corrected", "family"),
                        )
                    },
                    difference=difference["value"],
                    **{
                        key: difference[key]
                        for key in ("low", "high", "p_value", "test", "rows", "rows_needed")
                    },
                    tests=verdicts.tests[CLAIMED],
                )
            )
        return found

    @cached_property
    def slices(self) -> "pd.DataFrame":
        """A row for each part of the test rows and each classifier, where the study names slices.

        Columns: slice, part, classifier, metric, rows; score with score_low and score_high; rest,
        the score of the other rows; difference with its _low and _high, p_value, and p_corrected,
        Holm's over all these tests; reason, why something is undefined.
        """
        from tunelab.study.judging.stage import verdicts_of

        columns = ("slice", "part", "classifier", "metric", "rows")
        return frame(
            [
                {
                    **{name: getattr(one, name) for name in columns},
                    "score": one.score.value,
                    "score_low": one.score.low,
                    "score_high": one.score.high,
                    "rest": one.rest,
                    "difference": one.difference.value,
                    "difference_low": one.difference.low,
                    "difference_high": one.difference.high,
                    "p_value": one.difference.p_value,
                    "p_corrected": one.p_corrected,
                    "reason": one.score.reason or one.difference.reason,
                }
                for one in verdicts_of(self._record).slices
            ],
            columns,
        )

    @property
    def failures(self) -> list[Failure]:
        """The parts that failed; empty where none did."""
        return [Failure(one["name"], one["error"]) for one in self._record.failures]

    @property
    def report(self) -> Path:
        """The path of report.html, which is built where it is missing or older than the run.

        Raises:
            RunError: a record is damaged, or the folder cannot be written.
        """
        from tunelab.report.build import build_report

        path, index = self.folder / _REPORT, self.folder / _INDEX
        if is_file(path) and path.stat().st_mtime_ns >= index.stat().st_mtime_ns:
            return path
        return build_report(self.folder)

    def __repr__(self) -> str:
        """The scores as a table of text."""
        table = as_text(self._short())
        lines = [self._title(), "", table if len(self.scores) else "no scores yet"]
        lines += [f"failed: {one.name}: {one.error}" for one in self.failures]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The scores as a table of a notebook; names and errors are escaped."""
        table = as_html(self._short())
        failed = "".join(
            f"<li>{escape(one.name)}: {escape(one.error)}</li>" for one in self.failures
        )
        return (
            f"<p>{escape(self._title())}</p>{table}"
            + (f"<p>failed:</p><ul>{failed}</ul>" if failed else "")
        )  # fmt: skip

    def _title(self) -> str:
        name, claims = self._record.study.get("name", ""), self._record.study.get("claims") or []
        return (
            f"Run {str(name)!r} in {self.folder}: "
            f"classifiers: {len(self.scores)}, claims: {len(claims)}"
        )

    def _short(self) -> "pd.DataFrame":
        table = self.scores
        columns = ["name", *(column for column in _SHOWN if column in table)]
        return table[columns]

    def _who(self, result: Any) -> dict[str, Any]:
        values = result.values
        return {"name": result.name, **{key: values.get(key) for key in WHO[1:]}}
