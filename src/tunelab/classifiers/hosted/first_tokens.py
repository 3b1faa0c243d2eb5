"""How likely each label's beginning is where an answer names its label.

A server gives the likeliest tokens at each position of its answer, so a label's whole probability
cannot be had from one answer. What can be had is the probability of the tokens that begin a label
and no other, among those that the server names. A label that none of them begins has none: it is
less likely than all that were named, or shares its first token with another label.
"""

import math
from collections.abc import Sequence

from tunelab.generation.endpoint.reply import TokenChoice

MEANING = (
    "log-probability, in nats, of the tokens that begin this label and no other, among those that "
    "the server names at the position where its answer names a label; null where it names none. "
    "It is not that of the whole label, and servers differ in whether a schema acts on it."
)


def first_tokens(
    choices: Sequence[TokenChoice], labels: Sequence[str], text: str, start: int
) -> tuple[float | None, ...] | None:
    """The log-probability for each label; None where the server gives no tokens of the answer.

    ``start`` is the index in ``text`` where the label is named.
    """
    position = 0
    for choice in choices:
        end = position + len(choice.token)
        if text[position:end] != choice.token:
            return None
        if end > start:
            return _of_labels(choice, labels, choice.token[: start - position])
        position = end
    return None


def _of_labels(choice: TokenChoice, labels: Sequence[str], before: str) -> tuple[float | None, ...]:
    found: dict[str, list[float]] = {}
    for token, value in choice.likeliest:
        rest = token[len(before) :] if token.startswith(before) else ""
        # A blank before a word is a part of its token.
        rest = rest.strip().casefold()
        begun = [label for label in labels if rest and _begins(rest, label.casefold())]
        if len(begun) == 1:
            found.setdefault(begun[0], []).append(value)
    return tuple(_log_sum(found[label]) if label in found else None for label in labels)


def _begins(rest: str, label: str) -> bool:
    """Whether a token begins a label, or holds it whole with marks behind it."""
    return label.startswith(rest) or (rest.startswith(label) and not rest[len(label)].isalnum())


def _log_sum(values: Sequence[float]) -> float | None:
    most = max(values)
    if math.isinf(most):
        return None
    return most + math.log(sum(math.exp(value - most) for value in values))
