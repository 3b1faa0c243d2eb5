"""Counts of a service in the text format of Prometheus.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
Labels = tuple[tuple[str, str], ...]


@dataclass
class _Histogram:
    bounds: Sequence[float]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def add(self, value: float) -> None:
        if not self.counts:
            self.counts = [0] * (len(self.bounds) + 1)
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


_COUNTERS: Mapping[str, str] = {
    "tunelab_requests_total": "Requests that were answered, by path and status.",
    "tunelab_errors_total": "Requests that ended in an error of the service, by path and kind.",
    "tunelab_texts_total": "Texts that were labelled, by model.",
    "tunelab_labels_total": "Labels that were given, by model; an empty label stands for none.",
    "tunelab_needs_review_total": "Texts that a person should look at, by model.",
    "tunelab_written_tokens_total": "Tokens that language models wrote, by model.",
    "tunelab_batches_total": "Batches that were labelled, by model.",
}
_HISTOGRAMS: Mapping[str, tuple[str, Sequence[float]]] = {
    "tunelab_request_seconds": ("Seconds from a request to its answer, by path.", SECONDS),
    "tunelab_batch_seconds": ("Seconds that a batch took, by model.", SECONDS),
    "tunelab_batch_size_texts": ("Texts of a batch, by model.", TEXTS),
}


class Metrics:
    """Counters and histograms; ``gauges`` are asked when they are read."""

    def __init__(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        self._gauges = gauges
        self._lock = threading.Lock()
        self._started = time.time()
        self._counts: dict[str, dict[Labels, float]] = {name: {} for name in _COUNTERS}
        self._histograms: dict[str, dict[Labels, _Histogram]] = {name: {} for name in _HISTOGRAMS}

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter."""
        key = tuple(labels.items())
        with self._lock:
            found = self._counts[name]
            found[key] = found.get(key, 0) + by

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add a value to a histogram."""
        key = tuple(labels.items())
        with self._lock:
            found = self._histograms[name]
            if key not in found:
                found[key] = _Histogram(_HISTOGRAMS[name][1])
            found[key].add(value)

    def text(self) -> str:
        """All of them, in the text format."""
        lines: list[str] = []
        with self._lock:
            for name, description in _COUNTERS.items():
                lines += _head(name, "counter", description)
                lines += [
                    f"{name}{_shown(key)} {_number(value)}"
                    for key, value in self._counts[name].items()
                ]
            for name, (description, bounds) in _HISTOGRAMS.items():
                lines += _head(name, "histogram", description)
                edges = [*map(_number, bounds), "+Inf"]
                for key, one in self._histograms[name].items():
                    so_far = 0
                    for edge, number in zip(edges, one.counts, strict=True):
                        so_far += number
                        lines.append(f"{name}_bucket{_shown((*key, ('le', edge)))} {so_far}")
                    lines.append(f"{name}_sum{_shown(key)} {_number(one.total)}")
                    lines.append(f"{name}_count{_shown(key)} {so_far}")
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            **self._gauges,
            "process_start_time_seconds": (
                "Seconds since 1970 at which the service began.",
                lambda: self._started,
            ),
        }
        for name, (description, value) in gauges.items():
            lines += [*_head(name, "gauge", description), f"{name} {_number(value())}"]
        return "\n".join(lines) + "\n"


def resident_bytes() -> float:
    """Memory of this process."""
    import psutil

    return float(psutil.Process().memory_info().rss)


def _head(name: str, kind: str, description: str) -> list[str]:
    return [f"# HELP {name} {description}", f"# TYPE {name} {kind}"]


def _shown(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return "{" + pairs + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
