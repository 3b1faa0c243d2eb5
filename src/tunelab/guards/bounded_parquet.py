"""Parquet from strangers: a file of some kilobytes that would become gigabytes is not read.

What a column says of itself is looked at first. Then its texts are read as dictionaries, in which
a text that is in many rows is stored once, and their lengths are added up, so that the check
takes no more memory than the file's own pages.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunelab.errors import UsageError
from tunelab.guards.bounded_files import check_regular

# Bytes that any file may become, and times its size that a larger one may.
_FREE = 256_000_000
_TIMES = 100
_BATCH = 256


def check_parquet(path: Path) -> None:
    """Refuse a Parquet file that becomes far more than it is.

    Raises:
        UsageError: it does, or it is not a regular file.
        OSError, pyarrow.ArrowException: it is missing or no whole Parquet file.
    """
    from pyarrow import parquet

    check_regular(path)
    most = _FREE + _TIMES * path.stat().st_size
    with parquet.ParquetFile(path) as file:
        columns = list(_columns(file.metadata))
        texts = sorted({one.path_in_schema for one in columns if one.physical_type == "BYTE_ARRAY"})
        # Eight bytes are the least that a value takes once it is read.
        stated = sum(max(one.total_uncompressed_size, 8 * one.num_values) for one in columns)
    if stated > most or not texts:
        _check(path, stated, most)
        return
    found = stated
    with parquet.ParquetFile(path, read_dictionary=texts) as file:
        for batch in file.iter_batches(batch_size=_BATCH, columns=texts):
            found += sum(_text_bytes(column) for column in batch.columns)
            _check(path, found, most)


def _check(path: Path, size: int, most: int) -> None:
    if size > most:
        raise UsageError(
            f"{path} is a small file that becomes more than {most / 1e6:,.0f} MB when it is read, "
            "so it is not; write it with fewer repeated rows, or as JSON lines."
        )


def _columns(metadata: Any) -> Iterator[Any]:
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for position in range(row_group.num_columns):
            yield row_group.column(position)


def _text_bytes(column: Any) -> int:
    """The bytes of all texts of a column, however deep in lists and records they are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        lengths = pc.binary_length(column.dictionary)
        return int(pc.sum(lengths.take(column.indices)).as_py() or 0)
    if pa.types.is_struct(kind):
        return sum(_text_bytes(part) for part in column.flatten())
    if pa.types.is_map(kind):
        return _text_bytes(column.keys) + _text_bytes(column.items)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _text_bytes(column.flatten())
    return int(column.nbytes)
