"""Models side by side: who is asked what, and every measure with its interval."""

import math
from dataclasses import replace
from typing import Any

import pytest

from conftest import build_model, build_tokenizer
from tunelab.generation.comparison import (
    MEASURES,
    OpenAnswer,
    Read,
    compare_open,
    perplexities,
    values_by_prompt,
)
from tunelab.generation.likelihood import answer_likelihoods
from tunelab.generation.local_model import LocalModel
from tunelab.generation.open_prompts import OpenPrompt, plain_prompts
from tunelab.generation.settings import GenerationSettings
from tunelab.generation.side_by_side import as_prompt, ask_open, read_answers

PROMPTS = plain_prompts(["the rain", "we sat at the window", "love"])
SETTINGS = GenerationSettings(samples=2, max_new_tokens=6, seed=3)


@pytest.fixture(scope="module")
def instruct() -> LocalModel:
    return LocalModel("tiny", build_model("llama", 600), build_tokenizer())


@pytest.fixture(scope="module")
def base() -> LocalModel:
    return LocalModel("bare", build_model("llama", 600, seed=1), build_tokenizer(None))


def test_a_base_model_gets_the_text_alone(instruct: LocalModel, base: LocalModel) -> None:
    assert as_prompt(base, "x") == "x"
    assert as_prompt(base, "x", "S") == "S\n\nx"
    assert as_prompt(instruct, "x", "S") == [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "x"},
    ]
    assert as_prompt(instruct, "x") == [{"role": "user", "content": "x"}]


def test_every_prompt_at_every_temperature(instruct: LocalModel) -> None:
    kept: list[OpenAnswer] = []
    answers = ask_open("m", instruct, PROMPTS, SETTINGS, [0.0, 1.0], keep=kept.append)
    assert [(one.temperature, one.prompt, one.sample) for one in answers] == [
        *[(0.0, prompt.id, 0) for prompt in PROMPTS],
        *[(1.0, prompt.id, sample) for prompt in PROMPTS for sample in (0, 1)],
    ]
    assert sorted(kept, key=str) == sorted(answers, key=str)
    # The same as asking for them directly.
    asked = [[{"role": "user", "content": prompt.text}] for prompt in PROMPTS]
    from dataclasses import replace

    own = instruct.answer(asked, replace(SETTINGS, temperature=1.0))
    assert [one.text for one in answers[3:]] == [
        sample.text for samples in own for sample in samples
    ]


def test_an_interrupt_keeps_whole_answers_alone(instruct: LocalModel) -> None:
    small = LocalModel("tiny", instruct.model, instruct.tokenizer, batch_size=1)
    asked = iter(range(1000))
    answers = ask_open(
        "m", small, PROMPTS, SETTINGS, [0.0, 1.0], interrupt=lambda: next(asked) >= 9
    )
    whole = ask_open("m", small, PROMPTS, SETTINGS, [0.0, 1.0])
    assert 0 < len(answers) < len(whole)
    texts = {(one.temperature, one.prompt, one.sample): one.text for one in whole}
    for one in answers:
        assert one.text == texts[one.temperature, one.prompt, one.sample]


def _answer(prompt: str, sample: int, text: str, ending: str = "stop token") -> OpenAnswer:
    return OpenAnswer("m", 0.7, prompt, sample, text, len(text.split()) + 1, ending, 0.5, 0.1)


CHECKED = [
    OpenPrompt("sum", "2 + 2?", "arithmetic", contains=("4",)),
    OpenPrompt("word", "One word.", "format", matches=r"\w+"),
    OpenPrompt("free", "Speak."),
]
TOLD = [
    _answer("sum", 0, "it is 4"),
    _answer("sum", 1, "it is 5", "length"),
    _answer("word", 0, "blue"),
    _answer("word", 1, "red"),
    _answer("free", 0, "a b c a b c", "length"),
    _answer("free", 1, "a b c a b c", "length"),
]


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("open_tokens", [4, 2, 7]),
        ("open_words", [3, 1, 6]),
        ("open_stopped", [0.5, 1, 0]),
        ("open_right", [0.5, 1, None]),
        ("open_repetition", [None, None, 1 / 4]),
        ("open_distinct_1", [4 / 6, 1, 3 / 12]),
        ("open_distinct_2", [3 / 4, None, 3 / 10]),
        ("open_agreement", [2 / 3, 0, 1]),
        ("open_self_bleu", [None, 0, 1]),
    ],
)
def test_measures_by_prompt(measure: str, expected: list[float | None]) -> None:
    found = values_by_prompt(measure, CHECKED, TOLD)
    for value, wanted in zip(found, expected, strict=True):
        if measure == "open_self_bleu" and wanted is None:
            # "it is 4" against "it is 5": 2 of 3 words, 1 of 2 pairs, and no run of three.
            assert value == pytest.approx((2 / 3 * 1 / 2 * (1 / 2) / 1) ** (1 / 3))
        else:
            assert value == (None if wanted is None else pytest.approx(wanted))


