"""The stage prepare: load, check, clean and sample the rows of a study."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.config import Data, fingerprint
from tunelab.data.checks import check, clean
from tunelab.data.examples import SPLITS, Dataset, Example, label_counts
from tunelab.data.groups import with_groups
from tunelab.data.label_sets import labels_of_one_split
from tunelab.data.loading_notes import count_of
from tunelab.data.rare_labels import rare_labels
from tunelab.data.sampling import stratified_sample
from tunelab.data.slices import slice_values
from tunelab.data.sources import open_source
from tunelab.data.splitting import complete_splits
from tunelab.data.text_identity import identity
from tunelab.errors import UsageError
from tunelab.runs.results import Result, read_table, write_table
from tunelab.runs.run_folder import SLICES
from tunelab.runs.stages import run_stage, stage_hash

_log = logging.getLogger(__name__)

_FAULTS = {
    "blank": "without a visible character",
    "conflicting": "whose text has several labels",
    "repeated": "that repeat a row",
    "shared": "whose text is in a later split",
}


@dataclass(frozen=True)
class PreparedData:
    """The rows of a study by split, their labels, and the hash that later stages depend on."""

    splits: Mapping[str, Sequence[Example]]
    labels: tuple[str, ...]
    hash: str
    result: Result


def prepare(
    data: Data, *, seed: int, out: Path, tell: Callable[[str], object] = _log.warning
) -> PreparedData:
    """Sample the rows of every split, once.

    ``tell`` hears what is unusual, a sentence each: about the files and the labels (``loading`` in
    the record) and about the splits (``notes``).

    Raises:
        UsageError: the data cannot be read, has one class only, or fewer rows than are asked for.
    """
    dataset = open_source(data.source, text=data.text, label=data.label)
    grouped: dict[str, Any] = {}
    if data.group is not None:
        dataset = with_groups(dataset, data.group, text=data.text, label=data.label)
        names = [[row.group for row in dataset.splits[split]] for split in SPLITS]
        grouped["group"] = fingerprint({"column": data.group, "names": names})
    deciding = {
        "rows": dataset.hash,
        "sample": data.sample.model_dump(),
        "drop": sorted(data.drop),
        "seed": seed,
        **grouped,
    }
    inputs = dict(deciding)
    if data.slices:
        parts = [slice_values(dataset.splits[split], data.slices) for split in SPLITS]
        inputs["slices"] = fingerprint({"names": data.slices, "parts": parts})
    result = run_stage(
        out,
        "prepare",
        "data",
        inputs,
        lambda folder: _sample(dataset, data, seed, folder),
        still_there=lambda done: all(
            (done.folder / f"{name}.parquet").is_file()
            for name in (*SPLITS, *(["slices"] if data.slices else []))
        ),
    )
    for sentence in (*dataset.notes, *result.values["notes"]):
        tell(sentence)
    return PreparedData(
        splits={split: _read(result.folder / f"{split}.parquet") for split in SPLITS},
        labels=tuple(dataset.labels),
        # Slices decide no row and no answer.
        hash=stage_hash("prepare", "data", deciding),
        result=result,
    )


def _sample(dataset: Dataset, data: Data, seed: int, folder: Path) -> dict[str, Any]:
    # Faults are counted in the rows as they came, and left out after the splits are complete.
    report = check(dataset)
    dataset = complete_splits(dataset, seed, group=data.group)
    cleaned, dropped = clean(dataset, drop=data.drop)
    sampled = {}
    for position, split in enumerate(SPLITS):
        size = getattr(data.sample, split)
        rows = list(cleaned.splits[split])
        if size == "all":
            sampled[split] = rows
            continue
        if size > len(rows):
            left_out = sum(counts.get(split, 0) for counts in dropped.values())
            note = f" after {left_out} faulty rows were left out" if left_out else ""
            raise UsageError(
                f"data.sample.{split}={size} asks for more rows than there are: the {split} "
                f"split has {len(rows)}{note}."
            )
        sampled[split] = stratified_sample(rows, size, seed + position)
    for split in ("train", "test"):
        if not sampled[split]:
            raise UsageError(_no_rows(split, dataset, dropped))
    trained = {example.label for example in sampled["train"]}
    if len(trained) < 2:
        raise UsageError(
            f"the training rows hold only the label {next(iter(trained))!r}; a classifier needs "
            "two labels or more, each with a row to train on, besides the test rows."
        )
    counts = {split: label_counts(sampled[split], dataset.labels) for split in SPLITS}
    for split, rows in sampled.items():
        write_table(
            folder / f"{split}.parquet",
            [_row(example, data) for example in rows] or [{"text": None, "label": None}],
        )
    if data.slices:
        _write_slices(sampled["test"], data.slices, folder)
    return {
        "origin": dataset.origin,
        "licence": dataset.licence,
        "labels": list(dataset.labels),
        "content_hash": dataset.hash,
        "counts": {
            "full": {
                split: label_counts(dataset.splits[split], dataset.labels) for split in SPLITS
            },
            "sample": counts,
        },
        "checks": report.to_dict(),
        "dropped": dropped,
        "loading": list(dataset.notes),
        # Those without a row, or with one to train on, are named by what that means for them.
        "notes": [
            *_left_out(dataset, dropped),
            *labels_of_one_split(counts),
            *rare_labels(counts, train_from=2, test_from=1),
        ],
    }


def _write_slices(rows: Sequence[Example], names: Sequence[str], folder: Path) -> None:
    """The part of each test row in each slice, in the order of the rows."""
    parts = slice_values(rows, names)
    write_table(
        folder / SLICES,
        [dict(zip(parts, row, strict=True)) for row in zip(*parts.values(), strict=True)],
    )


def _row(example: Example, data: Data) -> dict[str, Any]:
    """A row as it is kept; its group only where the study names a column of groups."""
    group = {} if data.group is None else {"group": example.group}
    return {"text": example.text, "label": example.label, **group}


def _no_rows(split: str, dataset: Dataset, dropped: Mapping[str, Mapping[str, int]]) -> str:
    """Why a split has no rows."""
    came = len(dataset.splits[split])
    lost = {
        f"{rows[split]:,} {_FAULTS[fault]}" for fault, rows in dropped.items() if rows.get(split)
    }
    texts = {identity(row.text) for rows in dataset.splits.values() for row in rows}
    if len(texts) == 1 and not came:
        return (
            f"the {split} split has no rows, as all rows have the same text, or none, and copies "
            "of a text stay in one split. Is data.text the right column?"
        )
    if not came or not lost:
        return (
            f"the {split} split has no rows, and a study needs some. Each label keeps a row for "
            f"training, so bring more rows than there are labels, or a file of {split} rows."
        )
    return (
        f"of {count_of(came, f'{split} row')} none is left: {', '.join(sorted(lost))}. Correct the "
        "rows, or keep them with data.drop=[]."
    )


def _left_out(dataset: Dataset, dropped: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What went without being asked for, or took much of the training rows."""
    sentences = []
    for fault, lost in dropped.items():
        train = len(dataset.splits["train"])
        if fault == "blank" or lost.get("train", 0) > 0.1 * train:
            positions = ", ".join(f"{count:,} of {split}" for split, count in lost.items())
            rows = count_of(sum(lost.values()), "row")
            sentences.append(f"Left out: {rows} {_FAULTS[fault]} ({positions}).")
    return sentences


def _read(path: Path) -> list[Example]:
    table = read_table(path).dropna(subset=["text", "label"])
    groups = table["group"] if "group" in table else [None] * len(table)
    return [
        Example(
            str(text), str(label), group=None if group is None or group != group else str(group)
        )
        for text, label, group in zip(table["text"], table["label"], groups, strict=True)
    ]
