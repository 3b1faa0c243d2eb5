"""A fitted adapter in memory: its files as bytes, and the classifier that they make."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunelab.classifiers.classifier import Classifier, load
from tunelab.errors import RunError, UsageError
from tunelab.guards.bounded_files import within
from tunelab.runs.results import ADAPTER_RECORD, write_bytes
from tunelab.runs.seals import FILES


def read_adapter(folder: Path) -> "StoredAdapter":
    """The files that the record of an adapter speaks for, and the record itself.

    Raises:
        UsageError: the record is missing, damaged or was changed, or names a file elsewhere.
        RunError: a file is missing.
    """
    from tunelab.classifiers.stored import read_record

    files = {}
    for name in (*read_record(folder).get(FILES, {}), ADAPTER_RECORD):
        if Path(name).name != name:
            raise UsageError(f"{folder} names a file outside of it; train the classifier again.")
        try:
            files[name] = within(folder, folder / name).read_bytes()
        except OSError as error:
            raise RunError(f"cannot read {folder / name}: {error.strerror}.") from None
    return StoredAdapter(files)


class StoredAdapter:
    """``files``: name and content, in PEFT's own format with tunelab's record beside it.

    A pickle holds these bytes and no model; the model is opened when it is first asked.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self._opened: dict[tuple[str, str], Classifier] = {}

    def __getstate__(self) -> dict[str, Any]:
        """The files alone."""
        return {"files": self.files}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The files, with no model opened."""
        self.files = state["files"]
        self._opened = {}

    def __repr__(self) -> str:
        """How large it is."""
        return f"StoredAdapter({sum(map(len, self.files.values())):,} bytes)"

    def write(self, folder: Path) -> None:
        """Write the files into a folder, the record last."""
        for name, content in self.files.items():
            write_bytes(folder / name, content)

    def open(self, *, device: str, precision: str, verbose: bool) -> Classifier:
        """The classifier, opened once for each device and precision.

        Raises:
            UsageError: the device is not there.
            RunError: the base model is not the one of the training.
        """
        key = (device, precision)
        if key not in self._opened:
            with tempfile.TemporaryDirectory(prefix="tunelab-") as name:
                folder = Path(name) / "classifier"
                self.write(folder)
                self._opened[key] = load(
                    folder, device=device, precision=precision, verbose=verbose
                )
        return self._opened[key]
