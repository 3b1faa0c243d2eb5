"""How much matrix arithmetic a step needs, and how much this machine does in a second."""

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import torch


def useful_arithmetic(
    model: Any, positions: Sequence[int], trained: int, layers: Sequence[Any]
) -> float:
    """Floating-point operations in the matrix products of one LoRA step, none of them wasted.

    ``positions`` are those of the batch's distinct tokens in their rows, ``trained`` counts the
    tokens that have a label, ``layers`` are the LoRA layers. Padding, repetition and whatever is
    computed a second time do not count; elementwise work does not either. A product of (m, k)
    and (k, n) takes 2 m k n.
    """
    config = model.config
    tokens = len(positions)
    frozen = sum(layer.base_layer.weight.numel() for layer in layers)
    thin = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    # Forward, and backward to the layer's input; nothing below the first layer wants a gradient.
    first = [layer for name, layer in model.named_modules() if _reads_embeddings(name, layer)]
    dense = 4 * frozen - 2 * sum(layer.base_layer.weight.numel() for layer in first)
    # A and B: forward, backward to their inputs, and their own gradients.
    adapters = 6 * thin
    width = config.num_attention_heads * getattr(
        config, "head_dim", config.hidden_size // config.num_attention_heads
    )
    pairs = sum(position + 1 for position in positions)
    attention = 12 * width * pairs * config.num_hidden_layers
    output = 4 * config.hidden_size * config.vocab_size * trained
    return tokens * (dense + adapters) + attention + output


def _reads_embeddings(name: str, layer: Any) -> bool:
    return (
        hasattr(layer, "lora_A")
        and any(f".layers.0.self_attn.{part}" in name for part in ("q_proj", "k_proj", "v_proj"))
        and name.endswith("_proj")
    )


def matrix_speed(size: int = 2048, repeats: int = 7) -> float:
    """Operations a second of a square product in float32: the median of several."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    a @ b
    times = []
    for _ in range(repeats):
        since = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - since)
    return 2 * size**3 / median(times)
