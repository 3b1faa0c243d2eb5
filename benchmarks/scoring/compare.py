"""Rows a second of scoring labels: tunelab and lm-evaluation-harness; and of generating answers.

    python benchmarks/scoring/compare.py --peers PYTHON --json FILE

PYTHON is the interpreter of an environment that holds lm-evaluation-harness; `make bench` makes
it. Both score the same labels after the same prompts with the same model, precision and threads,
in turns, after one turn that warms them up. Row by row, the label that each finds likeliest is
compared. Then tunelab's batched generation is timed beside generation one row at a time.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch

from tunelab.classifiers.asking import ask, encoder_for, stop_tokens
from tunelab.config import Evaluation, Prompt
from tunelab.data.sources import open_source
from tunelab.inference.answering import answer_prompts
from tunelab.models.loading import load
from tunelab.prompts.encoding import Encoder
from tunelab.training.fused.layers import fused_layers

MODEL = "smollm2-135m-instruct"
CONTESTANTS = Path(__file__).parent / "contestants"
SEED, MAX_LENGTH = 42, 160
# Two labels closer than this may change places by rounding alone.
ROUNDING = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", required=True, help="the Python that has lm_eval")
    parser.add_argument("--json", type=Path, required=True, help="where the results go")
    parser.add_argument("--rows", type=int, default=48)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--batch-sizes", nargs="*", default=["auto", "16"], help="of the peer")
    parser.add_argument("--answered", type=int, default=256, help="rows answered in batches")
    parser.add_argument("--single", type=int, default=12, help="of them, answered one by one")
    parser.add_argument("--new-tokens", nargs="*", type=int, default=[8, 32], help="at most")
    options = parser.parse_args()
    results = compare(options)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(as_text(results))
    print(json.dumps(results))


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Times in seconds, speeds in rows a second."""
    loaded = load(MODEL, device="cpu", dtype="float32")
    source = os.environ.get("TUNELAB_EMOTION", "starter")
    dataset: Any = open_source(source, text="text", label="label")
    drawn = random.Random(SEED).sample(list(dataset.splits["train"]), options.answered)
    rows = drawn[: options.rows]
    encoder = encoder_for(
        loaded.tokenizer, loaded.model, Prompt(max_length=MAX_LENGTH), tuple(dataset.labels)
    )
    prompts = [encoder.prompt(row.text).ids for row in rows]
    task = {
        "model": MODEL,
        "folder": str(loaded.folder),
        "threads": torch.get_num_threads(),
        "format": encoder.format.to_dict(),
        "labels": list(encoder.format.labels),
        "texts": [row.text for row in rows],
        "truth": [row.label for row in rows],
        "prompts": [loaded.tokenizer.decode(ids) for ids in prompts],
        "longest": max(map(len, prompts)) + encoder.answer_room,
    }
    turns = _score_in_turns(task, options)
    rates = {
        name: [answer["rows"] / answer["seconds"] for answer in answers[1:]]
        for name, answers in turns.items()
    }
    ours, peers = rates.pop("tunelab"), rates
    best = max(peers, key=lambda name: median(peers[name]))
    return {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "model": MODEL,
        "data": "starter" if source == "starter" else "dair-ai/emotion",
        "rows": options.rows,
        "scoring": {
            "tunelab": {"rows_per_second": median(ours), "turns": ours},
            **{
                name: {"rows_per_second": median(values), "turns": values}
                for name, values in peers.items()
            },
            "times_as_fast": median(ours) / median(peers[best]),
            "agreement": _agreement(turns["tunelab"][-1], turns[best][-1]),
        },
        "generation": [
            _generation(loaded, encoder, [row.text for row in drawn], most, options)
            for most in options.new_tokens
        ],
    }


def as_text(results: dict[str, Any]) -> str:
    """The results as a table to read."""
    scoring = results["scoring"]
    agreement = scoring["agreement"]
    lines = [
        f"{results['model']}, float32, {results['rows']} rows, {results['data']}, "
        f"{results['machine']}",
        "scoring labels, rows/s: "
        + ", ".join(
            f"{name} {values['rows_per_second']:.2f}"
            for name, values in scoring.items()
            if isinstance(values, dict) and "rows_per_second" in values
        )
        + f"; tunelab is {scoring['times_as_fast']:.1f} x as fast",
        f"likeliest labels agree in {agreement['agreeing']} of {results['rows']} rows; "
        f"differences of labels agree within {agreement['largest_difference']:.1e} nats; "
        f"rows that differ: {agreement['differing'] or 'none'}",
    ]
    for generation in results["generation"]:
        lines.append(
            f"answering {generation['rows']} rows with {generation['max_new_tokens']} tokens at "
            f"most, rows/s: batches of {generation['batch_size']} {generation['batched']:.2f}, one "
            f"by one {generation['one_by_one']:.2f}, transformers' generate "
            f"{generation['transformers']:.2f}; batched is {generation['times_as_fast']:.1f} x as "
            "fast as the faster of the two"
        )
    return "\n".join(lines)


