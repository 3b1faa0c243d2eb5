"""The card of an exported model: the classifier's own, with another way to use it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.numbers import counted
from tunelab.serving.base_models import base_in_words, base_model, find_card, licence_keys
from tunelab.serving.formats.contract import Format
from tunelab.serving.inert_markdown import Markdown, fill, plain_name
from tunelab.serving.proof import Proof
from tunelab.serving.proof_table import proof_rows, verdict_in_words

_HEAD = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_USAGE = re.compile(r"^## How to use it\n.*?(?=^## )", re.DOTALL | re.MULTILINE)
# Cards of adapters, and of other classifiers.
_ANY_USAGE = re.compile(r"^## (?:How to use it|Use)\n.*?(?=^## )", re.DOTALL | re.MULTILINE)
_OURS = "tunelab"
# Differing rows that a card names.
_NAMED = 50


def exported_card(
    before: str, *, name: str, record: Mapping[str, Any], agreement: Mapping[str, Any], dtype: str
) -> str:
    """The card beside a merged model.

    ``before`` is the adapter's card: what it says of data, training and scores holds for the
    merged model too. Another program's card is not carried over.
    """
    base = agreement["untouched"]
    usage = fill(
        "exported_usage.md.j2",
        {
            "style": record["prompt"]["style"],
            "name": Markdown(plain_name(name)),
            "tokens": agreement["tokens"],
            "prompts": agreement["prompts"],
            "same": agreement["same_next"],
            "difference": Markdown(f"{agreement['largest_difference']:.2g}"),
            "largest": Markdown(f"{agreement['largest_logit']:.3g}"),
            "rows": agreement["rows"],
            "same_label": agreement["same_label"],
            "dtype": Markdown(dtype),
            "untouched": Markdown(f"{base['largest_difference']:.2g}") if base else None,
            "untouched_label": base["same_label"] if base else None,
        },
    )
    head = _HEAD.match(before)
    if head and _OURS in _tags(head.group(1)) and _USAGE.search(before):
        body = _USAGE.sub(lambda _: usage, before[head.end() :], count=1)
        body = body.replace("An adapter that makes", "An adapter, merged, that makes", 1)
        return f"---\n{_merged_head(head.group(1))}\n---\n{body}"
    return _short_card(name, record, usage)


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
    if ours and _ANY_USAGE.search(body):
        body = _ANY_USAGE.sub(lambda _: usage, body, count=1)
        top = f"---\n{_merged_head(head.group(1), format.library)}\n---\n" if head else ""
        return f"{top}{body}"
    shown = {"title": plain_name(name), "labels": ", ".join(labels), "usage": Markdown(usage)}
    return fill("proven_card.md.j2", shown)


def _tags(block: str) -> list[str]:
    import yaml

    try:
        return list((yaml.safe_load(block) or {}).get("tags") or [])
    except (yaml.YAMLError, AttributeError, TypeError):
        return []


def _merged_head(block: str, library: str = "transformers") -> str:
    import yaml

    values = yaml.safe_load(block)
    values["library_name"] = library
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True)).rstrip()


def _short_card(name: str, record: Mapping[str, Any], usage: str) -> str:
    from huggingface_hub import ModelCardData

    card = find_card(str(record["model"]))
    data = ModelCardData(
        base_model=base_model(card),
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=[_OURS, "text-classification", str(record["method"])],
        **licence_keys(card),
    )
    body = fill(
        "exported_card.md.j2",
        {
            "title": plain_name(name),
            "base": base_in_words(card),
            "method": record["method"],
            "licence": card.licence,
            "labels": ", ".join(record["prompt"]["labels"]),
            "usage": Markdown(usage),
        },
    )
    return f"---\n{data.to_yaml()}\n---\n{body}"
