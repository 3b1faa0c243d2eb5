"""Pick the source of data by its name."""

from dataclasses import replace
from pathlib import Path

from tunelab import registry
from tunelab.data.examples import Dataset
from tunelab.data.label_column import check_label_column
from tunelab.data.label_sets import settle_labels
from tunelab.data.loading_notes import LoadingNotes
from tunelab.data.readers import EXTENSIONS, check_data_file, kind_of
from tunelab.errors import UsageError


def source_kind(source: str) -> str:
    """``starter``, ``file``, ``folder`` or ``hub``, without reading or importing anything.

    Raises:
        UsageError: it is none of these, or a file or folder that is not there.
    """
    if source == "starter":
        return "starter"
    try:
        path = Path(source).expanduser()
        is_folder, is_file = bool(source.strip()) and path.is_dir(), path.is_file()
    except (OSError, RuntimeError) as error:
        # A name that is too long, a folder that may not be entered, the home of nobody.
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise UsageError(f"data.source={source}: cannot be opened ({reason}).") from None
    if is_folder:
        return "folder"
    if is_file:
        check_data_file(path)
        return "file"
    name = source.partition(":")[0]
    is_path = source.startswith((".", "/", "~")) or kind_of(path) in EXTENSIONS
    if is_path or name.count("/") > 1:
        raise UsageError(f"data.source={source}: there is no such file or folder.")
    if name.count("/") == 1 and all(name.split("/")):
        return "hub"
    raise registry.unknown("data source", source, ["starter", "a file", "a folder", "owner/name"])


def open_source(source: str, *, text: str, label: str) -> Dataset:
    """Load the data that a study names; what is unusual about it is in its ``notes``.

    Raises:
        UsageError: the source or a row of it cannot be used, or the column of the labels does not
            hold labels.
        RunError: the Hub cannot be reached or refuses.
    """
    load = registry.resolve("data source", source_kind(source), registry.DATA_SOURCES)
    notes = LoadingNotes()
    loaded: Dataset = load(source, text=text, label=label, notes=notes)
    doubts = check_label_column(loaded, text=text, label=label)
    dataset = settle_labels(loaded, notes)
    return replace(dataset, notes=(*notes.sentences, *doubts))
