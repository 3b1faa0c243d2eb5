"""Schedules that transformers refuses are told of before anything is trained."""

from typing import get_args

import pytest

from conftest import Workspace
from tunelab.config import Scheduler
from tunelab.errors import UsageError
from tunelab.study.feasibility import check_feasible
from tunelab.study.opening import open_study
from tunelab.training.schedule import check_schedule


@pytest.mark.parametrize("scheduler", get_args(Scheduler))
def test_every_schedule_of_a_study_is_one(scheduler: str) -> None:
    check_schedule(scheduler, 1e-3)


@pytest.mark.parametrize("rate", [1e-7, 3e-8, 1e-12])
def test_a_rate_below_the_end_of_the_polynomial(rate: float) -> None:
    with pytest.raises(UsageError, match=r"scheduler=polynomial .* use training\.scheduler=linear"):
        check_schedule("polynomial", rate)
    check_schedule("cosine", rate)


def test_a_method_names_its_own_rate(workspace: Workspace) -> None:
    words = [
        "training.scheduler=polynomial",
        "methods=[{name: lora, r: 4}, {name: full, learning_rate: 5e-8}]",
    ]
    study = open_study(str(workspace.study), words)
    with pytest.raises(UsageError, match=r"methods\.1 \(full\): transformers refuses"):
        check_feasible(study)
