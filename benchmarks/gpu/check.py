"""Whether tunelab's training holds on a GPU, and how fast: one command of under eight minutes.

    python benchmarks/gpu/check.py --json FILE [--small]

It needs torch, transformers, PEFT and tunelab, and no network: the weights are drawn at random in
the shape of Llama-3.2-1B and the rows are random token ids behind a shared prefix. `--small` has
a tiny shape and few rows, for a machine without a GPU. Three parts, each of which may fail without
the others:

- exactness: loss and gradients of LoRA on packed rows and on padded rows in bfloat16, both against
  padded rows in float32; packed rows may be 1.5 times as far from float32 as padded ones are;
- speed: rows a second and peak memory of tunelab's training and of a plain Trainer on padded rows,
  in turns, with the same rows in the same batches;
- memory: tunelab's estimate of the peak of a step beside the allocator's own, within 5 %.

The exit code is 0 where exactness and memory hold. The memory part needs CUDA.
"""

import argparse
import gc
import json
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import torch

from tunelab.config import Training
from tunelab.inference.packed_attention import packed_attention, packing_works
from tunelab.memory.configurations import shape_by_name
from tunelab.memory.formulas import estimate
from tunelab.memory.measure import measure
from tunelab.memory.settings import StepSettings
from tunelab.methods import lora
from tunelab.prompts.encoding import IGNORED, EncodedExample
from tunelab.training.batching import PackedCollator, PaddedCollator
from tunelab.training.loss import answer_logits, answer_loss
from tunelab.training.train import train

# Llama-3.2-1B: huggingface.co/meta-llama/Llama-3.2-1B, config.json.
LLAMA_1B = {
    "vocab_size": 128_256,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "rope_parameters": {"rope_type": "default", "rope_theta": 500_000.0},
    "max_position_embeddings": 131_072,
    "tie_word_embeddings": True,
}
SMALL = {
    **LLAMA_1B,
    "vocab_size": 2000,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
}
PREFIX, ANSWER, BATCH, RATE = 48, 3, 16, 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True, help="where the results go")
    parser.add_argument("--small", action="store_true", help="a tiny model and few rows")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    shape = SMALL if options.small else LLAMA_1B
    results: dict[str, Any] = {"torch": torch.__version__, "device": device, "small": options.small}
    if device == "cuda":
        results["name"] = torch.cuda.get_device_name()
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "exactness": lambda: exactness(shape, device),
        "speed": lambda: speed(shape, device, rows=64 if options.small else 960),
    }
    if device == "cuda":
        parts["memory"] = lambda: memory(shape, small=options.small)
    for name, part in parts.items():
        start = time.monotonic()
        try:
            results[name] = part()
        except Exception:
            results[name] = {"failed": traceback.format_exc()[-3000:]}
        results[name]["part_seconds"] = time.monotonic() - start
        print(name, json.dumps(results[name], indent=1), flush=True)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        _free()
    held = [results[name].get("holds", "failed" not in results[name]) for name in parts]
    print("everything holds" if all(held) else "something does not hold", flush=True)
    return 0 if all(held) else 1


def build(shape: dict[str, Any], device: str, dtype: torch.dtype) -> Any:
    """A model of this shape with random weights, the same at each call but for rounding."""
    from transformers import AutoModelForCausalLM, LlamaConfig

    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(
            LlamaConfig(**shape, pad_token_id=0), dtype=torch.float32, attn_implementation="sdpa"
        )
    return model.to(dtype)


def adapted(shape: dict[str, Any], device: str, dtype: torch.dtype) -> Any:
    """The model with LoRA on all linear layers, whose products are not zero."""
    model = lora.adapt(build(shape, device, dtype), lora.Settings())
    generator = torch.Generator(device=device).manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(
                    torch.randn(parameter.shape, generator=generator, device=device) * 0.01
                )
    return model.train()


def draw_rows(count: int, vocabulary: int) -> list[EncodedExample]:
    """Rows of 8 to 64 tokens behind a shared prefix; the last tokens are trained."""
    draw = random.Random(0)
    shared = tuple(draw.randrange(1, vocabulary) for _ in range(PREFIX))
    rows = []
    for number in range(count):
        own = [number % (vocabulary - 1) + 1]
        own += [draw.randrange(1, vocabulary) for _ in range(draw.randrange(8, 64))]
        ids = (*shared, *own)
        prompt = len(ids) - ANSWER
        rows.append(EncodedExample(ids, (IGNORED,) * prompt + ids[prompt:], prompt, 0))
    return rows


def exactness(shape: dict[str, Any], device: str) -> dict[str, Any]:
    """How far loss and gradients in bfloat16 are from float32, padded and packed."""
    rows = draw_rows(8, shape["vocab_size"])
    expected = _gradients(adapted(shape, device, torch.float32), PaddedCollator(0)(rows), device)
    _free()
    model = adapted(shape, device, torch.bfloat16)
    padded = _gradients(model, PaddedCollator(0)(rows), device)
    works = packing_works(model, [row.ids for row in rows])
    with packed_attention(model):
        packed = _gradients(model, PackedCollator(PREFIX)(rows), device)
    far, near = _distance(packed, expected), _distance(padded, expected)
    return {
        "loss": {
            "float32": expected[0],
            "padded bfloat16": padded[0],
            "packed bfloat16": packed[0],
        },
        "distance of gradients from float32": {"padded": near, "packed": far},
        "packing works": works,
        "holds": works and far <= 1.5 * near + 1e-3,
    }


