"""The settings of generation: how the next token is chosen, and when an answer ends."""

import math
from dataclasses import dataclass

from tunelab.errors import UsageError


@dataclass(frozen=True)
class GenerationSettings:
    """How answers are generated. The defaults take the most likely token each time.

    ``temperature`` 0 is greedy, and then one sample is as good as many. ``top_k`` 0, ``top_p`` 1,
    ``min_p`` 0 and ``repetition_penalty`` 1 leave the distribution as it is; they act in the order
    penalty, temperature, top_k, top_p, min_p. ``max_new_tokens`` counts the stop token too.
    ``samples`` answers are given to each prompt. ``stop`` are strings that end an answer and are
    cut off it. ``seed`` decides every draw.

    Sources: top-k: Fan et al., 2018, https://arxiv.org/abs/1805.04833; top-p: Holtzman et al.,
    2020, https://arxiv.org/abs/1904.09751; min-p: Nguyen et al., 2024,
    https://arxiv.org/abs/2407.01082; repetition penalty: Keskar et al., 2019,
    https://arxiv.org/abs/1909.05858.

    Raises:
        UsageError: a value is of the wrong type or out of its range.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    max_new_tokens: int = 128
    samples: int = 1
    stop: tuple[str, ...] = ()
    seed: int = 42

    def __post_init__(self) -> None:
        _number("temperature", self.temperature, low=0)
        _number("top_p", self.top_p, low=0, high=1, above=True)
        _number("min_p", self.min_p, low=0, high=1)
        _number("repetition_penalty", self.repetition_penalty, low=0, above=True)
        _whole("top_k", self.top_k, low=0)
        _whole("max_new_tokens", self.max_new_tokens, low=1)
        _whole("samples", self.samples, low=1)
        _whole("seed", self.seed, low=0)
        given: object = self.stop
        listed = isinstance(given, tuple | list) and all(
            isinstance(text, str) and text for text in given
        )
        if not listed:
            raise UsageError("stop must be a list of strings, none of them empty.")
        object.__setattr__(self, "stop", tuple(self.stop))


def _number(
    name: str, value: float, *, low: float, high: float = math.inf, above: bool = False
) -> None:
    bounds = f"{'above' if above else 'from'} {low:g}" + (
        f" to {high:g}" if high < math.inf else " up"
    )
    number = float(value) if type(value) in (int, float) else math.nan
    if not math.isfinite(number) or not (low < number if above else low <= number) or number > high:
        raise UsageError(f"{name} must be a number {bounds}, not {value!r}.")


def _whole(name: str, value: int, *, low: int) -> None:
    if type(value) is not int or value < low:
        raise UsageError(f"{name} must be a whole number from {low} up, not {value!r}.")
