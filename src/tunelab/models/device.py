"""The device: which one, what it runs fast, how much memory it has."""

import sys
from pathlib import Path
from typing import Any

from tunelab.errors import UsageError
from tunelab.registry import check_name

# NVIDIA's driver, that of its small boards, AMD's, and Windows' own within Linux.
_GPU_FILES = ("/dev/nvidiactl", "/dev/nvmap", "/dev/kfd", "/dev/dxg")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def pick_device(preference: str = "auto") -> str:
    """``cuda``, ``mps`` or ``cpu``; auto takes the first of these that is there.

    Raises:
        UsageError: the preferred device is not there.
    """
    import torch

    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if preference == "auto":
        return next(name for name, available in there.items() if available)
    if not there.get(preference, False):
        have = ", ".join(name for name, available in there.items() if available)
        raise UsageError(f"device={preference} is not on this machine; it has {have}.")
    return preference


def has_gpu_driver() -> bool:
    """Whether there may be a GPU for CUDA, found without torch; False is certain."""
    if sys.platform == "win32":
        from ctypes.util import find_library

        return find_library("nvcuda") is not None
    return any(Path(name).exists() for name in _GPU_FILES)


def pick_dtype(precision: str, device: str) -> str:
    """The type of weights and arithmetic: ``auto`` is what the device runs fast and well.

    On CUDA that is bfloat16 where the card has it, else float16; on MPS and CPU it is float32.

    Raises:
        UsageError: there is no such precision.
    """
    check_name("precision", precision, PRECISIONS)
    if precision != "auto":
        return precision
    if device == "cuda":
        import torch

        # Cards before Ampere emulate bfloat16, and are slow at it.
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if fast else "float16"
    return "float32"


def device_facts() -> dict[str, Any]:
    """The device that would be used, its memory in bytes, and its threads."""
    import psutil
    import torch

    device = pick_device()
    facts: dict[str, Any] = {
        "device": device,
        "name": None,
        "memory": psutil.virtual_memory().total,
        "memory_free": psutil.virtual_memory().available,
        "threads": torch.get_num_threads(),
        "precision": pick_dtype("auto", device),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
    if device == "cuda":
        free, total = torch.cuda.mem_get_info()
        facts |= {
            "name": torch.cuda.get_device_name(),
            "device_memory": total,
            "device_memory_free": free,
            "devices": torch.cuda.device_count(),
        }
    return facts
