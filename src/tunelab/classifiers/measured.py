"""Facts of a fitted classifier, measured the same way for each: its size, speed and memory."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from tunelab.classifiers.contract import Fitted
from tunelab.errors import TunelabError
from tunelab.models.embedding_cache import without_cache
from tunelab.numbers import counted
from tunelab.training.other_work import look, used_since
from tunelab.training.peak_memory import read_peak, restart_peak

SINGLES = 30
# A percentile of fewer calls would be the slowest one.
_ENOUGH_SINGLES = 10
_WARM_UP = 2
_FIRST_BATCH = 8
_LARGEST_BATCH = 4096


def measure_facts(
    open_classifier: Callable[[], Fitted], texts: Sequence[str], *, seconds: float, device: str
) -> dict[str, Any]:
    """Open a classifier and label texts one by one, then together, in the quickest way it has.

    Nothing is read from a cache of answers. ``median_ms`` and ``p95_ms`` are of up to 30 texts
    alone, after two to warm up, within half of ``seconds``. ``rows_per_second`` is of one batch:
    8 texts, or as many more as the other half of the time holds. ``memory_bytes`` is what the
    process (on CUDA the device) held at most above what it held before the classifier was opened.
    A value that is not known is None, and ``unknown`` says why.
    """
    watch = watch_work(device)
    began = time.perf_counter()
    opened = open_classifier()
    opening = time.perf_counter() - began
    size = opened.size
    unknown: dict[str, str] = {}
    if size.parameters is None:
        unknown["parameters"] = size.reason or "the classifier does not report them"
    speed: dict[str, Any] = dict.fromkeys(("median_ms", "p95_ms", "rows_per_second"))
    try:
        if size.metered:
            raise TunelabError("each answer is paid for, so that none is asked for twice")
        speed = _speed(opened, texts, seconds)
        if speed["p95_ms"] is None:
            unknown["p95_ms"] = f"only {counted(speed['single_texts'], 'text')} fit into the time"
    except TunelabError as error:
        unknown |= dict.fromkeys(speed, str(error).rstrip("."))
    watched = watch()
    if watched["memory_bytes"] is None:
        unknown["memory_bytes"] = "this system and device do not report the highest memory"
    return {
        "parameters": size.parameters,
        "model_bytes": size.model_bytes,
        "open_seconds": opening,
        **speed,
        **watched,
        "unknown": unknown,
    }


def watch_work(device: str) -> Callable[[], dict[str, Any]]:
    """Begin to watch memory and the machine's other work; the function gives what was seen.

    ``memory_bytes`` is what the process (on CUDA the device) held at most above what it held at
    the beginning, ``other_cpus`` the processors that other processes used in the mean, and
    ``free_cpus`` those that nobody used. Each is None where it is not known.
    """
    counts = restart_peak(device)
    before, start = (read_peak(device) if counts else None), look()

    def watch() -> dict[str, Any]:
        peak, used = (read_peak(device) if counts else None), used_since(start)
        known = peak is not None and before is not None
        return {
            "memory_bytes": max(0, (peak or 0) - (before or 0)) if known else None,
            "other_cpus": None if used is None else used.others,
            "free_cpus": None if used is None else used.free,
        }

    return watch


def _speed(opened: Fitted, texts: Sequence[str], seconds: float) -> dict[str, Any]:
    """Milliseconds for one text, and texts a second of many."""
    with without_cache():
        for text in texts[:_WARM_UP]:
            opened.label([text])
        alone: list[float] = []
        while sum(alone) < seconds / 2 and len(alone) < SINGLES:
            alone.append(_timed(opened, [texts[len(alone) % len(texts)]]))
        batch = list(texts[:_FIRST_BATCH])
        spent = _timed(opened, batch)
        more = int(len(batch) * (seconds / 2 - spent) / max(spent, 1e-6))
        if more > len(batch):
            batch = list(texts[: min(more, _LARGEST_BATCH)])
            spent = _timed(opened, batch)
    return {
        "median_ms": 1000 * median(alone),
        "p95_ms": _percentile(alone) if len(alone) >= _ENOUGH_SINGLES else None,
        "single_texts": len(alone),
        "rows_per_second": len(batch) / max(spent, 1e-9),
        "batch_rows": len(batch),
    }


def _timed(opened: Fitted, texts: Sequence[str]) -> float:
    started = time.perf_counter()
    opened.label(texts)
    return time.perf_counter() - started


def _percentile(seconds: Sequence[float]) -> float:
    import numpy as np

    return float(np.percentile(seconds, 95) * 1000)
