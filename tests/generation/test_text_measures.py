"""Counts on texts: each against a case worked out by hand."""

import pytest

from tunelab.generation.text_measures import agreement, distinct_n, repetition, self_bleu, words


def test_words() -> None:
    assert words("Don't stop, NOW!") == ["don't", "stop", ",", "now", "!"]
    assert words("سلام، دنیا") == ["سلام", "،", "دنیا"]
    assert words(" \n") == []


def test_distinct_n() -> None:
    assert distinct_n(["a b a", "b a"], 1) == pytest.approx(2 / 5)
    # (a b), (b a) of the first, (b a) of the second.
    assert distinct_n(["a b a", "b a"], 2) == pytest.approx(2 / 3)
    assert distinct_n(["a", "b"], 2) is None
    assert distinct_n([], 1) is None


def test_repetition() -> None:
    # abc, bca, cab, abc: one of four was there before.
    assert repetition("a b c a b c") == pytest.approx(1 / 4)
    assert repetition("a b c d") == 0
    assert repetition("a b c") is None
    assert repetition("x x x x x x") == pytest.approx(3 / 4)


def test_agreement() -> None:
    assert agreement(["a b c", "a b d"]) == pytest.approx(2 / 3)
    # Pairs: 1, 2/3 and 2/3.
    assert agreement(["a b c", "c b a", "a b d"]) == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    # A word counts as often as it stands in both.
    assert agreement(["a a b", "a b b"]) == pytest.approx(2 / 3)
    assert agreement(["", ""]) == 1
    assert agreement(["a", ""]) == 0
    assert agreement(["a"]) is None


def test_self_bleu_of_two() -> None:
    # 1- to 4-grams that are in the other: 5 of 6, 3 of 5, 2 of 4, 1 of 3; equally long.
    pair = ["the cat sat on the mat", "the cat sat on a mat"]
    expected = (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** (1 / 4)
    assert self_bleu(pair) == pytest.approx(expected)
    assert self_bleu(["the cat sat on the mat"] * 3) == pytest.approx(1)


def test_self_bleu_smooths_what_has_no_match() -> None:
    # 2 of 4 words; of 2-, 3- and 4-grams none, which count as 1/2, 1/4 and 1/8 of one.
    expected = (2 / 4 * (1 / 2) / 3 * (1 / 4) / 2 * (1 / 8) / 1) ** (1 / 4)
    assert self_bleu(["a b c d", "a x c y"]) == pytest.approx(expected)
    assert self_bleu(["a b", "c d"]) == 0


def test_self_bleu_of_three_is_the_mean_of_each_against_the_others() -> None:
    from sacrebleu import sentence_bleu

    texts = ["the rain fell all day", "the rain fell", "all day the sun was out"]
    own = [
        sentence_bleu(
            text, texts[:position] + texts[position + 1 :], use_effective_order=True
        ).score
        for position, text in enumerate(texts)
    ]
    assert self_bleu(texts) == pytest.approx(sum(own) / 3 / 100)


def test_self_bleu_is_undefined_for_one_and_for_nothing() -> None:
    assert self_bleu(["a b c"]) is None
    assert self_bleu(["", " "]) is None
