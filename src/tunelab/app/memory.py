"""Memory: where the bytes of a training step go, and what fits on a device."""

from typing import TYPE_CHECKING, Any

from tunelab import registry
from tunelab.app.markup import Markup, join, share_bar, table, tag
from tunelab.app.names import pick
from tunelab.errors import UsageError

if TYPE_CHECKING:
    from tunelab.api.estimate import MemoryEstimate

PRECISIONS = ("float32", "bfloat16", "float16")
WEIGHTS = ("not quantized", "8-bit", "4-bit")
OPTIMIZERS = ("adamw", "adamw-8bit", "sgd")
DEVICES = ("cpu", "cuda")
_TITLES = {
    "weights": "weights",
    "optimizer": "optimizer state",
    "gradients": "gradients",
    "activations": "activations",
    "cache": "keys and values of the prefix",
    "logits": "logits",
    "working": "working space",
}


def known_models() -> list[str]:
    """The models whose sizes are known without a network."""
    from tunelab.models.known import KNOWN

    return list(KNOWN)


def this_memory() -> float:
    """The memory of this machine in GB (10⁹ bytes)."""
    import psutil

    return round(psutil.virtual_memory().total / 1e9, 1)


def look(
    model: str,
    method: str,
    batch: float,
    length: float,
    precision: str,
    weights: str,
    optimizer: str,
    checkpointing: bool,
    device: str,
    gigabytes: float,
) -> tuple[Markup, Markup]:
    """The bars, and the ways to train this model with which of them fit.

    Raises:
        UsageError: a number or a combination cannot be.
    """
    from tunelab.api.estimate import estimate
    from tunelab.memory.fits import what_fits

    found = estimate(
        pick("model", model, known_models()),
        pick("method", method, list(registry.METHODS)),
        memory=_within("memory of the device", gigabytes, 0.1, 10_000),
        batch=int(_within("batch size", batch, 1, 4096)),
        length=int(_within("length", length, 2, 131_072)),
        answer=1 if length < 4 else 3,
        precision=pick("precision", precision, PRECISIONS),
        weights=None if pick("weights", weights, WEIGHTS) == WEIGHTS[0] else weights,
        optimizer=pick("optimizer", optimizer, OPTIMIZERS),
        checkpointing=bool(checkpointing),
        device=pick("device", device, DEVICES),
    )
    return (
        join([verdict(found.peak, found.memory, found.largest_batch), bars(found)]),
        _fits_table(what_fits([model], found.step, found.memory), found.memory),
    )


def verdict(peak: int, memory: int, largest: int) -> Markup:
    """Whether the step fits, in a sentence."""
    from tunelab.memory.fits import USABLE, gigabytes

    fits = peak <= memory * USABLE
    more = (
        f"the largest batch size that fits is {largest:,}."
        if largest
        else "even a batch of one row does not fit."
    )
    words = f"It needs about {gigabytes(peak)} of {gigabytes(memory)}; {more}"
    return tag(
        "p",
        tag("strong", "This fits. " if fits else "This does not fit. "),
        words,
        class_=f"tl-notice tl-{'done' if fits else 'problem'}",
    )


def bars(found: "MemoryEstimate") -> Markup:
    """A bar for each part and one for the peak, beside the device's memory."""
    from tunelab.memory.fits import gigabytes

    widest = max(found.memory, found.peak)
    rows = [
        share_bar(title, found.bytes[part] / widest, gigabytes(found.bytes[part]))
        for part, title in _TITLES.items()
        if found.bytes[part]
    ]
    rows += [
        share_bar(title, size / widest, gigabytes(size), strong=True)
        for title, size in (("peak", found.peak), ("memory of the device", found.memory))
    ]
    trained = f"{found.trainable:,} of {found.total:,} parameters are trained "
    return tag("div", tag("p", trained, f"({found.share:.3%})."), *rows, class_="tl-bars")


def _fits_table(rows: list[dict[str, Any]], memory: int) -> Markup:
    from tunelab.memory.fits import gigabytes

    shown = [
        {
            "way to train": row["way"],
            "peak": gigabytes(row["peak"]),
            "fits": "yes" if row["fits"] else "no",
            "largest batch": row["largest_batch"],
        }
        for row in rows
    ]
    return table(shown, caption=f"What fits into {gigabytes(memory)} of memory")


def _within(name: str, value: Any, low: float, high: float) -> float:
    if not isinstance(value, int | float) or not low <= value <= high:
        raise UsageError(f"the {name} must be a number from {low:g} to {high:,g}.")
    return float(value)
