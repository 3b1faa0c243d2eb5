"""A data set on the Hugging Face Hub: ``owner/name`` or ``owner/name:configuration``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tunelab.data.columns import to_examples, unknown_column
from tunelab.data.examples import Dataset, Example
from tunelab.data.loading_notes import LoadingNotes
from tunelab.data.parquet_rows import named
from tunelab.data.splitting import make_dataset
from tunelab.errors import RunError, UsageError
from tunelab.hub import explain_hub_error

_ALIASES = {
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
    "train": ("train",),
}


def load(location: str, *, text: str, label: str, notes: LoadingNotes) -> Dataset:
    """Download a data set, or read it from the local cache; label numbers become names.

    Raises:
        UsageError: the name is malformed, or it has no such column or no training rows.
        RunError: it is missing or gated, or the Hub cannot be reached.
    """
    repository, _, configuration = location.partition(":")
    raw = _download(repository, configuration or None)
    splits: dict[str, list[Example]] = {}
    names: list[str] | None = None
    for split, aliases in _ALIASES.items():
        found = next((alias for alias in aliases if alias in raw), None)
        if found is None:
            continue
        table = raw[found]
        for column in (text, label):
            if column not in table.column_names:
                raise unknown_column(column, table.column_names, f"{repository}, {found}")
        names = _label_names(table.features[label])
        if names is not None:
            notes.class_names[label] = names
        splits[split] = to_examples(
            ((number, _named(row, label, names)) for number, row in enumerate(table, start=1)),
            text=text,
            label=label,
            where=f"{repository}, {found}",
            notes=notes,
            hidden=split != "train",
        )
    if "train" not in splits:
        raise UsageError(f"{repository} has no split called train; it has {', '.join(raw)}.")
    licence = raw["train"].info.license or "see the data set's page on the Hub"
    return make_dataset(splits, labels=names, origin=location, licence=licence)


def _label_names(feature: Any) -> list[str] | None:
    names = getattr(feature, "names", None)
    return None if names is None else [str(name) for name in names]


def _named(row: dict[str, Any], label: str, names: list[str] | None) -> dict[str, Any]:
    return row if names is None else {**row, label: named(row[label], names)}


def _download(repository: str, configuration: str | None) -> Any:
    import datasets
    from huggingface_hub.errors import HFValidationError

    datasets.disable_progress_bars()
    try:
        with _offline_if_unreachable(repository):
            return datasets.load_dataset(repository, configuration)
    except HFValidationError:
        raise UsageError(
            f"{repository!r} cannot be a data set on the Hub; write owner/name with letters, "
            "digits, '-', '_' and '.'."
        ) from None
    except ValueError as error:
        if "config" in str(error).lower() and "BuilderConfig" in str(error):
            raise UsageError(
                f"{repository} has other configurations than {configuration!r}: "
                f"{str(error).splitlines()[0][:200]}"
            ) from None
        raise _explain(error, repository) from None
    except Exception as error:
        raise _explain(error, repository) from None


@contextmanager
def _offline_if_unreachable(repository: str) -> Iterator[None]:
    """Ask the Hub once; if there is no answer, let the local cache give one at once.

    The library alone would try each file six times, which takes half a minute, before it looks
    into the cache.
    """
    import datasets
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        HfApi().dataset_info(repository, timeout=10)
        unreachable = None
    except HfHubHTTPError as error:
        if error.response.status_code in (401, 403, 404):
            raise
        # The Hub answers, if only with a fault of its own: the library's patience is right.
        unreachable = None
    except HFValidationError:
        raise
    except Exception as error:
        unreachable = error
    if unreachable is None:
        yield
        return
    before = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    except ConnectionError:
        # That the Hub was not reached is what the user can do something about.
        raise unreachable from None
    finally:
        datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before


def _explain(error: Exception, repository: str) -> RunError:
    return explain_hub_error(error, f"the data set {repository}", repository, kind="datasets/")
