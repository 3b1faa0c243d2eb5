"""What the next labels would bring a classifier, by the label budget of its run."""

from tunelab.config import make_study
from tunelab.evaluation.label_budget.power_law import extrapolated
from tunelab.numbers import count, counted, signed, signed_interval
from tunelab.runs.run_folder import RunFolder
from tunelab.study.label_budget.answers import answers_of, cell_of, right_rows
from tunelab.study.label_budget.plan import read_plan


def next_labels(run: RunFolder, classifier: str, more: int = 100) -> str:
    """A sentence: the gain in accuracy of ``more`` labelled rows, with its 95 % interval.

    The curve of the label budget goes on from its largest size, and rows are taken as drawn at
    random. Where this cannot be told, the sentence says why.

    Raises:
        RunError: a file of the run is damaged.
    """
    unknown = f"What {counted(more, 'more label')} would bring is not known"
    if run.budget_plan is None:
        return (
            f"{unknown}: the run has no label budget, which measures it (budget in the study file)."
        )
    plan = read_plan(run.budget_plan["plan"])
    if classifier not in plan.classifiers:
        return f"{unknown}: {classifier} is not in the label budget of the run."
    right = {cell_of(plan, result): right_rows(result) for result in run.budget_trainings}
    answers = answers_of(plan, right)
    done = [cell.size for cell in right if cell.classifier == classifier]
    if not done:
        return f"{unknown}: no training of {classifier} in the label budget was done."
    rows = plan.rows[max(done)]
    found = extrapolated(answers, classifier, 1 + more / rows, seed=make_study(run.study).seed)
    if found.gain.value is None:
        return f"{unknown}: {found.gain.reason}."
    interval = signed_interval(found.gain.low, found.gain.high, "share")
    return (
        f"{counted(more, 'more label')}, from {count(rows)} labelled rows to {count(rows + more)}, "
        f"would bring {classifier} about {signed(found.gain.value, 'share')} accuracy (95 % "
        f"interval {interval}), by the label budget of its run and for rows drawn at random."
    )
