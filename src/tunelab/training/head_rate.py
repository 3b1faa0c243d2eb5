"""The learning rate of a head: that of the method beside it, up to a bound."""

from typing import Any

from tunelab.inference.label_head import LabelHead

# Above this the head leaves the labels' scores, at which it begins, within the first steps.
HIGHEST = 1e-3


def bound_head_rate(optimizer: Any, model: Any) -> None:
    """Give the head of a model a group of its own in the optimizer, where its rate is too high.

    Soft prompts are trained with rates of 1e-2, as each of their numbers has to move far; a head
    has not.
    """
    heads = [module for module in model.modules() if isinstance(module, LabelHead)]
    own = {id(parameter) for head in heads for parameter in head.parameters()}
    for group in list(optimizer.param_groups):
        moved = [parameter for parameter in group["params"] if id(parameter) in own]
        if moved and group["lr"] > HIGHEST:
            group["params"] = [one for one in group["params"] if id(one) not in own]
            optimizer.add_param_group({**group, "params": moved, "lr": HIGHEST})
