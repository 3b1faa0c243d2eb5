"""Whether transformers takes a schedule of the learning rate, before anything is trained."""

from tunelab.errors import UsageError
from tunelab.guards.refusals import reason_of

_STEPS = 10


def check_schedule(scheduler: str, learning_rate: float) -> None:
    """Refuse a schedule that transformers does not make for a learning rate.

    Seen by having it made: the polynomial one ends at 1e-7 and takes no rate below that.

    Raises:
        UsageError: as said.
    """
    import torch
    from transformers import get_scheduler

    try:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=learning_rate)
        get_scheduler(scheduler, optimizer, num_warmup_steps=1, num_training_steps=_STEPS)
    except Exception as error:
        raise UsageError(
            f"transformers refuses training.scheduler={scheduler} for a learning rate of "
            f"{learning_rate:g} ({reason_of(error)}); use training.scheduler=linear, or another "
            "learning rate."
        ) from None
