"""Errors of an endpoint: final ones, and those that another try may not meet."""

from collections.abc import Sequence

from tunelab.errors import RunError
from tunelab.generation.outcome import Generation


class EndpointError(RunError):
    """The endpoint failed. ``partial`` is the text received, ``done`` the finished answers."""

    def __init__(
        self, message: str, partial: str = "", done: Sequence[Sequence[Generation]] = ()
    ) -> None:
        super().__init__(message)
        self.partial = partial
        self.done = done


class TransientError(Exception):
    """An error that another try may not meet. ``wait`` is what the server asks for, in seconds."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait
