"""A worker's share in a sweep: it takes trials, keeps them alive, and hands in what came out.

Trials are Optuna's. What Optuna does not settle by itself is settled here, in turns that one
worker has at a time: no setting is run twice, the number of trials is a total over workers and
restarts, and a trial whose worker died is run again as a new one with the same setting.
"""

import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tunelab.config import fingerprint
from tunelab.errors import RunError
from tunelab.runs.seals import SEAL
from tunelab.study.sweeps.intact import MEASURED, intact_trials, trial_seal
from tunelab.study.sweeps.space import Axis, Choices, Stored, canonical, unseen
from tunelab.study.sweeps.storage import Store

# How often a setting is begun before a death of its worker counts as its failure.
ATTEMPTS = 3
BEATS = 5
_log = logging.getLogger(__name__)


class PrunedError(RunError):
    """A trial was ended, since others had a lower validation loss at this point."""


@dataclass
class Worker:
    """One process at work in a sweep.

    ``study`` is Optuna's. ``name`` tells folders apart: since a folder has one process, a trial
    of the same name that still runs was left by a killed one. Others count as dead when their
    trial has shown no sign of life for ``grace`` seconds. ``first`` is the setting that the sweep
    begins with, or None.
    """

    study: Any
    store: Store
    axes: Sequence[Axis]
    total: int
    seed: int
    name: str
    grace: float = 60.0
    first: Mapping[str, Stored] | None = None
    seen: dict[int, tuple[Any, float]] = field(default_factory=dict)

    def take(self) -> Any:
        """The next trial to run, or None where all are taken."""
        with self.store.turn():
            self._mark_dead_trials_failed()
            trials = self._trials()
            begun = [trial for trial in trials if _counts(trial)]
            if len(begun) >= self.total:
                return None
            if not any(_is_waiting(trial) for trial in trials):
                self._enqueue(trials)
            trial = self._ask(len(begun))
            if trial is not None:
                trial.set_user_attr("worker", self.name)
            return trial

    def others_at_work(self) -> bool:
        """Whether trials of other workers still run, or one is left to be taken."""
        with self.store.turn():
            self._mark_dead_trials_failed()
            trials = self._trials()
        if sum(map(_counts, trials)) < self.total and any(map(_is_lost(trials), trials)):
            return True
        return any(_is_running(trial) for trial in trials)

    def finish(
        self,
        trial: Any,
        values: Sequence[float] | None,
        *,
        pruned: bool = False,
        about: Mapping[str, Any] | None = None,
    ) -> bool:
        """Hand in a trial: its ``values``, or without any that it failed.

        False where another worker took it for dead meanwhile; then nothing is recorded.
        """
        from optuna.trial import TrialState

        with self.store.turn():
            if self.store.storage.get_trial(trial._trial_id).state.is_finished():
                _log.warning("trial %d was taken for dead and is run elsewhere", trial.number)
                return False
            about, kept = dict(about or {}), None if pruned else values
            if kept is not None:
                about[SEAL] = trial_seal(trial.params, kept, about.get(MEASURED, {}))
            for key, value in about.items():
                trial.set_user_attr(key, value)
            if kept is not None:
                self.study.tell(trial, list(kept))
            else:
                self.study.tell(trial, state=TrialState.PRUNED if pruned else TrialState.FAIL)
            return True

    @contextmanager
    def alive(self, trial: Any) -> Iterator[None]:
        """Show signs of life of a trial while it runs, where others may be watching."""
        if not self.store.shared:
            yield
            return
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(self.grace / BEATS):
                try:
                    self.store.storage.set_trial_user_attr(trial._trial_id, "beat", time.time())
                except Exception as error:
                    # A beat that is missed matters less than the training; the next may come.
                    _log.debug("no sign of life of trial %d: %s", trial.number, error)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _trials(self) -> list[Any]:
        return intact_trials(self.study)

    def _mark_dead_trials_failed(self) -> None:
        """Close trials whose worker is gone, so that their settings are run again."""
        from optuna.trial import TrialState

        storage = self.store.storage
        for trial in self._trials():
            if not _is_running(trial) or not self._is_dead(trial):
                continue
            attributes = trial.user_attrs
            if len(trial.params) < len(self.axes):
                storage.set_trial_user_attr(trial._trial_id, "withdrawn", "interrupted at once")
            elif attributes.get("attempt", 1) >= ATTEMPTS:
                reason = f"its worker died {ATTEMPTS} times"
                storage.set_trial_user_attr(trial._trial_id, "reason", reason)
            else:
                storage.set_trial_user_attr(trial._trial_id, "interrupted", True)
            storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL)

    def _is_dead(self, trial: Any) -> bool:
        if not self.store.shared or trial.user_attrs.get("worker") == self.name:
            return True
        beat, now = trial.user_attrs.get("beat"), time.monotonic()
        known = self.seen.get(trial.number)
        if known is None or known[0] != beat:
            self.seen[trial.number] = (beat, now)
            return False
        return now - known[1] > self.grace

    def _enqueue(self, trials: Sequence[Any]) -> None:
        lost = next(filter(_is_lost(trials), trials), None)
        if lost is not None:
            again = {"retry_of": lost.number, "attempt": lost.user_attrs.get("attempt", 1) + 1}
            self.study.enqueue_trial(lost.params, user_attrs=again)
        elif self.first is not None and not any(map(_counts, trials)):
            self.study.enqueue_trial(dict(self.first))

    def _ask(self, begun: int) -> Any:
        """A trial with a setting that no other has, or None where the space holds no further."""
        from optuna.trial import TrialState

        seed = _seed(self.seed, begun)
        trials = self._trials()
        known = [other.params for other in trials if _counts(other)]
        spare = unseen(self.axes, known, seed)
        if spare is None and not any(map(_is_waiting, trials)):
            _log.info("the space holds no further setting")
            return None
        distributions = {axis.key: distribution(axis) for axis in self.axes}
        self.study.sampler = _sampler(seed, self.store.shared)
        trial = self.study.ask(distributions)
        if canonical(self.axes, trial.params) not in {canonical(self.axes, one) for one in known}:
            return trial
        trial.set_user_attr("withdrawn", "another trial has this setting")
        self.study.tell(trial, state=TrialState.FAIL)
        if spare is None:
            return None
        self.study.enqueue_trial(spare)
        return self.study.ask(distributions)


