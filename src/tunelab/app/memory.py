"""Memory: where the bytes of a training step go, and what fits on a device."""

from collections.abc import Mapping
from typing import Any

from tunelab import registry
from tunelab.app.markup import Markup, join, share_bar, table, tag
from tunelab.app.names import pick
from tunelab.errors import UsageError

PRECISIONS = ("float32", "bfloat16", "float16")
WEIGHTS = ("not quantized", "8-bit", "4-bit")
OPTIMIZERS = ("adamw", "adamw-8bit", "sgd")
DEVICES = ("cpu", "cuda")
_SEEN = {
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
    from tunelab.memory.fits import largest_batch, summary, what_fits
    from tunelab.memory.formulas import estimate
    from tunelab.memory.settings import StepSettings, check
    from tunelab.methods.contract import find_method
    from tunelab.models.known import known_shape

    pick("model", model, known_models())
    chosen_method = find_method(pick("method", method, list(registry.METHODS)))
    memory = int(_within("memory of the device", gigabytes, 0.1, 10_000) * 1e9)
    step = StepSettings(
        batch=int(_within("batch size", batch, 1, 4096)),
        length=int(_within("length", length, 2, 131_072)),
        answer=1 if length < 4 else 3,
        precision=pick("precision", precision, PRECISIONS),
        weights=None if pick("weights", weights, WEIGHTS) == WEIGHTS[0] else weights,
        optimizer=pick("optimizer", optimizer, OPTIMIZERS),
        checkpointing=bool(checkpointing),
        device=pick("device", device, DEVICES),
    )
    try:
        check(step, chosen_method)
    except UsageError as error:
        raise UsageError(str(error).replace("--", "")) from None
    given = (known_shape(model), chosen_method, chosen_method.Settings(), step)
    found = estimate(*given)
    largest = largest_batch(*given, memory)
    return (
        join([verdict(found.peak, memory, largest), bars(summary(found), memory)]),
        _fits_table(what_fits([model], step, memory), memory),
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


def bars(numbers: Mapping[str, Any], memory: int) -> Markup:
    """A bar for each part and for the whole, against the device's memory."""
    from tunelab.memory.fits import gigabytes

    widest = max(memory, numbers["peak"])
    rows = [
        share_bar(title, numbers[part] / widest, gigabytes(numbers[part]))
        for part, title in _SEEN.items()
        if numbers[part]
    ]
    rows.append(
        share_bar("peak", numbers["peak"] / widest, gigabytes(numbers["peak"]), strong=True)
    )
    rows.append(share_bar("memory of the device", memory / widest, gigabytes(memory), strong=True))
    trained = f"{numbers['trainable']:,} of {numbers['total']:,} parameters are trained "
    return tag(
        "div",
        tag("p", trained, f"({numbers['share']:.3%})."),
        *rows,
        class_="tl-bars",
    )


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
