"""A source's rows as a data set, and the splits that the source does not bring."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tunelab.data.examples import SPLITS, Dataset, Example
from tunelab.data.groups import draw_parts, shares_in_words, stays_together
from tunelab.data.loading_notes import listed
from tunelab.data.normalizing import normal_label
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
    names = list(dict.fromkeys(map(normal_label, labels))) if labels is not None else found
    stray = [label for label in found if label not in names]
    if stray:
        raise UsageError(f"the label {stray[0]!r} is not among {listed(names, most=20)}.")
    if len(found) < 2:
        raise UsageError(
            f"all rows have the label {found[0]!r}; a classifier needs two labels or more."
        )
    return Dataset(given, names, origin, licence, hash_rows(given, names))


def complete_splits(dataset: Dataset, seed: int, *, group: str | None = None) -> Dataset:
    """Fill the splits that are empty, and say in ``origin`` what was drawn.

    Where test is missing, the validation rows serve as test. A validation split that is missing
    (10 % of the rows), and a test split (20 %) where both are, are drawn from train, stratified
    by label and without sharing rows; copies of one text stay together. Where ``group`` names the
    column of the groups, the rows of a group stay together too, and ``origin`` says how far that
    takes the splits from their shares.
    """
    given = {name: list(rows) for name, rows in dataset.splits.items() if rows}
    note = ""
    if "test" not in given and "validation" in given:
        given["test"] = given.pop("validation")
        note = "The validation rows serve as test rows. "
    missing = [name for name in ("validation", "test") if name not in given]
    if missing:
        together = any(row.group is not None for row in given["train"])
        note += f"Drawn from the training rows: {' and '.join(missing)}."
        if group is not None and together:
            shares = {name: _SHARES[name] for name in missing}
            shares["train"] = 1 - sum(shares.values())
            drawn = draw_parts(stays_together(given["train"]), shares, seed)
            note += f" {shares_in_words(drawn, shares, group)}"
        else:
            drawn = _draw(given["train"], missing, seed)
        given |= drawn
    origin = f"{dataset.origin}. {note}".strip() if note else dataset.origin
    return replace(dataset, splits={name: given[name] for name in SPLITS}, origin=origin)


def _draw(train: list[Example], missing: list[str], seed: int) -> dict[str, list[Example]]:
    """Take the missing splits out of ``train``, by groups of rows with the same text.

    A label keeps a group for training, unless every label has one only: then none could be tested.
    Of the others, each label with two groups or more has one in test, as far as test has room.
    """
    groups: dict[str, list[Example]] = {}
    for example in train:
        groups.setdefault(identity(example.text), []).append(example)
    keys = list(groups)
    labels = {key: groups[key][0].label for key in keys}
    sizes = _sizes(len(keys), len(set(labels.values())), missing)
    drawn = disjoint_samples(keys, sizes, seed, label=lambda key: labels[key])
    # Blank texts and those with several labels are left out of training later.
    usable = {key for key in keys if key and len({row.label for row in groups[key]}) == 1}
    if len(set(labels.values())) < len(keys):
        _keep_for_training(drawn, labels, usable)
        if "test" in missing:
            _give_to_test(drawn, labels, usable)
    return {name: [row for key in keys for row in groups[key]] for name, keys in drawn.items()}


def _sizes(groups: int, labels: int, missing: Sequence[str]) -> dict[str, int]:
    """Groups of each split that is drawn: its share, but no more than training can spare."""
    spare = max(0, groups - labels)
    sizes = {}
    if "test" in missing:
        sizes["test"] = min(max(1, int(groups * _SHARES["test"])), max(1, spare))
        spare -= sizes["test"]
    if "validation" in missing:
        sizes["validation"] = min(int(groups * _SHARES["validation"]), max(0, spare))
    drawn = {name: sizes[name] for name in missing}
    return {**drawn, "train": groups - sum(drawn.values())}


def _keep_for_training(
    drawn: Mapping[str, list[str]], labels: Mapping[str, str], usable: set[str]
) -> None:
    """Give each label whose groups were all drawn one of them back, in exchange if there is any."""
    counts = Counter(labels[key] for key in drawn["train"] if key in usable)
    for split in (name for name in drawn if name != "train"):
        gone = set()
        for position, key in enumerate(drawn[split]):
            label = labels[key]
            if key not in usable or counts[label]:
                continue
            drawn["train"].append(key)
            counts[label] += 1
            # The most frequent label can spare a group best.
            most = min(counts, key=lambda name: (-counts[name], name))
            spared = next(
                (
                    other
                    for other in drawn["train"]
                    if other in usable and labels[other] == most and counts[most] > 1
                ),
                None,
            )
            if spared is None:
                gone.add(key)
                continue
            drawn["train"].remove(spared)
            counts[most] -= 1
            drawn[split][position] = spared
        drawn[split][:] = [key for key in drawn[split] if key not in gone]


def _give_to_test(
    drawn: Mapping[str, list[str]], labels: Mapping[str, str], usable: set[str]
) -> None:
    """Give each label without a test group one that training or validation can spare.

    A group of the label with the most test groups goes the other way, so that sizes stay.
    """
    test = drawn["test"]
    tested = Counter(labels[key] for key in test)
    trained = Counter(labels[key] for key in drawn["train"] if key in usable)
    for label in sorted(trained):
        if tested[label] or not tested:
            continue
        most = min(tested, key=lambda name: (-tested[name], name))
        back = next((key for key in test if labels[key] == most and key in usable), None)
        source = next(
            (
                (split, key)
                for split in ("validation", "train")
                for key in drawn.get(split, ())
                if labels[key] == label
                and key in usable
                and (split != "train" or trained[label] > 1)
            ),
            None,
        )
        if source is None or back is None or tested[most] < 2:
            continue
        split, key = source
        drawn[split][drawn[split].index(key)] = back
        test[test.index(back)] = key
        tested[most] -= 1
        tested[label] += 1
        if split == "train":
            trained[label] -= 1
            trained[most] += 1


def hash_rows(splits: Mapping[str, Sequence[Example]], labels: Sequence[str]) -> str:
    """SHA-256 of all rows and labels, in their order."""
    digest = hashlib.sha256(json.dumps(list(labels)).encode())
    for name in SPLITS:
        for example in splits[name]:
            digest.update(json.dumps([name, example.text, example.label]).encode())
    return digest.hexdigest()
