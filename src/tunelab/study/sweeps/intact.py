"""A seal on every complete trial, so that a number that changed since is noticed."""

from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.errors import RunError
from tunelab.runs.seals import SEAL, sealed

MEASURED = "measured"


def trial_seal(
    params: Mapping[str, Any], values: Sequence[float], measured: Mapping[str, Any]
) -> str:
    """The SHA-256 of a setting, the values of the sweep's goals, and all that was measured."""
    return str(sealed({"params": params, "values": values, "measured": measured}, {})[SEAL])


def intact_trials(study: Any) -> list[Any]:
    """The trials of Optuna's ``study``, of which the complete ones are compared with their seals.

    A record of a version without seals counts as intact.

    Raises:
        RunError: a trial is not what was handed in.
    """
    trials = list(study.get_trials(deepcopy=False))
    for trial in trials:
        # The seal is written first: a worker that died in between left one on no whole trial.
        known = trial.user_attrs
        if trial.state.name != "COMPLETE" or SEAL not in known:
            continue
        if known[SEAL] != trial_seal(trial.params, trial.values, known.get(MEASURED, {})):
            raise RunError(
                f"trial {trial.number} of the sweep is not as it was recorded: the storage is "
                "damaged. Remove it (trials.db of the sweep's folder) and run the sweep again."
            )
    return trials
