"""Near-duplicates: the quick search finds exactly the pairs that comparing all pairs finds."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from tunelab.data.near_duplicates import near_duplicates

TEXTS = st.lists(st.text("ab ", max_size=14), max_size=12)


def _shingles(text: str) -> set[str]:
    """Character 5-grams of each word with a space at both ends; short words are one shingle."""
    found = set()
    for word in text.split():
        padded = f" {word} "
        found |= {padded[start : start + 5] for start in range(max(1, len(padded) - 4))}
    return found


@given(TEXTS, st.sampled_from([0.1, 1 / 3, 0.5, 2 / 3, 0.8, 1.0]))
def test_exact(texts: list[str], threshold: float) -> None:
    expected = {}
    for (first, one), (second, other) in combinations(enumerate(map(_shingles, texts)), 2):
        if one & other and len(one & other) / len(one | other) >= threshold:
            expected[first, second] = len(one & other) / len(one | other)
    pairs = near_duplicates(texts, threshold)
    assert {(pair.first, pair.second): pair.similarity for pair in pairs} == expected
    assert len(pairs) == len(expected)
    assert pairs == sorted(pairs, key=lambda pair: -pair.similarity)


def test_texts_that_differ_in_an_ending() -> None:
    texts = ["the rain came down all day", "the rain came down all days", "nothing alike here"]
    assert [(pair.first, pair.second) for pair in near_duplicates(texts, 0.6)] == [(0, 1)]


def test_more_rows_than_are_compared_at_once() -> None:
    texts = [f"number {position * 7919} stands here alone" for position in range(1100)]
    texts[3] = texts[1090] = "the very same sentence twice"
    pairs = near_duplicates(texts, 0.95)
    assert (3, 1090, 1.0) in [(pair.first, pair.second, pair.similarity) for pair in pairs]
