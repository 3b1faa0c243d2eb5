"""The rows of a study before anything is trained: splits, counts, checks, encoding."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunelab.api.run import open_study
from tunelab.api.tables import as_html, as_text

if TYPE_CHECKING:
    import pandas as pd

    from tunelab.config import Study
    from tunelab.data.examples import Example
    from tunelab.evaluation.statistics.power import RowsPower
    from tunelab.study.encoded_view import EncodedView
    from tunelab.study.label_budget.plan import BudgetPlan
    from tunelab.study.prepare import PreparedData


class StudyRows:
    """The rows that a study trains, validates and tests on.

    ``splits`` holds the rows of train, validation and test, each with ``text`` and ``label``;
    ``labels`` are all labels, in the order of the prompt; ``checks`` count what is doubtful.
    """

    def __init__(self, study: "Study", data: "PreparedData") -> None:
        self.study = study
        self._data = data
        self.splits: Mapping[str, Sequence[Example]] = data.splits
        self.labels: tuple[str, ...] = data.labels
        self.checks: Mapping[str, Any] = data.result.values["checks"]

    @cached_property
    def counts(self) -> "pd.DataFrame":
        """Rows of each label: split, which (all rows, or the sample of the study), label, rows."""
        import pandas as pd

        counts = self._data.result.values["counts"]
        return pd.DataFrame(
            [
                {"split": split, "which": which, "label": label, "rows": rows}
                for which, key in (("all", "full"), ("sample", "sample"))
                for split, labels in counts[key].items()
                for label, rows in labels.items()
            ]
        )

    @cached_property
    def power(self) -> "RowsPower":
        """What the test rows can decide: ``decides``, ``needed`` rows, and ``sentences()``."""
        from tunelab.evaluation.statistics.power import power_of_rows

        return power_of_rows(len(self.splits["test"]))

    @cached_property
    def budget(self) -> "BudgetPlan | None":
        """The trainings of the label budget, ``trainings`` and ``trained_rows``; None without one.

        Raises:
            UsageError: no label has as many rows as a size asks for, or a classifier is not
                trained.
        """
        from tunelab.study.label_budget.planning import make_plan

        return make_plan(self.study, self._data.result.values["counts"]["sample"]["train"])

    def view(self, *, model: str | None = None, show: int = 2) -> "EncodedView":
        """The training rows as a model reads them, the first ``show`` of them token by token.

        ``model`` is a role of the study or a name; by default that of the first method. Each of
        ``rows`` has its messages, its tokens, of which ``trained`` ones are learned, and
        ``prompt_ids``, the tokens that the model is given when it is asked; ``lengths`` say what
        ``max_length`` cuts and what padding costs.

        Raises:
            UsageError: the name is unknown.
            RunError: a row cannot be encoded.
        """
        from tunelab.study.encoded_view import view_encoding

        return view_encoding(self.study, self._data, model=model, show=show)

    def __repr__(self) -> str:
        """The counts as a table of text."""
        return as_text(self.counts)

    def _repr_html_(self) -> str:
        return as_html(self.counts)


def prepare(
    study: "str | Path | Mapping[str, Any] | Study",
    *,
    out: str | Path | None = None,
    **overrides: Any,
) -> StudyRows:
    """Load, check and sample the rows of a study, as :func:`tunelab.run` does first.

    ``out`` is the run folder, ``runs/<study>`` by default; a run with the same folder takes these
    rows. ``study`` and ``overrides`` are those of :func:`tunelab.run`.

    Raises:
        UsageError: a key or a name is unknown, or the data does not fit.
    """
    from tunelab.study.prepare import prepare as prepare_rows

    made = open_study(study, **overrides)
    folder = Path(out).expanduser() if out is not None else Path("runs") / made.name
    return StudyRows(made, prepare_rows(made.data, seed=made.seed, out=folder))
