"""Measures, intervals and tests, against numbers worked out by hand."""

import math

import pytest

from conftest import build_tokenizer
from tunelab.evaluation.statistics.corrections import holm
from tunelab.tokenizers.intervals import compare_pairs, ratio_interval
from tunelab.tokenizers.loading import FastTokenizer, describe
from tunelab.tokenizers.measures import (
    count_sentences,
    count_text,
    measure_text,
    measure_texts,
    renyi_efficiency,
)
from tunelab.tokenizers.pieces import TEXT, Cut, cut, cut_all
from tunelab.tokenizers.words import (
    count_words,
    has_spaces_between_words,
    sentence_spans,
    word_spans,
)


@pytest.fixture(scope="module")
def small() -> FastTokenizer:
    return describe("small", build_tokenizer().backend_tokenizer)


def _cut(spans: list[tuple[int, int]], kinds: list[str] | None = None) -> Cut:
    number = len(spans)
    kinds = kinds or [TEXT] * number
    return Cut(tuple(range(number)), ("",) * number, tuple(spans), tuple(kinds))


def test_counts_of_a_text() -> None:
    text = "we won, hooray!"
    one = count_text(_cut([(0, 2), (2, 6), (6, 7), (7, 10), (10, 14), (14, 15)]), text)
    assert (one.tokens, one.words, one.characters, one.cores) == (6, 3, 15, 3)
    assert (one.whole, one.continued) == (2, 1)


def test_control_tokens_are_not_counted_and_parts_of_characters_are() -> None:
    one = count_text(
        _cut([(0, 0), (0, 1), (0, 1), (1, 2)], ["special", "bytes", "bytes", "unknown"]), "سx"
    )
    assert (one.tokens, one.fallback, one.unknown, one.bytes) == (3, 2, 1, 3)


def test_words_and_sentences() -> None:
    assert count_words("من می‌روم.  تو؟") == 3
    assert word_spans("«سلام» - Dr. x!") == [(1, 5), (9, 11), (13, 14)]
    text = "One. Two? سه؟ چهار"
    assert [text[first:last] for first, last in sentence_spans(text)] == [
        "One.",
        " Two?",
        " سه؟",
        " چهار",
    ]
    assert sentence_spans("") == [(0, 0)]
    assert sentence_spans("\n\n") == [(0, 2)]
    assert [b for _, b in sentence_spans("你好。再见。")] == [3, 6]


@pytest.mark.parametrize("text", ["One. Two three. Four!", "یک. دو سه.\n\nچهار؟ ", "a"])
def test_sentences_add_up_to_the_text(small: FastTokenizer, text: str) -> None:
    one = cut(small, text)
    parts, whole = count_sentences(one, text), count_text(one, text)
    for name in ("tokens", "words", "characters", "bytes", "cores", "fallback"):
        assert sum(getattr(part, name) for part in parts) == getattr(whole, name)
    assert all(part.whole + part.continued == part.cores for part in parts)


def test_measures_of_a_text(small: FastTokenizer) -> None:
    text = "the rain came down. we sat all day. unseen zebras"
    found = measure_text(cut(small, text), text, seed=1)
    values = found.to_dict()
    assert values["fertility"] == values["tokens"] / 10
    assert values["characters_per_token"] == len(text) / values["tokens"]
    assert values["words_kept_whole"] + values["continued_words"] == pytest.approx(1)
    low, high = values["intervals"]["fertility"]
    assert low <= values["fertility"] <= high
    assert values["undefined"] == {}


def test_what_is_undefined_is_none_with_a_reason(small: FastTokenizer) -> None:
    empty = measure_text(cut(small, ""), "", seed=1).to_dict()
    assert empty["fertility"] is None
    assert empty["undefined"]["fertility"] == "there are no words"
    assert empty["undefined"]["bytes_per_token"] == "there are no tokens"
    chinese = "我们街上的面包店天亮前就开门。"
    unspaced = measure_text(cut(small, chinese), chinese, seed=1).to_dict()
    assert unspaced["fertility"] is None
    assert "no spaces" in unspaced["undefined"]["words_kept_whole"]
    assert unspaced["characters_per_token"] is not None
    assert has_spaces_between_words("سلام 你")


def test_texts_are_sentences(small: FastTokenizer) -> None:
    texts = ["the rain", "all day we sat", "said nothing"]
    found = measure_texts(cut_all(small, texts), texts, seed=1)
    assert found.sentences == 3
    assert found.words == 8


def test_renyi_efficiency() -> None:
    words = ["pick", "@@e", "@@d", "pick", "@@l", "@@e", "@@d", "pick", "@@l", "@@e", "@@s"]
    numbers = {word: position for position, word in enumerate(words)}
    # tokenization-scorer, its authors' library, gives 0.9204840 for these at power 2.5.
    assert renyi_efficiency([numbers[word] for word in words]) == pytest.approx(0.9204840242)
    assert renyi_efficiency([1, 2, 3, 4]) == pytest.approx(1)
    assert renyi_efficiency([1, 1]) is None


def test_an_interval_covers_what_it_should() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        words = rng.integers(5, 20, size=60)
        tokens = rng.poisson(1.8 * words)
        low, high = ratio_interval(list(tokens), list(words), seed=seed, resamples=400) or (0, 0)
        covered += low <= 1.8 <= high
    assert 180 <= covered <= 199


def test_many_sentences_give_the_interval_of_theory() -> None:
    import numpy as np

    rng = np.random.default_rng(1)
    tokens = rng.normal(20, 4, size=20_000)
    low, high = ratio_interval(list(tokens), [1.0] * len(tokens), seed=1) or (0, 0)
    assert (high - low) / 2 == pytest.approx(1.96 * 4 / math.sqrt(20_000), rel=0.15)


def test_intervals_that_do_not_exist() -> None:
    assert ratio_interval([3], [2], seed=1) is None
    assert ratio_interval([1, 2], [0, 1], seed=1) is None
    with pytest.raises(ValueError, match="one length"):
        ratio_interval([1], [1, 2], seed=1)


def test_paired_comparison() -> None:
    left = [10, 12, 9, 14, 11, 13, 12, 10] * 3
    more = [count + 2 for count in left]
    found = compare_pairs(left, more, seed=1)
    assert found.difference == -2
    assert found.ratio == pytest.approx(sum(left) / sum(more))
    assert found.p_value is not None
    assert found.p_value < 0.001
    same = compare_pairs(left, left, seed=1)
    assert same.p_value is None
    assert same.ratio == 1
    swapped = [count + (1 if position % 2 else -1) for position, count in enumerate(left)]
    undecided = compare_pairs(left, swapped, seed=1).p_value
    assert undecided is not None
    assert undecided > 0.5
    assert compare_pairs([], [], seed=1).difference is None


def test_holm_against_an_example_worked_by_hand() -> None:
    assert holm([0.01, 0.04, None, 0.03]) == pytest.approx([0.03, 0.06, None, 0.06])
