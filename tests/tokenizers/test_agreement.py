"""Ids are those of the reference libraries; benchmarks/tokenizing/agree.py asks 20,000 strings."""

import pytest

from reference_tokenizers import comparable, reference
from tunelab.tokenizers.loading import load
from tunelab.tokenizers.trial_strings import draw

COUNT = 1_000
NAMES = ("llama-3.2", "mistral-7b-v0.1", "phi-4-mini", "bert-base-uncased", "smollm2")


@pytest.mark.packages
@pytest.mark.parametrize("name", NAMES)
def test_ids_are_those_of_the_reference(name: str) -> None:
    texts = [text for text in draw(COUNT, seed=7) if comparable(name, text)]
    assert len(texts) > COUNT // 2
    expected = reference(name)
    found = load(name).backend.encode_batch_fast(texts, add_special_tokens=False)
    differ = [
        text for text, encoding in zip(texts, found, strict=True) if encoding.ids != expected(text)
    ]
    assert differ == []


@pytest.mark.packages
@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("llama-3.2", [128000, 3923, 374, 220, 17, 5636, 220, 17, 30]),
        ("mistral-7b-v0.1", [1, 1824, 349, 28705, 28750, 3285, 28705, 28750, 28804]),
        ("phi-4-mini", [4827, 382, 220, 17, 2932, 220, 17, 30]),
        ("bert-base-uncased", [101, 2054, 2003, 1016, 4606, 1016, 1029, 102]),
        ("smollm2", [1780, 314, 216, 34, 8055, 216, 34, 47]),
    ],
)
def test_control_tokens_of_the_model_stand_around_a_text(name: str, ids: list[int]) -> None:
    assert load(name).backend.encode("What is 2 plus 2?").ids == ids


@pytest.mark.packages
@pytest.mark.parametrize(
    ("name", "control"),
    [("llama-3.2", "<|eot_id|>"), ("mistral-7b-v0.1", "</s>"), ("bert-base-uncased", "[SEP]")],
)
def test_text_never_becomes_a_control_token(name: str, control: str) -> None:
    tokenizer = load(name)
    ids = tokenizer.backend.encode(f"a {control} b", add_special_tokens=False).ids
    assert not tokenizer.special & set(ids)


@pytest.mark.packages
def test_smollm2_cuts_numbers_into_digits() -> None:
    encoding = load("smollm2").backend.encode("in 2024")
    assert encoding.tokens == ["in", "Ġ", "2", "0", "2", "4"]


@pytest.mark.packages
def test_the_cached_folder_opens_in_transformers() -> None:
    from transformers import AutoTokenizer

    from reference_tokenizers import folder

    tokenizer = AutoTokenizer.from_pretrained(folder("llama-3.2"), local_files_only=True)
    text = "می‌روم 12345"
    assert tokenizer(text)["input_ids"] == load("llama-3.2").backend.encode(text).ids
    assert tokenizer.bos_token_id == 128000


def test_strings_are_the_same_for_a_seed_and_hold_the_hard_ones() -> None:
    texts = draw(300, seed=3)
    assert texts == draw(300, seed=3)
    assert texts != draw(300, seed=4)
    assert {"", " ", "\n", "\u200c"} <= set(texts)
    assert max(map(len, texts)) >= 5000
    for text in texts:
        text.encode("utf-8")
