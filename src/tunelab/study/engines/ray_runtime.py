"""A Ray runtime: the cluster that RAY_ADDRESS names, or one of this machine's own."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tunelab.errors import RunError, UsageError

# Cells and parts go by files, so the store holds prepared rows and chunks of texts alone.
_STORE = 100 * 2**20

_log = logging.getLogger(__name__)


@contextmanager
def runtime(cpus: int) -> Iterator[Any]:
    """The module ``ray``, connected; a runtime that was started here ends with the context.

    ``cpus``: what a runtime of this machine's own may use. It listens on the loopback alone,
    without a dashboard, and sends no usage statistics.

    Raises:
        UsageError: Ray is not installed.
        RunError: it does not start, or the cluster does not answer.
    """
    # Read when Ray is imported, and by the processes that it starts.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise UsageError(
            "--engine ray needs Ray, which is not installed: pip install 'tunelab[ray]'."
        ) from None
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        options |= {
            "address": "local",
            "num_cpus": cpus,
            "object_store_memory": _STORE,
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",
        }
    mine = not ray.is_initialized()
    if mine:
        try:
            ray.init(**options)
        except Exception as error:
            where = f"the cluster {address} does not answer" if address else "Ray does not start"
            raise RunError(f"{where}: {(str(error).splitlines() or [''])[0][:200]}.") from None
    try:
        yield ray
    finally:
        if mine:
            ray.shutdown()


def check_resources(ray: Any, *, cpus: int, gpus: int, memory: int, what: str) -> None:
    """Refuse what no machine can hold; on a cluster, which may grow, only say so.

    Raises:
        UsageError: the runtime is this machine's own and has less.
    """
    wanted = {"CPU": cpus, "GPU": gpus, "memory": memory}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(all(node.get(key, 0) >= size for key, size in wanted.items()) for node in nodes):
        return
    sentence = (
        f"{what} asks for {cpus} CPUs, {gpus} GPUs and {memory / 1e9:.1f} GB, which no machine "
        "here has"
    )
    if not os.environ.get("RAY_ADDRESS"):
        raise UsageError(f"{sentence}; lower --cpus, or training.batch_size.")
    _log.warning("%s; waiting for one that joins.", sentence)


def limit_threads(cpus: int) -> None:
    """Let this worker compute with as many threads as it was given processors."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(cpus)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import torch

    torch.set_num_threads(cpus)
