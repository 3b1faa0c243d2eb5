"""Whether a model can be run in a form of ours: seen by running it that way and plainly."""

import logging
from collections.abc import Callable
from typing import Any

_log = logging.getLogger(__name__)


def passes(model: Any, trial: Callable[[], bool]) -> bool:
    """What ``trial`` finds, run without gradients and in evaluation; no where it raises."""
    import torch

    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            return trial()
    # Whatever a foreign model raises, the answer is no.
    except Exception as error:
        _log.debug("a trial of %s failed", type(model).__name__, exc_info=error)
        return False
    finally:
        model.train(was_training)


def same_logits(found: Any, expected: Any, dtype: Any) -> bool:
    """Whether logits are the same up to the rounding of a model of this type.

    A wrong mask or position moves them by about their own size; rounding does not.
    """
    import torch

    allowed = 1e-4 if dtype == torch.float32 else 0.1
    difference = (found.float() - expected.float()).norm() / expected.float().norm()
    return bool(difference <= allowed)
