"""Kill, starve and damage the commands of tunelab, and see that each ends as if undisturbed.

    python -m faults [--short] [--only KIND ...] [--commands VERB ...] [--seed N] [--jobs N]
                     [--json FILE]

`make faults` runs all of it; a short form is part of the tests. The draws depend on the seed, the
moments of a SIGKILL also on the machine. Only POSIX systems have what it takes.
"""

import os

# Before anything is imported that would start threads, or keep the system's clock.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
from faults import clock  # noqa: E402

clock.install()

import argparse  # noqa: E402
import json  # noqa: E402
import shutil  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

from faults.child import call, preload  # noqa: E402
from faults.harness import FULL, KINDS, SHORT, VERBS, parts_of  # noqa: E402
from faults.prints import differing  # noqa: E402
from faults.scene import finished, make_scene  # noqa: E402
from faults.table import as_markdown, count, total  # noqa: E402
from faults.trial import Trial, undisturbed  # noqa: E402
from faults.workers import run_parts  # noqa: E402

# The tests' own tiny model and rows.
sys.path.append(str(Path(__file__).parents[1] / "tests"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a few faults of each kind")
    parser.add_argument("--only", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--commands", nargs="+", choices=VERBS, default=list(VERBS))
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="commands at once; one a core"
    )
    parser.add_argument("--json", type=Path, help="where the results go")
    options = parser.parse_args()
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="tunelab-faults-")).resolve()
    trials: list[Trial] = []
    try:
        trials.extend(_trials(folder, options))
    except KeyboardInterrupt:
        print("interrupted; this is the table until now", file=sys.stderr)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = count(trials)
    result = {
        "seed": options.seed,
        "rows": rows,
        "total": total(rows),
        "seconds": time.monotonic() - started,
    }
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(as_markdown(rows))
    for row in rows:
        for note in row["notes"]:
            print(f"\n{row['fault']}, {row['command']}: {note}", file=sys.stderr)
    return 1 if result["total"]["lost"] else 0


def _trials(folder: Path, options: argparse.Namespace) -> Iterator[Trial]:
    print("imports, and commands that nothing disturbs", file=sys.stderr)
    scene = make_scene(folder / "scene")
    wholes = {}
    for verb in options.commands:
        command = scene.commands[verb]
        out = folder / "preload" / verb
        out.mkdir(parents=True)
        finished(preload(call(command.words(out))))
        wholes[verb] = undisturbed(command, folder / "whole" / verb)
        again = undisturbed(command, folder / "again" / verb)
        unlike = differing(wholes[verb].prints, again.prints)
        trial = Trial("none, twice", verb, 1, 1, equal=0 if unlike else 1, note=", ".join(unlike))
        _show(trial)
        yield trial
        print(f"{verb} takes {wholes[verb].seconds:.1f} s", file=sys.stderr)
    faults = folder / "faults"
    faults.mkdir()
    counts = SHORT if options.short else FULL
    parts = parts_of(scene, wholes, faults, counts, kinds=options.only, seed=options.seed)
    yield from run_parts(parts, folder, max(1, options.jobs), _show)


def _show(trial: Trial) -> None:
    lost = f", LOST {trial.lost}: {trial.note}" if trial.lost else ""
    print(
        f"{trial.kind}, {trial.verb}: {trial.injected} injected, {trial.equal} equal, "
        f"{trial.told} refused{lost}",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
