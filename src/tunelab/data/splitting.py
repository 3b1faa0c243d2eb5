"""A source's rows as a data set, and the splits that the source does not bring."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tunelab.data.examples import SPLITS, Dataset, Example
from tunelab.data.sampling import disjoint_samples
from tunelab.data.text_identity import identity
from tunelab.errors import UsageError

_SHARES = {"validation": 0.1, "test": 0.2}


def make_dataset(
    splits: Mapping[str, Sequence[Example]],
    *,
    labels: Sequence[str] | None,
    origin: str,
    licence: str,
) -> Dataset:
    """Describe the rows that a source brought. Without ``labels``, they are sorted by name.

    Raises:
        UsageError: there is no training row, only one label, or one that is not in ``labels``.
    """
    given: dict[str, Sequence[Example]] = {name: splits.get(name, ()) for name in SPLITS}
    if not given["train"]:
        raise UsageError("the data has no training rows.")
    found = sorted({example.label for rows in given.values() for example in rows})
    names = list(labels) if labels is not None else found
    stray = [label for label in found if label not in names]
    if stray:
        raise UsageError(f"the label {stray[0]!r} is not among {', '.join(names)}.")
    if len(found) < 2:
        raise UsageError(
            f"all rows have the label {found[0]!r}; a classifier needs two labels or more."
        )
    return Dataset(given, names, origin, licence, _hash(given, names))


def complete_splits(dataset: Dataset, seed: int) -> Dataset:
    """Fill the splits that are empty, and say in ``origin`` what was drawn.

    Where test is missing, the validation rows serve as test. A validation split that is missing
    (10 % of the rows), and a test split (20 %) where both are, are drawn from train, stratified
    by label and without sharing rows; copies of one text stay together.
    """
    given = {name: list(rows) for name, rows in dataset.splits.items() if rows}
    note = ""
    if "test" not in given and "validation" in given:
        given["test"] = given.pop("validation")
        note = "The validation rows serve as test rows. "
    missing = [name for name in ("validation", "test") if name not in given]
    if missing:
        given |= _draw(given["train"], missing, seed)
        note += f"Drawn from the training rows: {' and '.join(missing)}."
    origin = f"{dataset.origin}. {note}".strip() if note else dataset.origin
    return replace(dataset, splits={name: given[name] for name in SPLITS}, origin=origin)


def _draw(train: list[Example], missing: list[str], seed: int) -> dict[str, list[Example]]:
    """Take the missing splits out of ``train``, by groups of rows with the same text."""
    groups: dict[str, list[Example]] = {}
    for example in train:
        groups.setdefault(identity(example.text), []).append(example)
    keys = list(groups)
    sizes = {name: int(len(keys) * _SHARES[name]) for name in missing}
    sizes["train"] = len(keys) - sum(sizes.values())
    drawn = disjoint_samples(keys, sizes, seed, label=lambda key: groups[key][0].label)
    return {name: [row for key in keys for row in groups[key]] for name, keys in drawn.items()}


def _hash(splits: Mapping[str, Sequence[Example]], labels: Sequence[str]) -> str:
    digest = hashlib.sha256(json.dumps(list(labels)).encode())
    for name in SPLITS:
        for example in splits[name]:
            digest.update(json.dumps([name, example.text, example.label]).encode())
    return digest.hexdigest()
