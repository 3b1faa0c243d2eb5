"""Errors of an endpoint: final ones, and those that another try may not meet."""

from collections.abc import Sequence

from tunelab.errors import RunError
from tunelab.generation.outcome import Generation


class EndpointError(RunError):
    """The endpoint failed. ``partial`` is the text received, ``done`` the finished answers.

    ``status`` is that of the HTTP response, None where there was none.
    """

    def __init__(
        self,
        message: str,
        partial: str = "",
        done: Sequence[Sequence[Generation]] = (),
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.partial = partial
        self.done = done
        self.status = status


class TransientError(Exception):
    """An error that another try may not meet. ``wait`` is what the server asks for, in seconds.

    ``status`` is that of the HTTP response, None where there was none.
    """

    def __init__(self, message: str, wait: float = 0.0, status: int | None = None) -> None:
        super().__init__(message)
        self.wait = wait
        self.status = status
