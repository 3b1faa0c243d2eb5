"""Run an exported classifier by its own runtime: the code of its card, in a fresh process.

The process knows nothing of tunelab. It reads texts and writes answers as JSON.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.errors import RunError

_LONGEST = 200
# Texts that are asked together, and those that are asked alone for the time of one.
BATCH, SINGLES = 16, 10
# Of one run.
_MOST_SECONDS = 3600

# Reads {"code", "texts", "batch", "singles"} and writes the answers and what they took.
_HARNESS = r"""
import json, os, sys, time

def peak():
    try:
        with open("/proc/self/status") as file:
            lines = [line for line in file if line.startswith("VmHWM:")]
        return 1024 * int(lines[0].split()[1]) if lines else None
    except OSError:
        return None

request = json.load(sys.stdin)
# Libraries print what they like; the answers go where nobody else writes.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
before = peak()
scope = {"__name__": "exported"}
started = time.perf_counter()
exec(compile(request["code"], "README.md", "exec"), scope)
opening = time.perf_counter() - started
texts, classify = request["texts"], scope["classify"]
order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
found = [None] * len(texts)
if texts:
    classify(texts[:1])
started = time.perf_counter()
for at in range(0, len(order), request["batch"]):
    rows = order[at : at + request["batch"]]
    given = classify([texts[row] for row in rows])
    if len(given) != len(rows):
        raise ValueError(f"classify gave {len(given)} answers to {len(rows)} texts")
    for row, one in zip(rows, given):
        found[row] = one
seconds = time.perf_counter() - started
alone = []
for text in texts[: request["singles"]]:
    started = time.perf_counter()
    classify([text])
    alone.append(time.perf_counter() - started)
after = peak()
ids = [scope["prompt_ids"](text) for text in texts] if "prompt_ids" in scope else None
json.dump(
    {
        "answers": found,
        "ids": ids,
        "seconds": seconds,
        "alone": alone,
        "opening": opening,
        "memory": None if after is None or before is None else after - before,
        "tunelab": any(name.partition(".")[0] == "tunelab" for name in sys.modules),
    },
    answers,
)
answers.flush()
os._exit(0)
"""


@dataclass(frozen=True)
class OwnAnswers:
    """``labels`` of the texts, None where the answer is none.

    ``probabilities``: (texts, labels), None where the runtime gives none. ``answers``: the raw
    ones, None where it writes no text. ``seconds`` for all texts in batches, ``alone`` for each of
    a few texts by itself, ``opening`` for reading the model. ``memory``: bytes that the process
    held at most above an empty one, None where the system does not tell. ``ids``: the token ids
    of each prompt, None where the code has none.
    """

    labels: tuple[str | None, ...]
    probabilities: list[list[float]] | None
    answers: tuple[str, ...] | None
    seconds: float
    alone: tuple[float, ...]
    opening: float
    memory: int | None
    ids: list[list[int]] | None = None


def run_code(
    folder: Path, code: str, texts: Sequence[str], *, batch: int = BATCH, singles: int = SINGLES
) -> OwnAnswers:
    """Run ``code`` in ``folder`` and ask its ``classify`` for each of the texts.

    Raises:
        RunError: it fails, or gives something else than answers to the texts.
    """
    request = {"code": code, "texts": list(texts), "batch": batch, "singles": singles}
    environment = {
        # Threads that spin while they wait would take the time of others.
        "OMP_WAIT_POLICY": "PASSIVE",
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    try:
        # Isolated: without the folder of this program, and without PYTHONPATH.
        done = subprocess.run(
            [sys.executable, "-I", "-c", _HARNESS],
            input=json.dumps(request).encode("utf-8"),
            capture_output=True,
            cwd=folder,
            env=environment,
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunError(
            f"the exported classifier did not answer {len(texts)} texts within an hour; name fewer "
            "with --rows."
        ) from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise RunError(
            f"the exported classifier cannot be run by its own runtime ({lines[-1][:_LONGEST]})."
        )
    found = json.loads(done.stdout.decode("utf-8"))
    if found["tunelab"]:
        raise RunError("the code of the exported classifier needs tunelab, and so proves nothing.")
    return _read(found)


def _read(found: dict[str, Any]) -> OwnAnswers:
    answers = found["answers"]
    shares = [row[1] for row in answers]
    raw = [row[2] for row in answers]
    return OwnAnswers(
        labels=tuple(row[0] for row in answers),
        probabilities=None if None in shares else shares,
        answers=None if None in raw else tuple(raw),
        seconds=float(found["seconds"]),
        alone=tuple(found["alone"]),
        opening=float(found["opening"]),
        memory=found["memory"],
        ids=found["ids"],
    )
