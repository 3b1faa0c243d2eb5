"""What goes wrong at an endpoint: for good, or until another try."""

from collections.abc import Sequence

from tunelab.errors import RunError
from tunelab.generation.outcome import Generation


class EndpointError(RunError):
    """The endpoint gave up. ``partial`` is what had come of the answer, ``done`` what was whole."""

    def __init__(
        self, message: str, partial: str = "", done: Sequence[Sequence[Generation]] = ()
    ) -> None:
        super().__init__(message)
        self.partial = partial
        self.done = done


class TransientError(Exception):
    """Something that another try may better. ``wait`` is what the server asks for, in seconds."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait
