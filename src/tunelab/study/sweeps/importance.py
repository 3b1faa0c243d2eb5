"""How much of the spread of a goal each searched key explains."""

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

# Fewer trials than this explain nothing.
FEWEST = 4


def importances(study: Any, goals: Sequence[str], seed: int) -> dict[str, dict[str, Any]]:
    """For each goal ``{"shares": {key: share}}``, or ``{"reason": ...}`` where there are none.

    Shares of the variance of a random forest fitted to the complete trials of Optuna's ``study``.
    Source: Hutter et al., An Efficient Approach for Assessing Hyperparameter Importance, 2014.
    """
    import optuna
    from optuna.trial import TrialState

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    found: dict[str, dict[str, Any]] = {}
    for position, goal in enumerate(goals):
        values = [trial.values[position] for trial in complete]
        if len(values) < FEWEST:
            found[goal] = {"reason": f"fewer than {FEWEST} trials are complete"}
        elif len(set(values)) < 2:
            found[goal] = {"reason": "all trials have the same value"}
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                shares = optuna.importance.get_param_importances(
                    study,
                    evaluator=optuna.importance.FanovaImportanceEvaluator(seed=seed % 2**31),
                    target=partial(_value, position),
                )
            found[goal] = {"shares": {key: float(share) for key, share in shares.items()}}
    return found


def _value(position: int, trial: Any) -> float:
    return float(trial.values[position])
