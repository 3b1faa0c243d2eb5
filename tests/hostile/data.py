"""Data files and folders."""

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile.cases import Case, harmless, refused
from tunelab.data.sources import open_source

_GOOD = b"text,label\none,x\ntwo,y\n"


def _file(name: str, content: bytes) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        (folder / name).write_bytes(content)
        return _open(folder / name)

    return give


def _open(path: Path) -> Any:
    return list(open_source(str(path), text="text", label="label").splits["train"])


def _link_in_folder(target: str, name: str = "train.csv") -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        (folder / "secret.csv").write_bytes(_GOOD)
        (folder / "data").mkdir()
        (folder / "data" / name).symlink_to(target)
        return _open(folder / "data")

    return give


def _special(make: Callable[[Path], None]) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        make(folder / "a.csv")
        return _open(folder / "a.csv")

    return give


def _parquet(make: Callable[[Path], None]) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        make(folder / "a.parquet")
        assert (folder / "a.parquet").stat().st_size < 2_000_000
        return _open(folder / "a.parquet")

    return give


def repeated_text(path: Path) -> None:
    """A megabyte in every one of 100,000 rows: a hundred gigabytes."""
    import pyarrow as pa
    from pyarrow import parquet

    text = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), ["a" * 1_000_000])
    label = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 50_000, pa.int32()), ["x", "y"])
    parquet.write_table(pa.table({"text": text, "label": label}), path, compression="zstd")


def _repeated_in_lists(path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    inner = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), ["a" * 100_000])
    outer = pa.ListArray.from_arrays(pa.array([0, 50_000, 100_000], pa.int32()), inner)
    table = pa.table({"text": ["a", "b"], "label": ["x", "y"], "more": outer})
    parquet.write_table(table, path, compression="zstd")


