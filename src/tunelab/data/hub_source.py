"""A data set on the Hugging Face Hub: ``owner/name`` or ``owner/name:configuration``."""

from typing import Any

from tunelab.data.columns import to_examples
from tunelab.data.examples import Dataset, Example
from tunelab.data.splitting import make_dataset
from tunelab.errors import RunError, UsageError
from tunelab.hub_errors import explain_hub_error
from tunelab.registry import check_name

_ALIASES = {"validation": ("validation", "valid", "dev"), "test": ("test",), "train": ("train",)}


def load(location: str, *, text: str, label: str) -> Dataset:
    """Download a data set, or read it from the local cache; label numbers become names.

    Raises:
        UsageError: it has no such column or no training rows.
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
            check_name(f"column of {repository}", column, table.column_names)
        names = getattr(table.features[label], "names", None)
        splits[split] = to_examples(
            ((number, _named(row, label, names)) for number, row in enumerate(table, start=1)),
            text=text,
            label=label,
            where=f"{repository}, {found}",
        )
    if "train" not in splits:
        raise UsageError(f"{repository} has no split called train; it has {', '.join(raw)}.")
    licence = raw["train"].info.license or "see the data set's page on the Hub"
    return make_dataset(splits, labels=names, origin=location, licence=licence)


def _named(row: dict[str, Any], label: str, names: list[str] | None) -> dict[str, Any]:
    if names is None or not isinstance(row[label], int) or not 0 <= row[label] < len(names):
        return row
    return {**row, label: names[row[label]]}


def _download(repository: str, configuration: str | None) -> Any:
    import datasets

    datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(repository, configuration)
    except ValueError as error:
        if "config" in str(error).lower() and "BuilderConfig" in str(error):
            raise UsageError(
                f"{repository} has other configurations than {configuration!r}: "
                f"{str(error).splitlines()[0][:200]}"
            ) from None
        raise _explain(error, repository) from None
    except Exception as error:
        raise _explain(error, repository) from None


def _explain(error: Exception, repository: str) -> RunError:
    return explain_hub_error(error, f"the data set {repository}", repository, kind="datasets/")
