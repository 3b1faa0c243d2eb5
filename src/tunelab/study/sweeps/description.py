"""What a sweep is told: which keys it searches, for which goals, with how many trials."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from tunelab.config import Count, Integer, Number, Section, Text
from tunelab.errors import UsageError
from tunelab.guards.strict_yaml import apply_overrides, read_keys
from tunelab.guards.validation import validated


class Sweep(Section):
    """A search over keys of a study. It stands in a file of its own, or on the command line."""

    space: Annotated[dict[Text, Any], Field(min_length=1)] = Field(
        description="keys of the study, each with a range (4..64, 1e-5..1e-2:log, 0..1:0.25) or a "
        "list of choices"
    )
    goals: Annotated[list[Text], Field(min_length=1)] = Field(
        default_factory=lambda: ["f1_macro"],
        description="what is sought; the first decides between settings that are equally good",
    )
    method: Text | None = Field(
        None, description="the method of the study that is searched, where it has several"
    )
    trials: Count = Field(20, description="settings that are tried, by all workers together")
    hold_out: Annotated[Number, Field(gt=0, lt=1)] = Field(
        0.2, description="share of the training rows that trials are compared on, not trained on"
    )
    prune: bool = Field(
        True, description="end a trial whose validation loss is above the median; with one goal"
    )
    seeds: Annotated[list[Integer], Field(min_length=2)] = Field(
        default_factory=lambda: [1, 2, 3],
        description="seeds that the winner and the study's own setting are trained with",
    )

    @field_validator("goals", "seeds")
    @classmethod
    def _differ(cls, values: list[Any]) -> list[Any]:
        if len(set(values)) != len(values):
            raise ValueError("names one twice")
        return values

    @field_validator("seeds")
    @classmethod
    def _are_seeds(cls, seeds: list[int]) -> list[int]:
        if any(not 0 <= seed < 2**32 for seed in seeds):
            raise ValueError("must hold seeds from 0 to 4294967295")
        return seeds


def read_sweep(
    file: Path | None, *, space: Sequence[str] = (), given: Mapping[str, Any] | None = None
) -> Sweep:
    """A sweep of a file, with what the command line adds: KEY=VALUE of the space, other keys.

    Raises:
        UsageError: the file cannot be read, a key is unknown or wrong, or nothing is searched.
    """
    values = read_keys(file) if file is not None else {}
    if not isinstance(values.get("space", {}), dict):
        raise UsageError(f"{file}: space must hold keys and values, as 'methods.0.r: 4..64'.")
    searched = {**values.get("space", {}), **dict(map(_axis, space))}
    if not searched:
        raise UsageError(
            "a sweep needs keys to search: --space methods.0.r=4..64, or a file with --sweep."
        )
    return make_sweep({**values, **(given or {}), "space": searched})


def make_sweep(values: Mapping[str, Any]) -> Sweep:
    """Check the keys of a sweep.

    Raises:
        UsageError: an unknown key, with the near matches, or a value of the wrong type.
    """
    return validated(Sweep, values, where="sweep: ")


def _axis(word: str) -> tuple[str, Any]:
    key, separator, text = word.partition("=")
    if not separator or not key.strip() or not text.strip():
        raise UsageError(f"--space {word!r} is not KEY=RANGE, as in methods.0.r=4..64.")
    return key.strip(), apply_overrides({}, [f"value={text}"])["value"]
