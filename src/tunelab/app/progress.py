"""The progress and the losses of a run, read from its folder while it runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.errors import TunelabError
from tunelab.runs.results import (
    BUDGET,
    EVALUATE,
    EVALUATE_WORDING,
    FORGETTING,
    RECORD,
    TRAIN,
    TRAIN_WORDING,
    read_json,
    read_table,
)


@dataclass(frozen=True)
class Loss:
    """A logged value: the mean loss in nats a token, of the ``train`` or ``validation`` rows."""

    step: int
    split: str
    loss: float
    perplexity: float | None
    epoch: float | None


_DOING = {
    TRAIN: "training {}",
    EVALUATE: "evaluating {} on the test rows",
    TRAIN_WORDING: "training {}, under another wording of the instruction",
    EVALUATE_WORDING: "evaluating {}, under another wording of the instruction",
    BUDGET: "training and evaluating {} for the label budget",
    FORGETTING: "measuring what {} has forgotten",
    "review": "asking {} for the validation rows",
    "facts": "measuring the speed of {}",
}
# The kinds of stages that take long, which are counted.
_LONG = (TRAIN, EVALUATE, TRAIN_WORDING, EVALUATE_WORDING, BUDGET, FORGETTING)
# What a model can do before its training is measured once for several trainings.
_BEFORE = "before-"


@dataclass(frozen=True)
class Progress:
    """What is done now, in words; ``done`` and ``total`` stages; the losses so far.

    ``epoch`` of ``epochs`` is that of the training at work, or None where none is.
    """

    doing: str
    done: int
    total: int
    epoch: float | None
    epochs: float | None
    losses: tuple[Loss, ...]

    @property
    def share(self) -> float:
        """From 0 to 1."""
        part = (self.epoch or 0.0) / self.epochs if self.epochs else 0.0
        return min(1.0, (self.done + min(part, 1.0)) / max(self.total, 1))


def read_progress(folder: Path) -> Progress:
    """The progress of a run; what is not there yet is left out."""
    study = _study(folder)
    planned = _planned(folder) or _count_stages(study)
    stages = [
        path
        for kind in _LONG
        for path in (folder / kind).glob("*-*")
        if not path.name.startswith(_BEFORE)
    ]
    finished = [path for path in stages if (path / RECORD).is_file()]
    # They take little time, and are not counted.
    short = [path for kind in ("review", "facts") for path in (folder / kind).glob("*-*")]
    measured = [path for path in short if not (path / RECORD).is_file()]
    open_stages = [*(path for path in stages if path not in finished), *measured]
    trainings = [path for path in stages if path.parent.name in (TRAIN, TRAIN_WORDING)]
    newest = max(trainings, key=lambda path: path.stat().st_mtime, default=None)
    losses = tuple(read_losses(newest)) if newest is not None else ()
    training = newest is not None and newest in open_stages
    return Progress(
        doing=_words(open_stages, prepared=bool(list(folder.glob(f"prepare/*/{RECORD}")))),
        # Those of an earlier form of the study lie beside its own.
        done=sum(
            min(count, sum(path.parent.name == kind for path in finished))
            for kind, count in planned.items()
        ),
        total=sum(planned.values()),
        epoch=max((loss.epoch or 0.0 for loss in losses), default=0.0) if training else None,
        epochs=_number(study.get("training", {}).get("epochs")) if training else None,
        losses=losses,
    )


def read_losses(stage: Path) -> list[Loss]:
    """The losses of a training by step: its history, or what its trainer logged until now."""
    if (stage / "history.parquet").is_file():
        try:
            rows = read_table(stage / "history.parquet").to_dict("records")
        except TunelabError:
            return []
        return [
            Loss(
                int(row["step"]),
                str(row["split"]),
                float(row["loss"]),
                _number(row["perplexity"]),
                _number(row["epoch"]),
            )
            for row in rows
        ]
    values: dict[tuple[str, int], dict[str, float]] = {}
    for name, step, value in _events(stage):
        group, _, measure = name.partition("/")
        split = {"train": "train", "eval": "validation"}.get(group)
        if split is not None and measure in ("loss", "perplexity"):
            values.setdefault((split, step), {})[measure] = value
        elif name == "train/epoch":
            values.setdefault(("epoch", step), {})["epoch"] = value
    return [
        Loss(
            step,
            split,
            found["loss"],
            found.get("perplexity"),
            values.get(("epoch", step), {}).get("epoch"),
        )
        for (split, step), found in sorted(values.items(), key=lambda item: item[0][1])
        if "loss" in found
    ]


def _events(stage: Path) -> Iterator[tuple[str, int, float]]:
    """Every scalar of the TensorBoard files of a stage: name, step, value.

    A training that continues writes another file, and repeats the steps since its checkpoint.
    """
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    files = sorted(stage.rglob("events.out.tfevents.*"), key=lambda path: path.stat().st_mtime)
    for file in files:
        try:
            for event in EventFileLoader(str(file)).Load():
                for value in event.summary.value:
                    numbers = list(value.tensor.float_val) or [value.simple_value]
                    yield str(value.tag), int(event.step), float(numbers[0])
        # A record that is being written is read the next time.
        except Exception:  # noqa: S112
            continue


def _study(folder: Path) -> Mapping[str, Any]:
    from tunelab.guards.strict_yaml import read_keys

    try:
        return read_keys(folder / "study.yaml")
    except (TunelabError, OSError):
        return {}


def _planned(folder: Path) -> dict[str, int]:
    """How many stages of each kind the run has by its own count, none before it has counted."""
    try:
        found = read_json(folder / "run.json").get("planned") or {}
        return {str(kind): int(count) for kind, count in found.items() if kind in _LONG}
    except (TunelabError, OSError, AttributeError, TypeError, ValueError):
        return {}


def _count_stages(study: Mapping[str, Any]) -> dict[str, int]:
    """Before the run has counted: what is trained and asked by the study alone, once a seed."""
    models = study.get("models") or {}
    evaluation = study.get("evaluation") or {}
    asked = [name for name in (models.get("base"), models.get("instruct")) if name]
    baselines = evaluation.get("baselines") or []
    shots = 1 if models.get("base") and evaluation.get("shots") else 0
    seeds = len((study.get("training") or {}).get("seeds") or [1])
    trained = seeds * len(study.get("methods") or [])
    return {TRAIN: trained, EVALUATE: len(asked) + len(baselines) + shots + trained}


def _words(open_stages: list[Path], *, prepared: bool) -> str:
    if not prepared:
        return "reading and checking the data"
    newest = max(open_stages, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        return "starting the next stage"
    name = newest.name.rpartition("-")[0]
    return _DOING[newest.parent.name].format(name)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number == number else None
