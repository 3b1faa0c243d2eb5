"""Terms: products of named factors, which are bytes; a formula is a list of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

PARTS = ("weights", "optimizer", "gradients", "activations", "cache", "logits", "working")


@dataclass(frozen=True)
class Term:
    """Bytes of one thing that memory holds: the product of its ``factors``, (symbol, value) each.

    ``part`` is what it counts to, one of ``PARTS``.
    """

    part: str
    name: str
    factors: tuple[tuple[str, float], ...]

    @property
    def bytes(self) -> int:
        """The product."""
        return round(prod(value for _, value in self.factors))

    @property
    def formula(self) -> str:
        """The product in symbols."""
        return " · ".join(symbol for symbol, _ in self.factors)

    @property
    def numbers(self) -> str:
        """The product in numbers."""
        return " × ".join(
            f"{value:,.6g}" if value % 1 else f"{value:,.0f}" for _, value in self.factors
        )


def total(terms: Sequence[Term], *parts: str) -> int:
    """Bytes of the terms that count to one of ``parts``."""
    return sum(term.bytes for term in terms if term.part in parts)