def open_optuna_study(store: Store, name: str, goals: Sequence[str], *, prune: bool) -> Any:
    """Optuna's study of a name, made where there is none; ``goals`` are ``high`` or ``low``."""
    import optuna

    high, low = optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE
    with store.turn():
        return optuna.create_study(
            storage=store.storage,
            study_name=name,
            directions=[high if best == "high" else low for best in goals],
            # The first evaluation is made before any step.
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1)
            if prune
            else optuna.pruners.NopPruner(),
            load_if_exists=True,
        )


def distribution(axis: Axis) -> Any:
    """An axis as Optuna's distribution."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(axis, Choices):
        return CategoricalDistribution(axis.values)
    if axis.whole:
        return IntDistribution(int(axis.low), int(axis.high), axis.log, int(axis.step or 1))
    return FloatDistribution(axis.low, axis.high, axis.log, axis.step)


def _sampler(seed: int, shared: bool) -> Any:
    """Optuna's TPE, drawn anew for each trial, so that a resumed sweep goes on as it would have.

    Source: Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011.
    """
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, constant_liar=shared)


def _seed(seed: int, begun: int) -> int:
    return int(fingerprint([seed, begun], length=8), 16)


def _counts(trial: Any) -> bool:
    """Whether a trial is one of the total; one that waits was not begun."""
    attributes = trial.user_attrs
    return not (_is_waiting(trial) or "withdrawn" in attributes or "interrupted" in attributes)


def _is_lost(trials: Sequence[Any]) -> Callable[[Any], bool]:
    """What tells a trial that was interrupted and is not run again yet."""
    again = {
        trial.user_attrs.get("retry_of") for trial in trials if "withdrawn" not in trial.user_attrs
    }
    return lambda trial: "interrupted" in trial.user_attrs and trial.number not in again


def _is_waiting(trial: Any) -> bool:
    return str(trial.state.name) == "WAITING"


def _is_running(trial: Any) -> bool:
    return str(trial.state.name) == "RUNNING"
