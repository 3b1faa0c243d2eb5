"""The rows that contestants train on: the emotion data where it is there, else the starter's."""

import os
import random
from dataclasses import dataclass
from typing import Any

from tunelab.data.sources import open_source
from tunelab.models.loading import LoadedModel
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import EncodedExample, Encoder, encode_examples

SYSTEM = "Classify the emotion of the text. Answer with one word from this list: {labels}."
MAX_LENGTH = 160


@dataclass(frozen=True)
class BenchmarkRows:
    """Rows as text and as tokens. ``system`` is the instruction with the labels put in."""

    source: str
    system: str
    texts: list[str]
    labels: list[str]
    encoded: list[EncodedExample]


def draw_rows(loaded: LoadedModel, count: int, seed: int) -> BenchmarkRows:
    """Training rows, drawn by seed and encoded for a model."""
    source = os.environ.get("TUNELAB_EMOTION", "starter")
    dataset: Any = open_source(source, text="text", label="label")
    rows = random.Random(seed).sample(list(dataset.splits["train"]), count)
    format = make_format(
        loaded.tokenizer,
        system=SYSTEM,
        labels=tuple(dataset.labels),
        style="chat",
        max_length=MAX_LENGTH,
    )
    texts, labels = [row.text for row in rows], [row.label for row in rows]
    encoded = encode_examples(Encoder(loaded.tokenizer, format), texts, labels)
    name = "starter" if source == "starter" else "dair-ai/emotion"
    return BenchmarkRows(name, format.system, texts, labels, encoded)
