"""The first losses of a real training, the fast way and the plain way, side by side.

python benchmarks/tuning/losses.py --steps 20 --batch-size 8
"""

import argparse
import tempfile
from pathlib import Path

import torch
from rows import draw_rows

from tunelab.config import Training
from tunelab.methods import lora
from tunelab.models.loading import load
from tunelab.training.train import train

MODEL = "smollm2-135m-instruct"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=8)
    options = parser.parse_args()
    plain = losses(options.steps, options.batch_size, fast=False)
    fast = losses(options.steps, options.batch_size, fast=True)
    print(f"{'step':>4}{'plain':>12}{'fast':>12}{'apart':>10}")
    for step, (one, other) in enumerate(zip(plain, fast, strict=True), 1):
        print(f"{step:4}{one:12.6f}{other:12.6f}{abs(one - other) / one:10.1e}")
    worst = max(abs(one - other) / one for one, other in zip(plain, fast, strict=True))
    print(f"largest relative difference: {worst:.1e}")


def losses(steps: int, batch_size: int, *, fast: bool) -> list[float]:
    """The training loss of each optimizer step, in nats a token."""
    loaded = load(MODEL)
    rows = draw_rows(loaded, steps * batch_size, seed=42).encoded
    torch.manual_seed(42)
    model = lora.adapt(loaded.model, lora.Settings())
    with tempfile.TemporaryDirectory() as folder:
        outcome = train(
            model,
            train_rows=rows,
            validation_rows=[],
            pad_token=loaded.tokenizer.pad_token_id,
            options=Training(
                epochs=1,
                batch_size=batch_size,
                evaluate_every=10.0,
                packing=fast,
                fused="auto" if fast else False,
                tracking=[],
            ),
            learning_rate=1e-3,
            precision="float32",
            device="cpu",
            seed=42,
            folder=Path(folder),
        )
    return [entry["loss"] for entry in outcome.history]


if __name__ == "__main__":
    main()
