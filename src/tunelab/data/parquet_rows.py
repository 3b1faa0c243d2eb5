"""Rows of Parquet, with the names of classes where the schema tells them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunelab.data.loading_notes import LoadingNotes
from tunelab.errors import UsageError
from tunelab.guards.bounded_parquet import check_parquet

_METADATA = b"huggingface"

Row = dict[str, Any]


def read_parquet_rows(path: Path, notes: LoadingNotes) -> Iterator[tuple[int, Row]]:
    """Numbers of rows (from 1) and rows. A class number becomes its name; -1 becomes null.

    Raises:
        UsageError: the file is not a complete Parquet file, or becomes far more than it is.
    """
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        check_parquet(path)
        with parquet.ParquetFile(path) as file:
            if file.metadata.num_rows == 0:
                raise UsageError(f"{path} holds no rows.")
            classes = class_names(file.schema_arrow.metadata)
            notes.class_names.update(classes)
            for batch in file.iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    number += 1
                    for column, names in classes.items():
                        row[column] = named(row.get(column), names)
                    yield number, row
    except UnicodeDecodeError:
        raise UsageError(
            f"{path}, after row {number}: not UTF-8; write the text columns as UTF-8."
        ) from None
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        # A date that Python has no name for is a ValueError or an OverflowError.
        reason = (str(error).splitlines() or [""])[0][:120]
        raise UsageError(f"{path} is not a complete Parquet file ({reason}).") from None


def class_names(metadata: Any) -> dict[str, list[str]]:
    """The names of the classes by column, as the library ``datasets`` writes them."""
    try:
        about = json.loads((metadata or {})[_METADATA])
        features = about["info"]["features"]
        return {
            str(column): [str(name) for name in feature["names"]]
            for column, feature in features.items()
            if isinstance(feature, dict)
            and feature.get("_type") == "ClassLabel"
            and isinstance(feature.get("names"), list)
            and feature["names"]
        }
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def named(value: Any, names: list[str]) -> Any:
    """The name of a class number; -1 stands for a hidden label, so it is none."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if value == -1:
        return None
    return names[value] if 0 <= value < len(names) else value