def _gradients(model: Any, batch: dict[str, Any], device: str) -> tuple[float, dict[str, Any]]:
    placed = {
        name: value.to(device) if hasattr(value, "to") else value for name, value in batch.items()
    }
    model.zero_grad()
    mixed = model.dtype == torch.bfloat16
    with torch.autocast(device, dtype=torch.bfloat16) if mixed else nullcontext():
        answers = answer_logits(model, placed)
        loss = answer_loss(answers) / len(answers.targets)
    loss.backward()
    found = {
        name: parameter.grad.double().cpu()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    return float(loss.detach()), found


def _distance(found: Any, expected: Any) -> float:
    """The relative distance of all gradients together, in the Euclidean norm."""
    apart = sum(float((found[1][name] - one).norm()) ** 2 for name, one in expected[1].items())
    return float((apart / sum(float(one.norm()) ** 2 for one in expected[1].values())) ** 0.5)


def speed(shape: dict[str, Any], device: str, *, rows: int) -> dict[str, Any]:
    """Rows a second and peak memory of tunelab and of a plain Trainer; medians of three turns."""
    drawn = draw_rows(rows, shape["vocab_size"])
    ways = {"tunelab": _with_tunelab, "plain Trainer": _with_trainer}
    turns: dict[str, list[tuple[float, int | None]]] = {name: [] for name in ways}
    for _ in range(3):
        for name, way in ways.items():
            _free()
            if device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            seconds = way(adapted(shape, device, torch.bfloat16), drawn, device)
            peak = torch.cuda.max_memory_allocated() if device == "cuda" else None
            turns[name].append((seconds, peak))
    found = {
        name: {
            "rows a second": rows / median(seconds for seconds, _ in taken),
            "seconds": [seconds for seconds, _ in taken],
            "peak bytes": max((peak for _, peak in taken if peak is not None), default=None),
        }
        for name, taken in turns.items()
    }
    ratio = found["tunelab"]["rows a second"] / found["plain Trainer"]["rows a second"]
    return {"rows": rows, "batch": BATCH, "ways": found, "times as fast": ratio}


def _with_tunelab(model: Any, rows: list[EncodedExample], device: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        outcome = train(
            model,
            train_rows=rows,
            validation_rows=[],
            pad_token=0,
            options=Training(epochs=1, batch_size=BATCH, tracking=[]),
            learning_rate=RATE,
            precision="bfloat16",
            device=device,
            seed=0,
            folder=Path(folder),
            title="",
        )
    return outcome.seconds


def _with_trainer(model: Any, rows: list[EncodedExample], device: str) -> float:
    from transformers import Trainer, TrainingArguments

    def padded(batch: list[dict[str, Any]]) -> dict[str, Any]:
        longest = max(len(row["ids"]) for row in batch)
        filled = [longest - len(row["ids"]) for row in batch]
        return {
            "input_ids": torch.tensor(
                [[*row["ids"], *[0] * fill] for row, fill in zip(batch, filled, strict=True)]
            ),
            "attention_mask": torch.tensor(
                [[1] * (longest - fill) + [0] * fill for fill in filled]
            ),
            "labels": torch.tensor(
                [
                    [*row["labels"], *[IGNORED] * fill]
                    for row, fill in zip(batch, filled, strict=True)
                ]
            ),
        }

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=BATCH,
                num_train_epochs=1,
                learning_rate=RATE,
                bf16=True,
                use_cpu=device == "cpu",
                report_to="none",
                save_strategy="no",
                logging_steps=10,
                disable_tqdm=True,
                remove_unused_columns=False,
            ),
            train_dataset=[{"ids": row.ids, "labels": row.labels} for row in rows],
            data_collator=padded,
        )
        start = time.perf_counter()
        trainer.train()
        return time.perf_counter() - start


def memory(shape: dict[str, Any], *, small: bool) -> dict[str, Any]:
    """The estimate beside the allocator's peak for some steps, packed and padded."""
    from transformers import LlamaConfig

    config = LlamaConfig(**shape, pad_token_id=0)
    with tempfile.TemporaryDirectory() as folder:
        config.architectures = ["LlamaForCausalLM"]
        config.save_pretrained(folder)
        known = shape_by_name(folder)
    cells = []
    for batch, length, packed in ((4, 64, True), (16, 128, True), (16, 128, False)):
        step = StepSettings(
            batch=batch, length=length, packed=packed, precision="bfloat16", device="cuda"
        )
        expected = estimate(known, lora.METHOD, lora.Settings(), step).peak
        found = measure(config, lora.METHOD, lora.Settings(), step).peak
        cells.append(
            {
                "batch": batch,
                "length": length,
                "packed": packed,
                "estimated": expected,
                "measured": found,
                "off": expected / found - 1,
            }
        )
        _free()
    # A tiny model is mostly what the estimate rounds.
    return {"cells": cells, "holds": small or all(abs(cell["off"]) <= 0.05 for cell in cells)}


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


if __name__ == "__main__":
    sys.exit(main())
