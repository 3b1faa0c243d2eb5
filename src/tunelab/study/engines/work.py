"""The contract between a study and the engines that run its parts."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tunelab.classifiers.contract import Estimator
from tunelab.config import Study
from tunelab.runs.results import Result
from tunelab.study.prepare import PreparedData


class Work(Protocol):
    """What an engine runs: a part of a study that depends on no other one.

    ``name`` is that of its stages. ``estimator`` says what it needs of a machine.
    """

    @property
    def name(self) -> str:
        """Unique among what an engine is given."""

    @property
    def estimator(self) -> Estimator:
        """The classifier that it trains or asks."""

    def run(
        self,
        study: Study,
        data: PreparedData,
        out: Path,
        *,
        on_stage: Callable[[], object] = lambda: None,
    ) -> list[Result]:
        """Do its stages; ``on_stage`` is called when one is finished."""
