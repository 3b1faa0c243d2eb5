"""Labelled files beside the training texts of the classifier that labelled them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from operator import itemgetter

from tunelab.data.normalizing import normal_text
from tunelab.data.text_identity import identity
from tunelab.evaluation.drift.compared import Drift, compare_texts
from tunelab.runs.storage import join, write_bytes
from tunelab.serving.drift_reference import Reference
from tunelab.serving.prediction_parts import NO_LABEL
from tunelab.serving.prediction_target import Target
from tunelab.serving.text_chunks import read_chunks

# New texts that are compared, drawn from all.
_TEXTS = 2000
_SEED = 0


def drift_of_files(
    reference: Reference,
    files: Sequence[str],
    counts: Mapping[str, int],
    *,
    text: str,
    rows: int,
) -> Drift:
    """Compare the texts of files, and the labels that they got, with a classifier's reference.

    ``counts`` are the rows that got each label. Texts that repeat count once among the texts.

    Raises:
        UsageError: a file cannot be used.
    """
    new = sample_texts(
        (one for chunk in read_chunks(files, text=text, rows=rows) for one in chunk.texts),
        _TEXTS,
        seed=_SEED,
    )
    return compare_texts(
        reference.texts,
        reference.hashed(new),
        labels=reference.labels,
        confusion=reference.confusion,
        counts={None if label == NO_LABEL else label: number for label, number in counts.items()},
        seed=_SEED,
    )


def write_drift(drift: Drift, target: Target) -> None:
    """Write what was found beside the labels: ``labels.drift.json``, or drift.json in a folder.

    Nothing is written where the labels go to the screen.

    Raises:
        RunError: it cannot be written.
    """
    if target.parts is None:
        return
    place = join(target.parts, "drift.json")
    if target.file is not None:
        place = str(target.file.with_suffix(".drift.json"))
    text = json.dumps(drift.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(place, f"{text}\n".encode())


def sample_texts(texts: Iterable[str], most: int, *, seed: int) -> list[str]:
    """Up to ``most`` different texts, each with the same chance, in bounded memory.

    Each different text has a hash that depends on ``seed``; those with the lowest are kept.
    """
    kept: dict[str, bytes] = {}
    limit = b"\xff" * 9
    salt = str(seed).encode()
    for content in texts:
        key = identity(content)
        if not key or key in kept:
            continue
        place = blake2b(key.encode(), digest_size=8, key=salt).digest()
        if place >= limit:
            continue
        kept[key] = place
        if len(kept) >= 2 * most:
            kept = dict(sorted(kept.items(), key=itemgetter(1))[:most])
            limit = max(kept.values())
    chosen = sorted(kept.items(), key=itemgetter(1))[:most]
    return [normal_text(key) for key, _ in chosen]
