"""The conversation that asks for a label, and the format that travels with an adapter."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

from tunelab.config import Prompt, fingerprint
from tunelab.data.text_identity import identity
from tunelab.errors import UsageError
from tunelab.prompts.own_template import own_template

PLAIN_TEMPLATE = "{system}\n\nText: {text}\nLabel:"
PLAIN_ANSWER = " {label}"
LABELS_FIELD = "{labels}"
DESCRIPTIONS_FIELD = "{descriptions}"

_FIELDS = re.compile("|".join(map(re.escape, (LABELS_FIELD, DESCRIPTIONS_FIELD))))

Message = dict[str, str]


@dataclass(frozen=True)
class PromptFormat:
    """All that decides which tokens a text becomes, besides the tokenizer's vocabulary.

    ``system`` has the labels already put in, ``style`` is ``chat`` or ``plain`` as it is used,
    ``template`` the chat template or the plain one, ``max_length`` counts tokens of a row.
    ``shots`` are examples, each a text and its label, that stand before every text; their tokens
    come on top of ``max_length``.
    """

    system: str
    labels: tuple[str, ...]
    style: str
    template: str
    max_length: int
    shots: tuple[tuple[str, str], ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 of everything above."""
        values = asdict(self)
        if not self.shots:
            del values["shots"]
        return fingerprint(values)

    def to_dict(self) -> dict[str, Any]:
        """The format as JSON values, its hash among them."""
        return {
            **asdict(self),
            "labels": list(self.labels),
            "shots": [list(shot) for shot in self.shots],
            "hash": self.hash,
        }


def make_format(
    tokenizer: Any,
    *,
    system: str,
    labels: Sequence[str],
    style: str,
    max_length: int,
    shots: Sequence[tuple[str, str]] = (),
    descriptions: Mapping[str, str] | None = None,
) -> PromptFormat:
    """The format for a tokenizer: a chat style falls back to plain where it has no template.

    Raises:
        UsageError: a label is blank, two labels cannot be told apart, or a description is of no
            label; or the tokenizer has several chat templates and none is its default.
    """
    check_labels(labels)
    template = own_template(tokenizer) if style == "chat" else None
    used = "chat" if style == "chat" and template else "plain"
    return PromptFormat(
        system=write_instruction(system, labels, descriptions or {}),
        labels=tuple(labels),
        style=used,
        template=template if used == "chat" and template else PLAIN_TEMPLATE + PLAIN_ANSWER,
        max_length=max_length,
        shots=tuple(shots),
    )


def format_of(
    tokenizer: Any, prompt: Prompt, labels: Sequence[str], shots: Sequence[tuple[str, str]] = ()
) -> PromptFormat:
    """The format that the prompt of a study gives a tokenizer.

    Raises:
        UsageError: as :func:`make_format`.
    """
    return make_format(
        tokenizer,
        system=prompt.system,
        labels=labels,
        style=prompt.style,
        max_length=prompt.max_length,
        shots=shots,
        descriptions=prompt.descriptions,
    )


def write_instruction(
    system: str, labels: Sequence[str], descriptions: Mapping[str, str] | None = None
) -> str:
    """The instruction with the labels in the place of {labels}.

    ``descriptions`` say what labels mean: a line for each, in the order of the labels, in the
    place of {descriptions}, or below the instruction where it has no such field.

    Raises:
        UsageError: a description is of no label; the near matches are named.
    """
    given = descriptions or {}
    for name in given:
        if name not in labels:
            near = get_close_matches(name, labels, n=3, cutoff=0.5) or list(labels)[:10]
            raise UsageError(
                f"prompt.descriptions has {name[:80]!r}, which is no label of the data; did you "
                f"mean {' or '.join(near)}?"
            )
    lines = "\n".join(f"{label}: {given[label]}" for label in labels if label in given)
    if lines and DESCRIPTIONS_FIELD not in system:
        system = f"{system}\n\n{DESCRIPTIONS_FIELD}".lstrip()
    written = {LABELS_FIELD: ", ".join(labels), DESCRIPTIONS_FIELD: lines}
    # In one pass: what a label or a description holds is no field.
    return _FIELDS.sub(lambda match: written[match.group()], system)


def check_labels(labels: Sequence[str]) -> None:
    """Refuse labels that answers could not be distinguished by.

    Raises:
        UsageError: a blank label, or two that differ in their blanks or their Unicode form only.
    """
    if any(not identity(label) for label in labels):
        raise UsageError("a label is blank; give every row a label.")
    seen: dict[str, str] = {}
    for label in labels:
        known = seen.setdefault(identity(label), label)
        if known is not label:
            raise UsageError(
                f"the labels {known!a} and {label!a} look the same: they differ in "
                "blanks or in the Unicode form of their letters; make them one."
            )


def read_format(values: dict[str, Any]) -> PromptFormat:
    """The format from what :meth:`PromptFormat.to_dict` gave.

    Raises:
        UsageError: keys are missing, or the hash does not fit the rest.
    """
    try:
        format = PromptFormat(
            system=str(values["system"]),
            labels=tuple(str(label) for label in values["labels"]),
            style=str(values["style"]),
            template=str(values["template"]),
            max_length=int(values["max_length"]),
            shots=tuple((str(text), str(label)) for text, label in values.get("shots", ())),
        )
        recorded = str(values["hash"])
        # Half a character, which no hash can be made of, is a ValueError as well.
        changed = format.hash != recorded
        check_labels(format.labels)
        if not format.labels or format.style not in ("chat", "plain") or format.max_length < 1:
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise UsageError(
            "the adapter's prompt record is damaged; train the adapter again."
        ) from None
    if changed:
        raise UsageError(
            "the adapter's prompt record was changed after training (its hash does not fit); "
            "restore it or train the adapter again."
        )
    return format


def make_messages(format: PromptFormat, text: str, label: str | None = None) -> list[Message]:
    """The conversation for one text; with ``label``, the assistant's answer ends it."""
    messages = [{"role": "system", "content": format.system}] if format.system else []
    for shot, answer in format.shots:
        messages += [
            {"role": "user", "content": shot},
            {"role": "assistant", "content": answer},
        ]
    messages.append({"role": "user", "content": text})
    if label is not None:
        messages.append({"role": "assistant", "content": label})
    return messages
