"""Count the tokens of 10 MB of mixed text with five tokenizers, beside the bare libraries.

Every contestant runs in a process of its own, turns alternate, and the median of the turns is told.
A contestant loads its tokenizers before the clock starts and counts the same lines.

  tunelab    tunelab.tokenizers.counting.count_file, which reads the file in bounded memory
  reference  tiktoken's encode_ordinary_batch, SentencePiece's encode, and `tokenizers` for BERT and
             SmolLM2, whose reference it is, on lines that stand in memory; the batches and the
             threads are as many as the cores
  tokscope   the peer, on the same tokenizers (`pip install tokscope`), if it is installed

Prints a table and, with --json, writes the numbers. On a machine that does other work as well the
processor time, summed over threads, tells more than the time.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

NAMES = ("llama-3.2", "mistral-7b-v0.1", "phi-4-mini", "bert-base-uncased", "smollm2")
CONTESTANTS = ("tunelab", "reference", "tokscope")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--text", type=Path, help="a UTF-8 file instead of the mixed text")
    parser.add_argument("--skip", nargs="*", default=[], choices=CONTESTANTS)
    arguments = parser.parse_args()
    if arguments.contestant:
        print(json.dumps(RUNS[arguments.contestant](arguments.text)))
        return 0
    path = arguments.text or write_text(arguments.megabytes)
    turns: dict[str, list[dict[str, object]]] = {name: [] for name in CONTESTANTS}
    for _ in range(arguments.turns):
        for name in CONTESTANTS:
            if name not in arguments.skip:
                turns[name].append(run(name, path))
    report(turns, path, arguments.json)
    return 0


def write_text(megabytes: int) -> Path:
    """The parallel sentences in nine languages, shuffled and numbered, as a file."""
    import random
    import tempfile

    from tunelab.tokenizers.parallel import built_in

    rng = random.Random(0)
    sentences = [text for texts in built_in().sentences.values() for text in texts]
    words = [text.split() for text in sentences]
    path = Path(tempfile.gettempdir()) / f"tunelab-mixed-{megabytes}.txt"
    size = 0
    with path.open("w", encoding="utf-8") as file:
        while size < megabytes * 1_000_000:
            # Words of two sentences of one language in another order, so that few lines repeat.
            one = rng.randrange(len(words))
            parts = words[one][:]
            rng.shuffle(parts)
            line = f"{rng.choice(sentences)} {' '.join(parts)} {rng.randrange(10_000)}\n"
            file.write(line)
            size += len(line.encode("utf-8"))
    return path


def run(name: str, path: Path) -> dict[str, object]:
    command = [sys.executable, __file__, "--contestant", name, "--text", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no reason given"])[-1]}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def with_tunelab(path: Path) -> dict[str, object]:
    from tunelab.tokenizers.counting import count_file
    from tunelab.tokenizers.loading import load

    tokenizers = [load(name) for name in NAMES]
    before, start, began = memory(), time.perf_counter(), time.process_time()
    found = count_file(tokenizers, path)
    return {
        "seconds": time.perf_counter() - start,
        "processor": time.process_time() - began,
        "tokens": dict(zip(NAMES, found.tokens, strict=True)),
        "memory": memory() - before,
    }


def with_reference(path: Path) -> dict[str, object]:
    import tiktoken

    from reference_tokenizers import LLAMA_3, O200K, folder, tiktoken_of

    counters: dict[str, Callable[[list[str]], int]] = {}
    cores = os.cpu_count() or 1
    for name, pattern in (("llama-3.2", LLAMA_3), ("phi-4-mini", O200K)):
        encoding: tiktoken.Encoding = tiktoken_of(name, pattern)
        counters[name] = lambda lines, encoding=encoding: sum(
            map(len, encoding.encode_ordinary_batch(lines, num_threads=cores))
        )
    import sentencepiece

    from tunelab.tokenizers.sources import SOURCE

    model = (folder("mistral-7b-v0.1") / SOURCE).read_bytes()
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    counters["mistral-7b-v0.1"] = lambda lines: sum(
        map(len, processor.encode(lines, num_threads=cores))
    )
    from tokenizers import Tokenizer

    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    for name in ("bert-base-uncased", "smollm2"):
        backend = Tokenizer.from_file(str(folder(name) / "tokenizer.json"))
        counters[name] = lambda lines, backend=backend: sum(
            map(len, backend.encode_batch_fast(lines, add_special_tokens=False))
        )
    lines = path.read_text(encoding="utf-8").splitlines()
    before, start, began_all = memory(), time.perf_counter(), time.process_time()
    tokens, each = {}, {}
    for name in NAMES:
        began = time.process_time()
        tokens[name] = counters[name](lines)
        each[name] = time.process_time() - began
    return {
        "seconds": time.perf_counter() - start,
        "processor": time.process_time() - began_all,
        "tokens": tokens,
        "each": each,
        "memory": memory() - before,
    }


def with_tokscope(path: Path) -> dict[str, object]:
    import tokscope

    from reference_tokenizers import folder

    class Fast:
        """tokscope's interface over the same fast tokenizers."""

        def __init__(self, name: str) -> None:
            from tokenizers import Tokenizer

            self.name = name
            self.backend = Tokenizer.from_file(str(folder(name) / "tokenizer.json"))
            self.vocab_size = self.backend.get_vocab_size()

        def tokenize(self, text: str) -> tuple[list[str], int]:
            return self.backend.encode(text, add_special_tokens=False).tokens, 0

    tokenizers = [Fast(name) for name in NAMES]
    text = path.read_text(encoding="utf-8")
    before, start, began = memory(), time.perf_counter(), time.process_time()
    tokscope.compare(text, tokenizers)
    return {
        "seconds": time.perf_counter() - start,
        "processor": time.process_time() - began,
        "memory": memory() - before,
    }


RUNS = {"tunelab": with_tunelab, "reference": with_reference, "tokscope": with_tokscope}


def memory() -> float:
    """Largest memory of the process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(turns: dict[str, list[dict[str, object]]], path: Path, out: Path | None) -> None:
    size = path.stat().st_size / 1e6
    load = os.getloadavg()[0]
    print(f"{size:.1f} MB, five tokenizers, {os.cpu_count()} cores, load {load:.1f}")
    medians = {}
    for name, results in turns.items():
        errors = [str(result["error"]) for result in results if "error" in result]
        if errors:
            print(f"{name:<10} did not run: {errors[0]}")
        elif results:
            seconds = statistics.median(float(str(result["seconds"])) for result in results)
            grown = max(float(str(result["memory"])) for result in results)
            worked = statistics.median(float(str(result["processor"])) for result in results)
            medians[name] = (seconds, worked)
            print(
                f"{name:<10} {seconds:7.2f} s {size / seconds:6.2f} MB/s  "
                f"{worked:7.2f} s of processor time  {grown:6.0f} MB more"
            )
    if {"tunelab", "reference"} <= set(medians):
        ours_s, theirs_s = medians["tunelab"], medians["reference"]
        print(
            f"tunelab / reference: {ours_s[0] / theirs_s[0]:.2f} of the time, "
            f"{ours_s[1] / theirs_s[1]:.2f} of the processor time"
        )
        ours, theirs = turns["tunelab"][0]["tokens"], turns["reference"][0]["tokens"]
        print("counts are equal" if ours == theirs else f"counts differ: {ours} {theirs}")
    if out:
        values = {"megabytes": size, "load": load, "cores": os.cpu_count(), "turns": turns}
        out.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
