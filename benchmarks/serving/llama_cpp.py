"""Whether a fine-tuned SmolLM2 answers the starter test rows in llama.cpp as it does in tunelab.

    python benchmarks/serving/llama_cpp.py --json FILE

An adapter is trained on the starter corpus (or named by --adapter, a folder in a run), exported to
GGUF in each of --types, and run by llama.cpp on the test rows of its run. The record holds, for
each type, the rows with another label or with another prompt, both accuracies with their verdict,
speed, memory and size. The exit code is 1 if in f16 a label or a prompt differs, or if a quantised
form fails the margin.

Everything that is finished is kept in --out, so that a call that was killed goes on where it was.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from tunelab.serving.exporting import MARGIN, export_classifier
from tunelab.serving.proof_rows import ProofRows, rows_of_run
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

# In which no label may differ.
EXACT = "f16"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapter", type=Path, help="of a run (default: one is trained)")
    parser.add_argument("--out", type=Path, default=Path("runs/gguf"), help="where all is kept")
    parser.add_argument("--types", nargs="+", default=[EXACT, "q8_0"])
    parser.add_argument("--rows", type=int, help="only so many test rows (default: all)")
    parser.add_argument("--train", type=int, default=240, help="rows of the training")
    parser.add_argument("--margin", type=float, default=MARGIN)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    adapter = arguments.adapter or trained(arguments.out, arguments.train, arguments.rows)
    rows = rows_of_run(adapter)
    if rows is None:
        parser.error(f"{adapter} lies in no run that asked it test rows.")
    assert rows is not None
    asked = rows if arguments.rows is None else rows.first(arguments.rows)
    found = []
    for kind in arguments.types:
        found.append(proven(adapter, arguments.out, kind, asked, arguments.margin))
        print(told(found[-1]), flush=True)
    if arguments.json:
        record = {"rows": len(asked.texts), "margin": arguments.margin, "types": found}
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0 if all(one["kept"] for one in found) else 1


def trained(out: Path, train: int, rows: int | None) -> Path:
    """A LoRA adapter of SmolLM2 after one epoch on the starter corpus, asked its test rows."""
    study = open_study(
        "starter",
        [
            f"data.sample.train={train}",
            f"data.sample.test={'all' if rows is None else rows}",
            "models.base=null",
            "tokenizers=[]",
            "methods=[{name: lora}]",
            "classifiers=[]",
            "training.epochs=1",
            "evaluation={modes: [generate], facts_seconds: 0, baselines: []}",
            "claims=[]",
            "review=null",
        ],
    )
    run_study(study, out / "run")
    return out / "run" / "adapters" / "lora"


def proven(adapter: Path, out: Path, kind: str, rows: ProofRows, margin: float) -> dict[str, Any]:
    """The proof of one type; an export that differs is looked at as any other."""
    folder = out / f"lora-{kind}"
    if not (folder / "proof.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
    exported = export_classifier(
        adapter, folder, format="gguf", type=kind, rows=rows, margin=margin, force=True
    )
    proof = dict(exported.proof)
    same = not proof["other_labels"] and not proof["other_prompts"]
    kept = same if kind == EXACT else proof["failed"] is None and not proof["other_prompts"]
    return {"type": kind, "kept": kept, **proof}


def told(found: dict[str, Any]) -> str:
    before, after = found["before"], found["after"]
    labels, prompts = len(found["other_labels"]), len(found["other_prompts"])
    return (
        f"{found['type']}: {labels} of {found['rows']} rows with another label, {prompts} with "
        f"another prompt; {before['rows_per_second']:.1f} rows a second before and "
        f"{after['rows_per_second']:.1f} after; {after['bytes'] / 1e6:.0f} MB"
        f"{'' if found['kept'] else '  outside'}"
    )


if __name__ == "__main__":
    sys.exit(main())
