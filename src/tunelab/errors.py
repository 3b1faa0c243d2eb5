"""The two ways in which tunelab gives up, and the exit code of each."""


class TunelabError(Exception):
    """A problem that is shown to the user as one sentence.

    ``exit_code`` is what the command line returns for it.
    """

    exit_code = 1


# What one part of a study may raise while the other parts go on.
FAULTS = (TunelabError, RuntimeError, ValueError, MemoryError)


class UsageError(TunelabError):
    """The call was wrong: a name, a type, a file, a size. Nothing was started."""

    exit_code = 2


class RunError(TunelabError):
    """The call was right, but running it failed."""

    exit_code = 1


class DivergedError(RunError):
    """The loss of a training is no number any more."""
