"""Workers take every setting once, whenever one of them is killed."""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tunelab.errors import RunError
from tunelab.study.sweeps.goals import find_goals
from tunelab.study.sweeps.ranking import Trial, front, rank, read_trials, winner
from tunelab.study.sweeps.space import parse_space
from tunelab.study.sweeps.storage import FILE, open_store
from tunelab.study.sweeps.worker import ATTEMPTS, Worker, open_optuna_study

AXES = parse_space({"a": "1..3", "b": ["x", "y"]})


class KilledError(BaseException):
    """Stands for kill -9: nothing of the worker runs behind it."""


OPENED: list[Any] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def _worker(
    folder: Path, name: str = "one", *, total: int = 4, position: str | None = None
) -> Worker:
    store = open_store(position, folder)
    OPENED.append(store)
    study = open_optuna_study(store, "sweep", ["high"], prune=False)
    first: dict[str, str | int | float] = {"a": 2, "b": '"y"'}
    return Worker(study, store, AXES, total, seed=3, name=name, grace=0.3, first=first)


def _work(worker: Worker, ran: list[Any]) -> None:
    while (trial := worker.take()) is not None:
        ran.append(tuple(trial.params.values()))
        worker.finish(trial, [float(trial.params["a"])])


def test_every_setting_is_run_once(tmp_path: Path) -> None:
    ran: list[Any] = []
    _work(_worker(tmp_path, total=99), ran)
    # The space holds six.
    assert len(ran) == len(set(ran)) == 6
    assert ran[0] == (2, '"y"')
    assert _worker(tmp_path, total=99).take() is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trial_values SET value = value + 1e-12",
        "UPDATE trial_params SET param_value = 1 - param_value WHERE param_name = 'b'",
        "UPDATE trial_user_attributes SET value_json = '{\"loss\": 1.5}' WHERE key = 'measured'",
    ],
)
def test_a_number_that_changed_is_noticed(change: str, tmp_path: Path) -> None:
    worker = _worker(tmp_path, total=2)
    trial = worker.take()
    assert worker.finish(trial, [0.1], about={"measured": {"loss": 0.5}})
    assert [one.goals for one in read_trials(worker.study, AXES, ["f1"])] == [{"f1": 0.1}]
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute(change).rowcount == 1
    connection.close()
    damaged = _worker(tmp_path, total=2)
    for use in (damaged.take, lambda: read_trials(damaged.study, AXES, ["f1"])):
        with pytest.raises(RunError, match="trial 0 of the sweep is not as it was recorded"):
            use()


def _kill(worker: Worker, moment: int) -> None:
    """Let a worker die when it would write for the ``moment``-th time."""
    from sqlalchemy import event

    engine = worker.store.storage.engine
    state = {"writes": False, "left": moment}

    def executes(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        state["writes"] |= not statement.lstrip().upper().startswith(("SELECT", "PRAGMA"))

    def commits(connection: Any) -> None:
        if state["writes"]:
            state["writes"] = False
            state["left"] -= 1
            if state["left"] == 0:
                raise KilledError

    event.listen(engine, "before_cursor_execute", executes)
    event.listen(engine, "commit", commits)


def test_killed_before_any_write(tmp_path: Path) -> None:
    """A worker dies before each of its writes in turn, and another goes on with its folder."""
    _worker(tmp_path)
    empty = (tmp_path / FILE).read_bytes()
    whole: list[Any] = []
    _work(_worker(tmp_path, total=2), whole)
    died = 0
    for moment in range(1, 200):
        folder = tmp_path / str(moment)
        folder.mkdir()
        (folder / FILE).write_bytes(empty)
        worker = _worker(folder, total=2)
        _kill(worker, moment)
        ran: list[Any] = []
        try:
            _work(worker, ran)
        except KilledError:
            died += 1
            # With a process, its connection and the transaction that was open go.
            worker.store.close()
        else:
            break
        begun = len(ran)
        second = _worker(folder, total=2)
        _work(second, ran)
        found = read_trials(second.study, AXES, ["accuracy"])
        assert [trial.state for trial in found] == ["complete"] * 2
        # The same settings as undisturbed, and only the one that was being run is begun again.
        assert set(ran) == set(whole)
        assert len({tuple(trial.values.values()) for trial in found}) == 2
        assert all(times == 1 for times in Counter(ran[: max(0, begun - 1)]).values())
        assert len(ran) <= len(whole) + 1
    assert died > 10


def test_a_dead_worker_is_noticed(tmp_path: Path) -> None:
    position = f"journal:{tmp_path / 'shared.log'}"
    dead = _worker(tmp_path, "dead", total=1, position=position)
    alive = _worker(tmp_path, "alive", total=1, position=position)
    lost = dead.take()
    with dead.alive(lost):
        for _ in range(8):
            assert alive.take() is None
            assert alive.others_at_work()
            time.sleep(0.1)
    for _ in range(100):
        again = alive.take()
        if again is not None:
            break
        assert alive.others_at_work()
        time.sleep(0.05)
    assert again.params == lost.params
    assert alive.finish(again, [1.0])
    assert not dead.finish(lost, [0.0])
    (trial,) = read_trials(alive.study, AXES, ["accuracy"])
    assert (trial.attempt, trial.goals) == (2, {"accuracy": 1.0})
    assert not alive.others_at_work()


def test_a_setting_that_kills_is_given_up(tmp_path: Path) -> None:
    for attempt in range(ATTEMPTS):
        trial = _worker(tmp_path, total=1).take()
        assert trial.params == {"a": 2, "b": '"y"'}
        assert trial.user_attrs.get("attempt", 1) == attempt + 1
    worker = _worker(tmp_path, total=1)
    assert worker.take() is None
    (failed,) = read_trials(worker.study, AXES, ["accuracy"])
    assert failed.state == "failed"
    assert failed.reason == f"its worker died {ATTEMPTS} times"


def test_the_front_comes_first() -> None:
    def trial(number: int, f1: float | None, parameters: float = 0.0) -> Trial:
        goals = None if f1 is None else {"f1_macro": f1, "trainable_parameters": parameters}
        state = "failed" if f1 is None else "complete"
        return Trial(number, state, {}, goals, {}, None, 1, None)

    goals = find_goals(("f1_macro", "trainable_parameters"))
    trials = [
        trial(0, None),
        trial(1, 0.8, 100),
        trial(2, 0.9, 300),
        trial(3, 0.85, 400),
        trial(4, 0.9, 250),
        trial(5, 0.2, 10),
    ]
    assert [one.number for one in front(trials, goals)] == [1, 4, 5]
    assert [one.number for one in rank(trials, goals)] == [4, 1, 5, 2, 3, 0]
    best = winner(trials, goals)
    assert best is not None
    assert best.number == 4
    assert winner(trials[:1], goals) is None