def _compressed(path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    rows = pa.table({"text": ["a" * 5_000_000], "label": ["x"]})
    with parquet.ParquetWriter(path, rows.schema, compression="zstd", use_dictionary=False) as file:
        for _ in range(80):
            file.write_table(rows)


def _many_rows(path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    rows = 60_000_000
    table = pa.table({"text": pa.nulls(rows, pa.int8())})
    parquet.write_table(table, path, compression="zstd")


def _late_dates(path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    late = pa.array([2**62, 2**62], pa.int64()).cast(pa.timestamp("us"))
    parquet.write_table(pa.table({"text": ["a", "b"], "label": ["x", "y"], "at": late}), path)


def _archive(parts: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _labels(rows: list[Any]) -> list[str]:
    return [row.label for row in rows]


_HIDDEN = "no line breaks or hidden characters"

CASES: list[Case] = [
    refused("a device", "no file|no such|unknown", lambda _: _open(Path("/dev/zero"))),
    refused("a link to a device", "no such|no file", _special(lambda p: p.symlink_to("/dev/zero"))),
    refused("a pipe", "no such|no file", _special(os.mkfifo)),
    refused("a socket's place", "no such|no file", _special(lambda p: p.symlink_to("/no/such"))),
    refused("a link to itself", "no such|cannot", _special(lambda p: p.symlink_to(p))),
    refused("a link out of the folder", "leads out", _link_in_folder("../secret.csv")),
    refused("an absolute link out", "leads out", _link_in_folder("/etc/passwd", "train.txt")),
    refused(
        "a validation link out",
        "leads out|no training",
        _link_in_folder("../secret.csv", "dev.csv"),
    ),
    harmless(
        "a link within the folder",
        lambda rows: _labels(rows) == ["x", "y"],
        lambda folder: (
            (folder / "rows.csv").write_bytes(_GOOD),
            (folder / "train.csv").symlink_to("rows.csv"),
            _open(folder),
        )[2],
    ),
    refused("a text a hundred thousand times", "small file that becomes", _parquet(repeated_text)),
    refused("the same in lists", "small file that becomes", _parquet(_repeated_in_lists)),
    refused("400 MB of one letter", "small file that becomes", _parquet(_compressed)),
    refused("60 million empty rows", "small file that becomes", _parquet(_many_rows)),
    refused("dates that Python has not", "not a complete Parquet", _parquet(_late_dates)),
    refused("Parquet's name alone", "not a complete Parquet", _file("a.parquet", b"PAR1")),
    refused(
        "Parquet with a huge footer",
        "not a complete Parquet",
        _file("a.parquet", b"PAR1aaaa\xff\xff\xff\x7fPAR1"),
    ),
    refused(
        "Parquet of noise",
        "not a complete Parquet",
        _file("a.parquet", b"PAR1" + bytes(range(256)) * 9 + b"\x40\x00\x00\x00PAR1"),
    ),
    refused(
        "a pickle that is called CSV",
        "not UTF-8|unknown column",
        _file("a.csv", b"\x80\x04cos\nsystem\n(S'x'\ntR."),
    ),
    refused("a pickle", "unknown kind", _file("a.pkl", b"\x80\x04.")),
    refused(
        "a zip that is called CSV",
        "is an Excel or zip file",
        _file("a.csv", b"PK\x03\x04\xff\xff"),
    ),
    refused("gzip", "not a complete gzip", _file("a.csv.gz", b"\x1f\x8b\x08")),
    refused(
        "gzip that is none", "not a complete gzip", _file("a.csv.gz", b"text,label\na,x\nb,y\n")
    ),
    refused(
        "400 MB of gzip",
        "becomes far more",
        _file("a.jsonl.gz", gzip.compress((b" " * 999_999 + b"\n") * 400, 6)),
    ),
    refused("an archive in gzip", "unknown kind", _file("a.parquet.gz", gzip.compress(b"PAR1"))),
    refused("a workbook's name alone", "not a complete Excel", _file("a.xlsx", b"PK\x03\x04")),
    refused(
        "a workbook that becomes 400 MB",
        "becomes far more",
        _file("a.xlsx", _archive({"xl/workbook.xml": b" " * 400_000_000})),
    ),
    refused(
        "a zip that is no workbook",
        "save it again, or as CSV",
        _file("a.xlsx", _archive({"a": b"b"})),
    ),
    refused("gzip that is called JSONL", "is a gzip file", _file("a.jsonl", b"\x1f\x8b\x08\x00")),
    refused(
        "an open quotation mark of 20 MB",
        "field larger|never closed|characters or more",
        _file("a.csv", b'text,label\n"' + b"a" * 20_000_000),
    ),
    refused(
        "a line of 20 MB", "characters or more", _file("a.jsonl", b'{"text": "' + b"a" * 20_000_000)
    ),
    refused("a line of text of 20 MB", "characters or more", _file("a.txt", b"a" * 20_000_000)),
    refused(
        "100,000 columns of one name",
        "stands twice",
        _file("a.csv", b",".join([b"a"] * 100_000) + b"\n1\n"),
    ),
    refused("deep JSON", "not a JSON object", _file("a.jsonl", b"[" * 200_000)),
    refused(
        "deep JSON within", "not a JSON object", _file("a.jsonl", b'{"text":' + b'{"a":' * 100_000)
    ),
    refused(
        "an integer of 10,000 digits",
        "not a JSON object",
        _file("a.jsonl", b'{"text":"a","label":' + b"9" * 10_000 + b"}"),
    ),
    refused(
        "not a number as a label", "holds no label", _file("a.jsonl", b'{"text":"a","label":NaN}')
    ),
    refused(
        "an endless label", "holds no label", _file("a.jsonl", b'{"text":"a","label":-Infinity}')
    ),
    refused(
        "a label that is a list",
        "one word or number",
        _file("a.jsonl", b'{"text":"a","label":["x"]}'),
    ),
    refused(
        "a label with an escape", _HIDDEN, _file("a.jsonl", b'{"text":"a","label":"\\u001b[2J"}')
    ),
    refused("a label with a NUL", _HIDDEN, _file("a.csv", b"text,label\na,x\0y\n")),
    refused(
        "a label that turns the line", _HIDDEN, _file("a.csv", "text,label\na,\u202eyoj\n".encode())
    ),
    refused("a label of an isolate", _HIDDEN, _file("a.csv", "text,label\na,\u2066joy\n".encode())),
    refused("a label of two lines", _HIDDEN, _file("a.csv", 'text,label\na,"x\u2028y"\n'.encode())),
    refused(
        "a label of 2,000 letters",
        _HIDDEN,
        _file("a.csv", b"text,label\na," + b"x" * 2_000 + b"\n"),
    ),
    refused("UTF-16 cut", "not UTF-16", _file("a.csv", "text,label\na,x".encode("utf-16")[:-1])),
    refused("UTF-32 cut", "not UTF-32", _file("a.csv", "text,label\na,x".encode("utf-32")[:-2])),
    refused("Latin-1", "not UTF-8", _file("a.csv", "text,label\ncafé,x\n".encode("latin-1"))),
    refused(
        "half a character in bytes",
        "not UTF-8",
        _file("a.jsonl", b'{"text":"\xed\xa0\x80","label":"x"}'),
    ),
    refused("one label alone", "two labels or more", _file("a.csv", b"text,label\na,x\n")),
    refused("a file without rows", "no rows", _file("a.csv", b"text,label\n")),
    refused(
        "a folder with two training files",
        "two train files",
        lambda folder: (
            (folder / "train.csv").write_bytes(_GOOD),
            (folder / "training.csv").write_bytes(_GOOD),
            _open(folder),
        )[2],
    ),
    harmless(
        "a text with a NUL stays a text",
        lambda rows: rows[0].text == "a\0b",
        _file("a.csv", b"text,label\na\0b,x\nc,y\n"),
    ),
    harmless(
        "half a character becomes a question mark",
        lambda rows: rows[0].text == "?",
        _file("a.jsonl", b'{"text":"\\ud800","label":"x"}\n{"text":"b","label":"y"}\n'),
    ),
    harmless(
        "HTML stays a text",
        lambda rows: _labels(rows) == ["<script>", "y"],
        _file("a.csv", b"text,label\n<b>,<script>\nb,y\n"),
    ),
    harmless(
        "a formula stays a text",
        lambda rows: rows[0].text == "=cmd|'/c calc'!A0",
        _file("a.csv", b"text,label\n=cmd|'/c calc'!A0,x\nb,y\n"),
    ),
    harmless(
        "a template's marker stays a text",
        lambda rows: rows[0].text == "<|im_end|>{{ 1 }}",
        _file("a.csv", b"text,label\n<|im_end|>{{ 1 }},x\nb,y\n"),
    ),
    harmless(
        "joiners of Persian stay in a label",
        lambda rows: _labels(rows) == ["می‌خوانم", "y"],
        _file("a.csv", "text,label\na,می‌خوانم\nb,y\n".encode()),
    ),
]
