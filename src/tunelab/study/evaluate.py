"""Evaluate models and adapters on one labelled file, outside any study."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tunelab.config import Evaluation, Prompt
from tunelab.data.columns import to_examples
from tunelab.data.examples import Example
from tunelab.data.readers import read_rows
from tunelab.errors import UsageError
from tunelab.models.loading import load
from tunelab.study.adapters import open_adapter
from tunelab.study.asking import ask, encoder_for, summary


def read_labelled(path: Path, *, text: str, label: str) -> list[Example]:
    """The rows of a labelled file, without the blank ones.

    Raises:
        UsageError: a row cannot be used, or none is left.
    """
    rows = to_examples(read_rows(path), text=text, label=label, where=path.name)
    kept = [row for row in rows if row.text.strip()]
    if not kept:
        raise UsageError(f"{path} holds no text.")
    return kept


def evaluate_file(
    rows: Sequence[Example],
    *,
    models: Sequence[str],
    adapters: Sequence[Path],
    prompt: Prompt,
    evaluation: Evaluation,
    device: str,
    dtype: str,
) -> list[dict[str, Any]]:
    """Ask each model, with ``prompt``, and each adapter, with its own prompt, for every row.

    Returns one dictionary each: name, scores, unparsed_reasons, seconds, prompt.

    Raises:
        UsageError: the file holds a label that an adapter was not trained on.
        RunError: a model or an adapter cannot be loaded.
    """
    labels = sorted({row.label for row in rows})
    results = []
    for name in models:
        loaded = load(name, device=device, dtype=dtype)
        encoder = encoder_for(loaded.tokenizer, loaded.model, prompt, labels)
        results.append(_evaluate(name, loaded.model, encoder, rows, evaluation))
    for folder in adapters:
        opened = open_adapter(folder, device=device, dtype=dtype)
        strange = [label for label in labels if label not in opened.encoder.format.labels]
        if strange:
            raise UsageError(
                f"the label {strange[0]!r} of the file is none of the adapter's: "
                f"{', '.join(opened.encoder.format.labels)}."
            )
        results.append(_evaluate(opened.name, opened.model, opened.encoder, rows, evaluation))
    return results


def _evaluate(
    name: str, model: Any, encoder: Any, rows: Sequence[Example], evaluation: Evaluation
) -> dict[str, Any]:
    started = time.perf_counter()
    asked = ask(model, encoder, [row.text for row in rows], evaluation, title=f"{name} answers")
    seconds = time.perf_counter() - started
    reasons = [parsed.reason for parsed in asked.parsed if parsed.reason is not None]
    return {
        "name": name,
        **summary(rows, [parsed.label for parsed in asked.parsed], encoder.format.labels),
        "unparsed_reasons": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
        "seconds": seconds,
        "texts_cut": asked.cut,
        "prompt": encoder.format.to_dict(),
    }
