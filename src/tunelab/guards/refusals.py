"""Errors that a model, transformers or PEFT raise, explained in one sentence."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tunelab.errors import RunError, TunelabError

if TYPE_CHECKING:
    import numpy as np

_log = logging.getLogger(__name__)
# Errors of the machine, which are explained elsewhere.
_OF_THE_MACHINE = (OSError, MemoryError)


@contextmanager
def explain_errors(doing: str, advice: str) -> Iterator[None]:
    """Turn an error that other code raises within this context into one sentence.

    ``doing``: what cannot be done, as in ``"GPT-2 cannot be trained"``; ``advice``: what to do.

    Raises:
        RunError: as said, with the reason that the code gave. Errors of tunelab's own and of the
            machine (a full disk, no memory left) pass as they are.
    """
    import torch

    try:
        yield
    except (TunelabError, torch.OutOfMemoryError, *_OF_THE_MACHINE):
        raise
    except Exception as error:
        _log.debug("%s", doing, exc_info=error)
        if "allocate memory" in str(error):
            raise RunError(
                f"{doing}: the machine has no memory left; lower the batch size or the length of "
                "rows."
            ) from error
        raise RunError(f"{doing} ({reason_of(error)}); {advice}.") from error


def reason_of(error: Exception) -> str:
    """The kind of an error and the first line of what it says."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first[:160]}".removesuffix(": ").rstrip(". ")


def name_of(model: Any) -> str:
    """What a sentence calls a model: its class, without PEFT's around it."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return type(inner).__name__


def check_finite(name: str, values: "np.ndarray") -> None:
    """Refuse what a model computes from damaged weights, or beyond its precision.

    Raises:
        RunError: a value is infinite or not a number.
    """
    import numpy as np

    if not np.isfinite(values).all():
        raise RunError(
            f"{name} gives numbers that are not finite; its weights are damaged, or the precision "
            "is too low (training.precision=float32)."
        )
