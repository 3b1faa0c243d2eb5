"""Filters are transformers'; draws follow the distribution that they leave."""

from collections import Counter
from typing import Any

import pytest
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from tunelab.generation.noise import noise_key, uniform
from tunelab.generation.sampling import choose_tokens, shape_scores
from tunelab.generation.settings import GenerationSettings


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": 0.7},
        {"top_k": 5},
        {"top_p": 0.6},
        {"min_p": 0.1},
        {"temperature": 1.5, "top_k": 20, "top_p": 0.9, "min_p": 0.02, "repetition_penalty": 1.4},
    ],
)
def test_filters_are_those_of_transformers(values: dict[str, Any]) -> None:
    settings = GenerationSettings(**{"temperature": 1.0, **values})
    logits = torch.randn(8, 60, generator=torch.Generator().manual_seed(1)) * 3
    ids = torch.randint(60, (8, 10), generator=torch.Generator().manual_seed(2))
    seen = torch.zeros(8, 60, dtype=torch.bool).scatter(1, ids, True)
    own = LogitsProcessorList(
        [
            RepetitionPenaltyLogitsProcessor(settings.repetition_penalty),
            TemperatureLogitsWarper(settings.temperature),
            TopKLogitsWarper(settings.top_k or 60),
            TopPLogitsWarper(settings.top_p),
            MinPLogitsWarper(settings.min_p),
        ]
    )
    expected = own(ids, logits.clone()).softmax(-1)
    assert torch.allclose(shape_scores(logits, seen, settings).softmax(-1), expected, atol=1e-6)


def test_draws_follow_the_distribution() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))
    settings = GenerationSettings(temperature=1.0)
    key = noise_key(0, [1, 2])
    rows = 20_000
    draws = [uniform(key, sample, 0) for sample in range(rows)]
    tokens, logprobs = choose_tokens(logits.expand(rows, 4), None, settings, draws)
    counts = Counter(tokens.tolist())
    for token, share in enumerate([0.5, 0.3, 0.15, 0.05]):
        assert counts[token] / rows == pytest.approx(share, abs=0.012)
    assert torch.allclose(logprobs.exp(), torch.tensor([0.5, 0.3, 0.15, 0.05])[tokens], atol=1e-5)


def test_a_filtered_token_is_never_drawn() -> None:
    logits = torch.log(torch.tensor([[0.01, 0.6, 0.01, 0.38]])).expand(2, 4)
    settings = GenerationSettings(temperature=1.0, top_k=2)
    tokens, _ = choose_tokens(logits, None, settings, [0.0, 1 - 2.0**-53])
    assert tokens.tolist() == [1, 3]


def test_noise_is_uniform_and_its_own() -> None:
    draws = [uniform(noise_key(1, [3]), 0, position) for position in range(4000)]
    assert 0 <= min(draws) <= max(draws) < 1
    assert sum(draws) / len(draws) == pytest.approx(0.5, abs=0.02)
    keys = [noise_key(1, [3]), noise_key(2, [3]), noise_key(1, [3, 3]), noise_key(1, [33])]
    assert len({uniform(key, 0, 0) for key in keys}) == 4
    assert uniform(keys[0], 1, 0) != uniform(keys[0], 0, 1)