def _agreement(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Row by row: the likeliest label, and the differences between labels.

    The harness moves the newline at the end of the prompt into every label, which adds the same
    number to all labels of a row.
    """
    differing, largest = [], 0.0
    for row, (first, second) in enumerate(zip(ours["logprobs"], theirs["logprobs"], strict=True)):
        shift = sum(second) / len(second) - sum(first) / len(first)
        gap = max(abs(a + shift - b) for a, b in zip(first, second, strict=True))
        largest = max(largest, gap)
        if max(range(len(first)), key=first.__getitem__) != max(
            range(len(second)), key=second.__getitem__
        ):
            top = sorted(first, reverse=True)
            tie = top[0] - top[1] < ROUNDING
            differing.append({"row": row, "why": "a tie within rounding" if tie else "unexplained"})
    rows = len(ours["logprobs"])
    return {
        "agreeing": rows - len(differing),
        "largest_difference": largest,
        "differing": differing,
    }


def _generation(
    loaded: Any,
    encoder: Encoder,
    texts: list[str],
    max_new_tokens: int,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Batched generation, the same one by one, and transformers' own, one by one."""
    evaluation = Evaluation(max_new_tokens=max_new_tokens)
    stops = stop_tokens(encoder, loaded.model)
    single = texts[: options.single]
    prompts = [encoder.prompt(text).ids for text in texts]

    def batched() -> list[str]:
        asked = ask(loaded.model, encoder, texts, evaluation, title="", progress=False)
        return [answer.text for answer in asked.answers]

    def one_by_one() -> list[str]:
        found = []
        with fused_layers(loaded.model):
            for prompt in prompts[: len(single)]:
                found += answer_prompts(
                    loaded.model,
                    loaded.tokenizer,
                    [prompt],
                    stop_tokens=stops,
                    max_new_tokens=evaluation.max_new_tokens,
                    batch_size=1,
                    progress=False,
                )
        return [answer.text for answer in found]

    def transformers() -> list[str]:
        found = []
        for prompt in prompts[: len(single)]:
            ids = torch.tensor([prompt])
            with torch.inference_mode():
                out = loaded.model.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=evaluation.max_new_tokens,
                    do_sample=False,
                    eos_token_id=stops,
                    pad_token_id=loaded.tokenizer.pad_token_id,
                )
            found.append(
                loaded.tokenizer.decode(out[0, len(prompt) :], skip_special_tokens=True).strip()
            )
        return found

    ways = {"batched": batched, "one_by_one": one_by_one, "transformers": transformers}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    answers: dict[str, list[str]] = {}
    for _ in range(options.turns):
        for name, way in ways.items():
            started = time.perf_counter()
            answers[name] = way()
            rates[name].append(len(answers[name]) / (time.perf_counter() - started))
            print(f"{name}: {rates[name][-1]:.2f} rows/s", file=sys.stderr, flush=True)
    speeds = {name: median(values) for name, values in rates.items()}
    return {
        **speeds,
        "rows": len(texts),
        "max_new_tokens": evaluation.max_new_tokens,
        "batch_size": evaluation.batch_size,
        "times_as_fast": speeds["batched"] / max(speeds["one_by_one"], speeds["transformers"]),
        "equal_answers": answers["batched"][: len(single)] == answers["transformers"],
    }


def _score_in_turns(
    task: dict[str, Any], options: argparse.Namespace
) -> dict[str, list[dict[str, Any]]]:
    """The answers of each contestant, the first of which warms it up."""
    contestants = {"tunelab": (sys.executable, "with_tunelab.py", None)} | {
        f"lm-evaluation-harness, batch {size}": (options.peers, "with_lm_eval.py", size)
        for size in options.batch_sizes
    }
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
    with tempfile.TemporaryDirectory() as folder:
        processes = {}
        for number, (name, (python, script, size)) in enumerate(contestants.items()):
            file = Path(folder) / f"task-{number}.json"
            sizes = {"peer_batch_size": size if size in (None, "auto") else int(size)}
            file.write_text(json.dumps(task | sizes), encoding="utf-8")
            processes[name] = _start(python, CONTESTANTS / script, file)
        for turn in range(options.turns + 1):
            for name, process in processes.items():
                process.stdin.write("go\n")  # type: ignore[union-attr]
                process.stdin.flush()  # type: ignore[union-attr]
                answer = _answer(process)
                turns[name].append(answer)
                rate = answer["rows"] / answer["seconds"]
                when = f"turn {turn}" if turn else "warm-up"
                print(f"{when}: {name}: {rate:.2f} rows/s", file=sys.stderr, flush=True)
        for process in processes.values():
            process.stdin.close()  # type: ignore[union-attr]
            process.wait()
    return turns


def _start(python: str, script: Path, task: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [python, str(script), str(task)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent), "HF_HUB_OFFLINE": "1"},
    )
    _answer(process)
    return process


def _answer(process: "subprocess.Popen[str]") -> dict[str, Any]:
    for line in process.stdout:  # type: ignore[union-attr]
        if line.startswith("TURN "):
            return dict(json.loads(line.removeprefix("TURN ")))
    raise RuntimeError(f"{process.args} ended before its turn")


if __name__ == "__main__":
    main()
