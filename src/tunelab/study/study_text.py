"""A proposed study as commented YAML, for a person to read and to change."""

import json
from collections.abc import Mapping
from typing import Any

from tunelab.numbers import counted
from tunelab.study.first_look import FirstLook, propose_study


def write_study(look: FirstLook, name: str) -> str:
    """The text of a study file: what :func:`propose_study` gives, with a comment at each choice."""
    study = propose_study(look, name)
    sample = study["data"]["sample"]
    minutes = max(1, round(look.seconds / 60))
    lines = [
        f"# A study of {look.source}: {sum(look.rows.values()):,} rows, {len(look.labels)} labels.",
        f"# About {counted(minutes, 'minute')} on two cores. Run it with: tunelab run {name}.yaml",
        f"name: {_quoted(name)}",
        "data:",
        f"  source: {_quoted(look.source)}",
        f"  text: {_quoted(look.text)}",
        f"  label: {_quoted(look.label)}"
        + (f"  # or {', '.join(look.other_labels[:5])}" if look.other_labels else ""),
        "  # Rows of each split, drawn with the shares of the labels kept; all takes every row.",
        f"  sample: {{train: {sample['train']}, validation: {sample['validation']}, "
        f"test: {sample['test']}}}",
        "prompt:",
        "  # Say what the labels mean. {labels} becomes their names.",
        '  # system: "Classify the text. Answer with one of these labels: {labels}."',
        f"  max_length: {study['prompt']['max_length']}  # tokens; longer texts are cut",
        "models:",
        "  base: null  # a base model to compare with, such as gemma-3-270m (238 MB)",
        f"  instruct: {study['models']['instruct']}",
        "methods:",
        *(f"  - {{name: {entry['name']}, model: {entry['model']}}}" for entry in study["methods"]),
        "# all-minilm-l6-v2 is for English; multilingual-e5-small reads other languages too.",
        "classifiers:",
        *(f"  - {_flow(entry)}" for entry in study["classifiers"]),
        "training:",
        f"  epochs: {study['training']['epochs']}",
        f"  batch_size: {study['training']['batch_size']}",
        "claims:",
    ]
    for claim in study["claims"]:
        lines += [
            f"  - claim: {_quoted(claim['claim'])}",
            f"    metric: {claim['metric']}",
            f"    left: {claim['left']}",
            f"    right: {claim['right']}",
            *(f"    {key}: {claim[key]}" for key in claim if key in ("relation", "compares")),
        ]
    return "\n".join(lines) + "\n"


def _flow(entry: Mapping[str, Any]) -> str:
    """A mapping of plain values on one line."""
    return "{" + ", ".join(f"{key}: {value}" for key, value in entry.items()) + "}"


def _quoted(text: str) -> str:
    """A text as YAML: JSON's strings are YAML's double-quoted ones."""
    return json.dumps(text, ensure_ascii=False)
