"""A cache of loaded models: the last ones that were used are kept."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from tunelab.app.downloads import require_models
from tunelab.runs.results import ADAPTER_RECORD

# Some hundred megabytes each for small models.
_KEPT = 3


@lru_cache(maxsize=_KEPT)
def open_model(name: str, device: str) -> Any:
    """A model by its name, on the device that was asked for.

    Raises:
        RunError: it cannot be fetched or read.
    """
    from tunelab.models.device import pick_device, pick_dtype
    from tunelab.models.loading import load

    where = pick_device(device)
    return load(name, device=where, dtype=pick_dtype("auto", where))


def open_tuned(folder: Path, device: str) -> Any:
    """A saved classifier, loaded again if it was trained again.

    Raises:
        UsageError: it is damaged.
        DownloadNeededError: its model is not on this machine.
        RunError: its model cannot be loaded, or is another one.
    """
    return _open_tuned(folder, (folder / ADAPTER_RECORD).stat().st_mtime_ns, device)


@lru_cache(maxsize=_KEPT)
def _open_tuned(folder: Path, changed: int, device: str) -> Any:
    from tunelab.classifiers.stored import open_classifier, read_record
    from tunelab.models.device import pick_device, pick_dtype

    # The base model of an adapter; other classifiers have none.
    require_models([str(name) for name in (read_record(folder).get("model"),) if name])
    where = pick_device(device)
    return open_classifier(folder, device=where, dtype=pick_dtype("auto", where))
