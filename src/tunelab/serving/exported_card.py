"""The card of an exported model: the classifier's own, with another way to use it."""

import re
from collections.abc import Sequence

from tunelab.numbers import counted
from tunelab.serving.formats.contract import Format
from tunelab.serving.inert_markdown import Markdown, fill, plain_name
from tunelab.serving.proof import Proof
from tunelab.serving.proof_table import proof_rows, verdict_in_words

_HEAD = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
# Cards of adapters, and of other classifiers.
_USAGE = re.compile(r"^## (?:How to use it|Use)\n.*?(?=^## )", re.DOTALL | re.MULTILINE)
_OURS = "tunelab"
# Differing rows that a card names.
_NAMED = 50


def proven_card(
    before: str,
    *,
    name: str,
    labels: Sequence[str],
    format: Format,
    type: str,
    proof: Proof,
    note: str = "",
) -> str:
    """The card beside an export that was proven by its own runtime.

    ``before`` is the classifier's card: what it says of data, training and scores holds for the
    export too. Without one, or with another program's, the card holds the labels alone. ``note``
    is what the format says of this export.
    """
    usage = fill(
        "proven_usage.md.j2",
        {
            "name": plain_name(name),
            "title": format.title,
            "type": type,
            "packages": Markdown(" ".join(format.packages.values())),
            "code": Markdown(format.code),
            "note": Markdown("\n\n".join(part for part in (format.note, note) if part)),
            "rows": counted(proof.rows, "text"),
            "origin": proof.origin,
            "table": proof_rows(proof),
            "verdict": verdict_in_words(proof),
            "failed": proof.failed,
            "others": "; ".join(
                f"{one.row}, {one.truth or 'not known'}, {one.before}, {one.after}"
                for one in proof.other_labels[:_NAMED]
            ),
        },
    )
    head = _HEAD.match(before)
    body = before[head.end() :] if head else before
    ours = _OURS in _tags(head.group(1)) if head else "| written by | tunelab " in before
    if ours and _USAGE.search(body):
        body = _USAGE.sub(lambda _: usage, body, count=1)
        top = f"---\n{_head_of(head.group(1), format.library)}\n---\n" if head else ""
        return f"{top}{body}"
    shown = {"title": plain_name(name), "labels": ", ".join(labels), "usage": Markdown(usage)}
    return fill("proven_card.md.j2", shown)


def _tags(block: str) -> list[str]:
    import yaml

    try:
        return list((yaml.safe_load(block) or {}).get("tags") or [])
    except (yaml.YAMLError, AttributeError, TypeError):
        return []


def _head_of(block: str, library: str) -> str:
    import yaml

    values = yaml.safe_load(block)
    values["library_name"] = library
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True)).rstrip()
