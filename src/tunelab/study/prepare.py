"""The stage prepare: load, check, clean and sample the rows of a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.config import Data
from tunelab.data.examples import SPLITS, Example, label_counts
from tunelab.errors import UsageError
from tunelab.results import Result, read_table, write_table
from tunelab.study.folder import run_stage


@dataclass(frozen=True)
class PreparedData:
    """The rows of a study by split, their labels, and the hash that later stages depend on."""

    splits: Mapping[str, Sequence[Example]]
    labels: tuple[str, ...]
    hash: str
    result: Result


def prepare(data: Data, *, seed: int, out: Path) -> PreparedData:
    """Sample the rows of every split, once.

    Raises:
        UsageError: the data cannot be read, has one class only, or fewer rows than are asked for.
    """
    from tunelab.data.sources import open_source

    dataset = open_source(data.source, text=data.text, label=data.label)
    inputs = {
        "rows": dataset.hash,
        "sample": data.sample.model_dump(),
        "drop": sorted(data.drop),
        "seed": seed,
    }
    result = run_stage(
        out,
        "prepare",
        "data",
        inputs,
        lambda folder: _sample(dataset, data, seed, folder),
        still_there=lambda done: all(
            (done.folder / f"{split}.parquet").is_file() for split in SPLITS
        ),
    )
    return PreparedData(
        splits={split: _read(result.folder / f"{split}.parquet") for split in SPLITS},
        labels=tuple(dataset.labels),
        hash=result.hash,
        result=result,
    )


def _sample(dataset: Any, data: Data, seed: int, folder: Path) -> dict[str, Any]:
    from tunelab.data.checks import check, clean
    from tunelab.data.sampling import stratified_sample
    from tunelab.data.splitting import complete_splits

    # Faults are counted in the rows as they came, and left out after the splits are complete.
    report = check(dataset)
    dataset = complete_splits(dataset, seed)
    cleaned, dropped = clean(dataset, drop=data.drop)
    sampled = {}
    for place, split in enumerate(SPLITS):
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
        sampled[split] = stratified_sample(rows, size, seed + place)
    for split in ("train", "test"):
        if not sampled[split]:
            raise UsageError(f"the {split} split has no rows; a study needs some.")
    trained = {example.label for example in sampled["train"]}
    if len(trained) < 2:
        raise UsageError(
            f"the training rows hold only the label {next(iter(trained))!r}; a classifier needs "
            "two labels or more."
        )
    for split, rows in sampled.items():
        write_table(
            folder / f"{split}.parquet",
            [{"text": example.text, "label": example.label} for example in rows]
            or [{"text": None, "label": None}],
        )
    return {
        "origin": dataset.origin,
        "licence": dataset.licence,
        "labels": list(dataset.labels),
        "content_hash": dataset.hash,
        "counts": {
            "full": {
                split: label_counts(dataset.splits[split], dataset.labels) for split in SPLITS
            },
            "sample": {split: label_counts(sampled[split], dataset.labels) for split in SPLITS},
        },
        "checks": report.to_dict(),
        "dropped": dropped,
    }


def _read(path: Path) -> list[Example]:
    table = read_table(path).dropna()
    return [
        Example(str(text), str(label))
        for text, label in zip(table["text"], table["label"], strict=True)
    ]
