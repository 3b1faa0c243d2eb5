"""Weights sharded over the processes of a training: FSDP2, by torch's ``fully_shard``.

Each decoder layer is a group: its weights are gathered when it runs, forward and backward, and
each process keeps its part of them, of the gradients and of the optimizer's state. What is no
layer (embeddings, output layer, a soft prompt) is gathered for the whole step.

Source: Zhao et al., PyTorch FSDP, 2023, https://arxiv.org/abs/2304.11277.
"""

from typing import Any

import torch

from tunelab.training.processes import process_count


def shard(model: Any, device: str) -> None:
    """Divide the weights of a model among the processes, and move this one's part to ``device``.

    No device ever holds the whole model: the groups are moved and sharded one after the other.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    layers = set(inner._no_split_modules or ())
    mesh = init_device_mesh(device, (process_count(),))
    for module in list(inner.modules()):
        if type(module).__name__ in layers:
            fully_shard(module, mesh=mesh)
    fully_shard(model, mesh=mesh)


def gather(tensor: Any) -> Any:
    """A tensor of which the processes hold parts, gathered in all of them; others as they are."""
    return tensor.full_tensor() if _is_sharded(tensor) else tensor


def shard_like(tensor: Any, parameter: Any) -> Any:
    """A full tensor, sharded as a parameter is."""
    if not _is_sharded(parameter):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    tensor = tensor.to(parameter.device)
    return distribute_tensor(tensor, parameter.device_mesh, parameter.placements)


def gather_trained(model: Any) -> None:
    """Make the trained parameters whole in every process, in its main memory.

    The others stay sharded: afterwards the model can be saved, but not run.
    """
    known: dict[int, Any] = {}
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad:
                if id(parameter) not in known:
                    known[id(parameter)] = torch.nn.Parameter(gather(parameter.detach()).cpu())
                module._parameters[name] = known[id(parameter)]


def save_full_state(optimizer: Any) -> None:
    """Let an optimizer save and load its full state, however many processes share it.

    A checkpoint is then that of a training whose weights are not sharded. ``state_dict`` has to
    be called in all processes.
    """
    optimizer.register_state_dict_post_hook(_full_state)
    optimizer.register_load_state_dict_pre_hook(_sharded_state)


def _is_sharded(tensor: Any) -> bool:
    # Not by its class, which a torch that was built without torch.distributed does not have.
    return hasattr(tensor, "full_tensor")


def _full_state(_: Any, state: dict[str, Any]) -> dict[str, Any]:
    moments = {
        number: {name: gather(value) for name, value in of.items()}
        for number, of in state["state"].items()
    }
    return {**state, "state": moments}


def _sharded_state(optimizer: Any, state: dict[str, Any]) -> dict[str, Any]:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    numbers = [number for group in state["param_groups"] for number in group["params"]]
    moments = {
        number: {
            name: shard_like(value, parameter) if value.shape == parameter.shape else value
            for name, value in state["state"].get(number, {}).items()
        }
        for number, parameter in zip(numbers, parameters, strict=True)
    }
    return {**state, "state": {number: of for number, of in moments.items() if of}}
