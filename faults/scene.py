"""What the faults happen to: a tiny random model, labelled rows, a study, and a command a verb.

The rows are drawn, the model is random, and the training has dropout and stops early, so that
every state that a checkpoint has to keep decides the outcome.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from faults.child import Ended, call, preload
from faults.prints import Prints, of_export, of_file, of_run, of_sweep

# Not only ASCII: libraries write such names by other ways.
RUN = "läufe"
_STUDY = """
name: faults
data: {{source: {rows}, sample: {{train: 48, validation: 9, test: 9}}}}
prompt: {{system: "Labels are {{labels}}.", max_length: 96}}
models: {{base: null, instruct: {model}}}
generation: {{prompts: ["the rain came"], temperatures: [0.0, 1.0], samples: 2, max_new_tokens: 6}}
methods:
  - {{name: lora, r: 4, alpha: 8, dropout: 0.2}}
  - {{name: p_tuning, virtual_tokens: 4}}
training:
  epochs: {epochs}
  batch_size: 8
  learning_rate: 0.01
  evaluate_every: 0.5
  early_stopping: {{patience: 2, min_delta: 0.2}}
  tracking: []
evaluation: {{max_new_tokens: 4, baselines: [majority], resamples: 200, facts_seconds: 0}}
claims:
  - {{claim: "Training helps.", metric: accuracy, left: lora, right: instruct}}
"""


@dataclass(frozen=True)
class Command:
    """A command line of a verb that writes to ``out``, and what has to be equal afterwards."""

    verb: str
    words: Callable[[Path], list[str]]
    prints: Callable[[Path, Ended], Prints]


@dataclass(frozen=True)
class Scene:
    """A folder with everything that commands need, and the commands by verb."""

    folder: Path
    adapter: Path
    commands: Mapping[str, Command]


def make_scene(folder: Path, *, epochs: int = 4) -> Scene:
    """Build the parts, and train the adapter that evaluate, predict and export take."""
    folder.mkdir(parents=True)
    finished(preload(lambda: _write_parts(folder)))
    study = folder / "study.yaml"
    study.write_text(
        _STUDY.format(rows=folder / "rows.csv", model=folder / "model", epochs=epochs),
        encoding="utf-8",
    )
    trained = folder / "trained"
    finished(preload(call(["run", str(study), "--out", str(trained)])))
    adapter = trained / "adapters" / "lora"
    return Scene(folder, adapter, _commands(folder, study, adapter))


def _commands(folder: Path, study: Path, adapter: Path) -> dict[str, Command]:
    def studied(verb: str) -> Command:
        return Command(
            verb,
            lambda out: [verb, str(study), "--out", str(out), "--format", "json"],
            lambda out, _: of_run(out),
        )

    def evaluate(out: Path) -> list[str]:
        words = ["evaluate", str(folder / "rows.csv"), "--adapter", str(adapter)]
        words += ["--model", str(folder / "model"), "--save", str(out / "kept.parquet")]
        return [*words, "--format", "json", "evaluation.resamples=200"]

    def predict(out: Path) -> list[str]:
        words = ["predict", str(folder / "rows.csv"), "--adapter", str(adapter)]
        return [*words, "--out", str(out / "labels.jsonl")]

    def export(out: Path) -> list[str]:
        return ["export", "--adapter", str(adapter), "--out", str(out / "model")]

    def sweep(out: Path) -> list[str]:
        words = ["sweep", str(study), "training.epochs=2", "evaluation.modes=[score]"]
        words += ["--out", str(out), "--format", "json", "--method", "lora"]
        words += ["--space", "methods.0.r=[2, 4, 8]", "--goal", "best_loss"]
        return [*words, "--trials", "3", "--seeds", "1", "2"]

    commands = [
        studied("run"),
        studied("train"),
        Command("sweep", sweep, lambda out, _: of_sweep(out)),
        Command(
            "evaluate",
            evaluate,
            lambda out, ended: of_file(out / "kept.parquet", json.loads(ended.out)),
        ),
        Command("predict", predict, lambda out, _: of_file(out / "labels.jsonl")),
        Command("export", export, lambda out, _: of_export(out / "model")),
    ]
    return {command.verb: command for command in commands}


def copy_scene(scene: Scene, folder: Path) -> Scene:
    """A scene with an adapter of its own, for faults that damage it."""
    adapter = folder / "adapter"
    shutil.copytree(scene.adapter, adapter)
    study = scene.folder / "study.yaml"
    return Scene(scene.folder, adapter, _commands(scene.folder, study, adapter))


def finished(ended: Ended) -> Ended:
    """What a command printed, once it is seen to have ended well.

    Raises:
        RuntimeError: it did not.
    """
    if ended.code != 0:
        raise RuntimeError(f"a command ended with {ended.code}: {ended.err[-2000:]}")
    return ended


def _write_parts(folder: Path) -> int:
    from conftest import write_model, write_rows

    write_model(folder / "model")
    write_rows(folder / "rows.csv", copies=8)
    return 0


def told(ended: Ended) -> str | None:
    """The sentence that a command refused with, or None where it is not one sentence."""
    lines = [line for line in ended.err.splitlines() if line.startswith("tunelab: ")]
    plain = ended.code in (1, 2) and "Traceback" not in ended.err and bool(lines)
    return lines[-1].removeprefix("tunelab: ") if plain else None
