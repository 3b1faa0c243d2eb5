"""The names that pages let a person pick, and the check of the ones that are typed."""

import re
from collections.abc import Sequence
from pathlib import Path

from tunelab.errors import UsageError
from tunelab.runs.results import ADAPTER_RECORD, FITTED

_RUN = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
# What the app writes when it starts a run.
JOB = "app/job.json"
_FOUND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def check_run_name(name: str, kind: str = "run") -> str:
    """The name of a new run, or of another ``kind`` of folder, if it may name one.

    Raises:
        UsageError: it is anything else than small letters, digits and hyphens.
    """
    if not isinstance(name, str) or not _RUN.fullmatch(name):
        raise UsageError(
            f"the name of a {kind} must have 1 to 40 lower-case letters, digits and hyphens, and "
            f"begin with a letter or digit, for example my-first-{kind.split()[-1]}."
        )
    return name


def pick(kind: str, name: object, known: Sequence[str]) -> str:
    """``name``, if it is on the list that the page offers.

    Raises:
        UsageError: it is not; it is not repeated, since it may be anything.
    """
    if not isinstance(name, str) or name not in known:
        raise UsageError(f"choose the {kind} from the list.")
    return name


def run_names(runs: Path) -> list[str]:
    """The folders under ``runs`` with a run that was started, the newest first."""
    if not runs.is_dir():
        return []
    found = [
        folder
        for folder in runs.iterdir()
        if _FOUND.fullmatch(folder.name)
        and (folder / "study.yaml").is_file()
        and (folder / "study.yaml").resolve().is_relative_to(runs.resolve())
        and _was_started(folder)
    ]
    found.sort(key=lambda folder: (folder / "study.yaml").stat().st_mtime, reverse=True)
    return [folder.name for folder in found]


def _was_started(folder: Path) -> bool:
    """Whether the app or `tunelab run` started a run in it, or something was trained.

    A study that was refused, or whose data were only prepared, leaves its file and no run.
    """
    if any((folder / name).is_file() for name in ("run.json", JOB)):
        return True
    kinds = ("train/*-*", *(f"{folder}/*/{ADAPTER_RECORD}" for folder in FITTED))
    return any(next(folder.glob(kind), None) is not None for kind in kinds)


def run_folder(runs: Path, name: object) -> Path:
    """The folder of an existing run.

    Raises:
        UsageError: there is none of that name.
    """
    return runs / pick("run", name, run_names(runs))


def classifier_names(runs: Path) -> list[str]:
    """Classifiers of the runs, as ``run / classifier``: adapters first, then others."""
    return [_title(folder) for folder in _classifiers(runs)]


def _title(folder: Path) -> str:
    return f"{folder.parents[1].name} / {folder.name}"


def _classifiers(runs: Path) -> list[Path]:
    return [
        record.parent
        for run in run_names(runs)
        for folder in FITTED
        for record in sorted((runs / run / folder).glob(f"*/{ADAPTER_RECORD}"))
        if _FOUND.fullmatch(record.parent.name) and record.resolve().is_relative_to(runs.resolve())
    ]


def classifier_folder(runs: Path, name: object) -> Path:
    """The folder of a classifier by its name on the list.

    Raises:
        UsageError: there is none of that name.
    """
    folders = {_title(folder): folder for folder in _classifiers(runs)}
    return folders[pick("classifier", name, list(folders))]


def project_names(labels: Path) -> list[str]:
    """The labelling projects in a folder, in alphabetical order."""
    from tunelab.labelling.project import PROJECT

    if not labels.is_dir():
        return []
    return sorted(
        folder.name
        for folder in labels.iterdir()
        if _RUN.fullmatch(folder.name)
        and (folder / PROJECT).is_file()
        and (folder / PROJECT).resolve().is_relative_to(labels.resolve())
    )


def model_names(more: Sequence[str]) -> list[str]:
    """Language models that can be loaded here: those that come as packages, and ``more``."""
    from tunelab.models.catalog import CATALOG
    from tunelab.models.kinds import ENCODER

    packaged = [
        name for name, card in CATALOG.items() if card.source == "package" and card.kind != ENCODER
    ]
    return list(dict.fromkeys([*more, *packaged]))


def model_choices(more: Sequence[str]) -> list[tuple[str, str]]:
    """What a list shows of each model, and its name; folders show no path."""
    from tunelab.models.cache import is_cached
    from tunelab.models.catalog import CATALOG

    choices = []
    for name in model_names(more):
        card = CATALOG.get(name)
        if card is None:
            shown = Path(name).name
        elif is_cached(name):
            shown = f"{name} ({card.kind})"
        else:
            shown = f"{name} ({card.kind}, {card.size / 1e6:.0f} MB to download)"
        choices.append((shown, name))
    return choices


def report_path(runs: Path, name: object) -> Path | None:
    """The report of a run, or None where there is none.

    Raises:
        UsageError: there is no such run.
    """
    path = run_folder(runs, name) / "report.html"
    inside = path.resolve().is_relative_to(runs.resolve())
    return path if path.is_file() and inside else None
