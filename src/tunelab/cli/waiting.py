"""How the threads of a computation wait for each other.

OpenMP spins for some milliseconds while a thread waits, which is quickest on a machine that does
nothing else. Two processes on the same cores then wait at the cost of each other: each of two
trainings at once took six times as long as one alone, and less than twice as long with few spins
(`benchmarks/tuning/beside.py`).
"""

import os

# What libgomp, which PyTorch's packages for Linux bring, reads; a wait then sleeps.
_SPINS = ("GOMP_SPINCOUNT", "1000")
# What LLVM's and Intel's runtime reads: milliseconds of spinning.
_MILLISECONDS = ("KMP_BLOCKTIME", "1")
_OWN = ("OMP_WAIT_POLICY",)


def wait_briefly() -> None:
    """Have threads spin briefly, unless the environment says how they wait.

    It acts on libraries that are loaded later alone.
    """
    if any(name in os.environ for name in _OWN):
        return
    for name, value in (_SPINS, _MILLISECONDS):
        os.environ.setdefault(name, value)
