"""What every statistic returns: a value, its interval, and the reason where one is undefined."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; ``reason`` says why the value or the interval is None."""

    value: float | None
    low: float | None
    high: float | None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The estimate as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Difference:
    """Left minus right on the same rows, with its 95 % interval and test.

    ``p_value`` is two-sided, of the hypothesis that the difference equals ``margin``; ``test``
    names the test. ``rows_needed`` is the number of rows at which a difference like this one would
    be told from the margin with 80 % power at 5 %, two-sided. ``reason`` says why something is
    None.
    """

    value: float | None
    low: float | None
    high: float | None
    p_value: float | None
    test: str
    margin: float
    effect: float | None
    effect_name: str | None
    rows: int
    rows_needed: int | None
    reason: str | None = None
    details: Mapping[str, float | int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The difference as JSON values."""
        return asdict(replace(self, details=dict(self.details)))
