"""The most memory that a training held."""

import ctypes
import gc
from pathlib import Path

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


def restart_peak(device: str) -> bool:
    """Begin to count anew; whether the device tells its peak at all.

    What earlier work of the process left behind is given back to the system first, as far as it
    can be: on a CPU it would count as this training's.
    """
    gc.collect()
    if device == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
        return True
    if device != "cpu":
        return False
    _release_free_memory()
    try:
        # 5 sets the highest resident set back to the present one: proc_pid_clear_refs(5).
        _RESET.write_text("5")
    except OSError:
        return False
    return _highest_resident() is not None


def read_peak(device: str) -> int | None:
    """Bytes at most since :func:`restart_peak`.

    On CUDA what the allocator gave out; on a CPU under Linux the resident set of the process, in
    which the libraries count too. Elsewhere the system does not tell, and it is None.
    """
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    return _highest_resident() if device == "cpu" else None


def _release_free_memory() -> None:
    """Have glibc's allocator give free memory back to the system; others are left alone."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError, TypeError):
        return


def _highest_resident() -> int | None:
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return next((int(kibibytes) * 1024 for kibibytes in found), None)