def test_intervals_are_over_prompts() -> None:
    from scipy.stats import t

    [row] = compare_open(CHECKED, [replace(answer, ending="stop token") for answer in TOLD])
    assert (row["model"], row["temperature"], row["prompts"], row["samples"]) == ("m", 0.7, 3, 2)
    values = [4.0, 2.0, 7.0]
    mean = sum(values) / 3
    error = math.sqrt(sum((value - mean) ** 2 for value in values) / 2 / 3)
    reach = t.ppf(0.975, 2) * error
    tokens = row["open_tokens"]
    assert tokens["value"] == pytest.approx(mean)
    assert tokens["low"] == pytest.approx(mean - reach)
    assert tokens["high"] == pytest.approx(mean + reach)
    # One value has no interval, with the reason.
    assert row["open_repetition"]["low"] is None
    assert row["open_repetition"]["reason"] == "one prompt shows no spread"
    assert row["by_kind"] == {"arithmetic": 0.5, "format": 1.0, "open": None}
    assert row["first_token_seconds"] == pytest.approx(0.5)
    assert set(MEASURES) <= set(row)


def test_lengths_of_cut_answers_are_bounds() -> None:
    [row] = compare_open(CHECKED, TOLD)
    tokens = row["open_tokens"]
    assert (tokens["value"], tokens["bound"]) == (pytest.approx(13 / 3), "at least")
    assert (tokens["low"], tokens["high"]) == (None, None)
    assert tokens["reason"] == "3 of 6 answers of m were cut at a limit"
    # Whether an answer ended is known of each; shares end at 0 and 1.
    assert (row["open_stopped"]["low"], row["open_stopped"]["high"]) == (0.0, 1.0)


def test_perplexity_by_hand() -> None:
    reads = [
        Read("r", "w", 0.0, "a", -6.0, 3, 9),
        Read("r", "w", 0.0, "b", -2.0, 1, 4),
        Read("r", "w", 0.0, "b", -4.0, 4, 7),
        Read("r", "other", 0.0, "a", -1.0, 1, 1),
    ]
    both, alone = perplexities(reads, seed=1, resamples=500)
    assert both["perplexity"]["value"] == pytest.approx(math.exp(12 / 8))
    assert both["bits_per_byte"]["value"] == pytest.approx(12 / 20 / math.log(2))
    assert both["prompts"] == 2
    assert alone["perplexity"]["value"] == pytest.approx(math.e)
    assert alone["perplexity"]["low"] is None
    assert alone["perplexity"]["reason"] == "one prompt shows no spread"
    assert perplexities([], seed=1) == []


def test_the_interval_of_perplexity_holds_it() -> None:
    reads = [
        Read("r", "w", 0.0, str(position), -float(position % 5 + 1), 2 + position % 3, 5)
        for position in range(24)
    ]
    [row] = perplexities(reads, seed=1)
    found = row["perplexity"]
    assert found["low"] < found["value"] < found["high"]
    assert perplexities(reads, seed=1) == [row]


def test_each_reads_the_others(instruct: LocalModel, base: LocalModel) -> None:
    answers = [
        *ask_open("instruct", instruct, PROMPTS, SETTINGS, [0.0]),
        *ask_open("base", base, PROMPTS, SETTINGS, [0.0]),
    ]
    asked: Any = [prompt.text for prompt in PROMPTS] * 2
    reads = read_answers("base", base, PROMPTS, answers)
    own = answer_likelihoods(base.model, base.tokenizer, asked, [one.text for one in answers])
    assert [(one.writer, one.prompt) for one in reads] == [
        (one.model, one.prompt) for one in answers
    ]
    for found, expected in zip(reads, own, strict=True):
        assert expected is not None
        assert found.logprob == pytest.approx(expected.logprob, abs=1e-3)
        assert found.tokens == expected.tokens
    empty = [_answer("prompt-1", 0, "")]
    assert read_answers("base", base, PROMPTS, empty) == []
