"""Make the plan of a label budget: from the study and the training rows of each label."""

from collections.abc import Mapping

from tunelab.config import Budget, Study
from tunelab.data.nested_draws import mean_per_label, short_labels
from tunelab.errors import UsageError
from tunelab.numbers import counted
from tunelab.study.cell_list import cells_of, estimators
from tunelab.study.label_budget.plan import BudgetPlan


def make_plan(study: Study, counts: Mapping[str, int]) -> BudgetPlan | None:
    """The trainings of a study's label budget, None where it has none.

    ``counts``: the training rows of each label. A label that has fewer rows than a size gives all
    of them, as a rare label is no reason to measure nothing; a size that no label has more rows
    than would be ``all`` under another name, and is refused.

    Raises:
        UsageError: as said, or a classifier of the budget is not trained.
    """
    budget = study.budget
    if budget is None:
        return None
    most = max(counts.values())
    for size in budget.per_class:
        if size != "all" and size >= most:
            label = next(label for label, rows in counts.items() if rows == most)
            raise UsageError(
                f"budget.per_class names {size} rows a label, and no label has more than "
                f"{counted(most, 'training row')} ({label[:80]!r}); leave out {size} and more, and "
                "write all for every row."
            )
    numbers = [None if size == "all" else size for size in budget.per_class]
    asked = [cell for cell in cells_of(study) if cell.of is None and not cell.estimator.trains]
    return BudgetPlan(
        classifiers=_classifiers(study, budget),
        sizes=tuple(budget.per_class),
        # Every draw of all rows has the same rows.
        draws=tuple(1 if size is None else budget.draws for size in numbers),
        rows_a_label=tuple(mean_per_label(counts.values(), size) for size in numbers),
        rows=tuple(
            sum(rows if size is None else min(rows, size) for rows in counts.values())
            for size in numbers
        ),
        short=tuple({} if size is None else short_labels(counts, size) for size in numbers),
        asked=tuple(cell.name for cell in asked if not cell.estimator.about.get("shots")),
        shown_rows=tuple(cell.name for cell in asked if cell.estimator.about.get("shots")),
    )


def _classifiers(study: Study, budget: Budget) -> tuple[str, ...]:
    """The classifiers of a budget, in the order of the study."""
    trained = [
        name for name, one in estimators(study, seed=study.training.seeds[0]).items() if one.trains
    ]
    for name in budget.classifiers or ():
        if name not in trained:
            raise UsageError(
                f"budget.classifiers names {name}, which is not trained; name classifiers that "
                f"are: {', '.join(trained) or 'none is'}."
            )
    chosen = [name for name in trained if budget.classifiers is None or name in budget.classifiers]
    if not chosen:
        raise UsageError("the study has a budget, but no classifier that is trained; name one.")
    return tuple(chosen)
