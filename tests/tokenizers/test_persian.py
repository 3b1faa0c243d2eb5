"""Boundaries and spellings, on words whose answer is known."""

import pytest

from conftest import build_tokenizer
from tunelab.errors import UsageError
from tunelab.tokenizers.claims import tokens_per_sentence
from tunelab.tokenizers.loading import FastTokenizer, describe, load
from tunelab.tokenizers.morphology import (
    Word,
    built_in,
    chance,
    gold_boundaries,
    score,
    token_boundaries,
)
from tunelab.tokenizers.parallel import built_in as sentences
from tunelab.tokenizers.persian import CHANGES, compare_changes, compare_variants
from tunelab.tokenizers.pieces import Cut


def _cut(*spans: tuple[int, int]) -> Cut:
    number = len(spans)
    return Cut(tuple(range(number)), ("",) * number, spans, ("text",) * number)


WORD = "می‌روم"


@pytest.mark.parametrize(
    ("spans", "positions"),
    [
        # The joiner is no letter: cut before, behind or around it, the boundary is the same.
        ([(2, 5), (5, 8)], {2}),
        ([(2, 4), (4, 8)], {2}),
        ([(2, 4), (4, 5), (5, 8)], {2}),
        ([(2, 8)], set()),
        # The joiner in two bytes is still one cut.
        ([(2, 4), (4, 5), (4, 5), (5, 8)], {2}),
        # A letter in two bytes is a cut within it.
        ([(2, 3), (2, 3), (3, 8)], {0.5, 1}),
        ([(0, 1), (1, 4), (5, 7), (7, 8)], {2, 4}),
    ],
)
def test_where_tokens_end(spans: list[tuple[int, int]], positions: set[float]) -> None:
    assert token_boundaries(_cut(*spans), WORD, 2) == positions


def test_gold_boundaries_leave_out_the_joiner() -> None:
    assert gold_boundaries(Word(WORD, ("می‌", "رو", "م"), "mi-prefix")) == {2, 4}


def test_a_cut_behind_every_character_has_full_recall_and_the_precision_of_chance() -> None:
    words = built_in()
    everywhere = chance(words)
    assert everywhere["recall"] == 1
    assert 0.2 < everywhere["precision"] < 0.4


def test_scores_have_intervals_and_categories() -> None:
    small = describe("small", build_tokenizer().backend_tokenizer)
    found = score(small, built_in(), seed=1)
    # Bytes alone: every boundary is found, and many that are none.
    assert found["recall"] == 1
    assert found["precision"] < chance(built_in())["precision"]
    low, high = found["intervals"]["precision"]
    assert low < found["precision"] < high
    assert sum(part["words"] for part in found["categories"].values()) == found["words"]


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("joiner dropped", "می‌روم", "میروم"),
        ("joiner as space", "می‌روم", "می روم"),
        ("Arabic kaf", "کتاب", "كتاب"),
        ("Arabic yeh", "ایران", "ايران"),
        ("ASCII digits", "۱۲", "12"),
        ("Arabic digits", "۱۲", "١٢"),
        ("marks dropped", "لطفاً", "لطفا"),
        ("hamza dropped", "مؤثر", "موثر"),
        ("heh and joined yeh", "خانهٔ", "خانه‌ی"),
        ("heh with hamza in one", "خانهٔ", "خانۀ"),
    ],
)
def test_changes_of_spelling(name: str, text: str, changed: str) -> None:
    assert CHANGES[name](text) == changed


def _small() -> FastTokenizer:
    return describe("small", build_tokenizer().backend_tokenizer)


def test_what_a_spelling_does_to_the_count() -> None:
    pairs = {"space": [("می‌روم", "می روم")] * 12, "same length": [("کار", "كار")] * 12}
    found = {row["kind"]: row for row in compare_variants([_small()], pairs, seed=1)}
    # Three bytes of the joiner against one of the space, all on their own here.
    assert found["space"]["difference"] < 0
    assert found["space"]["p_adjusted"] < 0.01
    assert found["same length"]["difference"] == 0
    assert found["same length"]["p_adjusted"] is None


def test_changes_count_the_sentences_that_they_alter() -> None:
    found = compare_changes([_small()], ["کار", "no", "۱۲"], seed=1)
    rows = {row["kind"]: row["sentences"] for row in found}
    assert rows["Arabic kaf"] == 1
    assert rows["ASCII digits"] == 1
    assert "joiner dropped" not in rows


@pytest.mark.packages
def test_counts_for_claims() -> None:
    counts = tokens_per_sentence("llama-3.2")
    assert len(counts) == sentences().rows
    text = sentences().sentences["fa"][3]
    assert counts[3] == len(load("llama-3.2").backend.encode(text, add_special_tokens=False).ids)
    mistral = tokens_per_sentence("mistral-7b-v0.1", "fa")
    assert sum(mistral) > 2 * sum(counts)
    with pytest.raises(UsageError, match="unknown language 'pe'"):
        tokens_per_sentence("llama-3.2", "pe")
