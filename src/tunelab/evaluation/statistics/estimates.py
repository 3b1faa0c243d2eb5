"""What every statistic returns: a value, its interval, and the reason where one is undefined."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

# How a value that was measured at a limit stands to the true one: it is at least as large as
# what is shown, or at most.
Bound = Literal["at least", "at most"]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; ``reason`` says why the value or the interval is None.

    ``bound`` is set where the value was measured at a limit, such as the length of answers that
    were cut: the true one is then not known, and has no interval.
    """

    value: float | None
    low: float | None
    high: float | None
    reason: str | None = None
    bound: Bound | None = None

    def to_dict(self) -> dict[str, Any]:
        """The estimate as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Difference:
    """Left minus right on the same rows, with its 95 % interval and test.

    ``p_value`` is two-sided, of the hypothesis that the difference equals ``margin``; ``test``
    names the test. ``rows_needed`` is the number of rows at which a difference like this one would
    be told from the margin with 80 % power at 5 %, two-sided. ``reason`` says why something is
    None. ``bound`` is set where rows were measured at a limit: the true difference is then at
    least, or at most, the value shown.
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
    bound: Bound | None = None

    def to_dict(self) -> dict[str, Any]:
        """The difference as JSON values."""
        return asdict(replace(self, details=dict(self.details)))


def undefined(reason: str, margin: float = 0.0) -> Difference:
    """A difference that is not there, and why."""
    return Difference(None, None, None, None, "none", margin, None, None, 0, None, reason)
