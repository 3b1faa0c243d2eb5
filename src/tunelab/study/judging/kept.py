"""What a judge finds of a run: found once, and kept in the run folder."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from tunelab.errors import TunelabError
from tunelab.runs.run_folder import RunFolder
from tunelab.runs.verdicts import load_judged, save_judged

_log = logging.getLogger(__name__)


class Record(Protocol):
    """What can be written as JSON values."""

    def to_dict(self) -> Mapping[str, Any]:
        """Its JSON values."""


Found = TypeVar("Found", bound=Record)


@dataclass(frozen=True)
class Kept(Generic[Found]):
    """A file of a run folder that one function finds.

    ``key`` covers all that decides what is found; ``read`` makes it of the file's values.
    """

    file: str
    key: Callable[[RunFolder], str]
    find: Callable[[RunFolder], Found]
    read: Callable[[Mapping[str, Any]], Found]

    def load(self, run: RunFolder) -> Found | None:
        """What the run keeps, or None where it would have to be found first."""
        return self._load(run, self.key(run))

    def load_or_find(self, run: RunFolder, *, must_be_kept: bool) -> Found:
        """What the run keeps; found now, and kept, where it keeps none or one of other answers.

        Raises:
            RunError: a file that is read is damaged, or, if it ``must_be_kept``, the folder cannot
                be written.
        """
        key = self.key(run)
        kept = self._load(run, key)
        if kept is not None:
            return kept
        found = self.find(run)
        try:
            save_judged(run.folder, self.file, key, found.to_dict())
        except TunelabError as error:
            if must_be_kept:
                raise
            _log.info("%s is not kept: %s", self.file, error)
        return found

    def _load(self, run: RunFolder, key: str) -> Found | None:
        values = load_judged(run.folder, self.file, key)
        return None if values is None else self.read(values)
