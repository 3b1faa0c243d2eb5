"""Fused rotary positions where only a part of each head turns, as in Phi-4-mini."""

import torch

from conftest import build_tokenizer
from tunelab.training.fused.layers import fused_layers


def test_partial_rotary() -> None:
    from transformers import AutoModelForCausalLM, Phi3Config

    torch.manual_seed(0)
    config = Phi3Config(
        vocab_size=len(build_tokenizer()),
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        partial_rotary_factor=0.5,
        pad_token_id=0,
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    ids = torch.arange(3, 30)[None]
    plain = model(input_ids=ids).logits
    with fused_layers(model) as counts:
        found = model(input_ids=ids).logits
    assert counts["rotary"] == 1
    assert torch.allclose(found, plain, atol=1e-5)
