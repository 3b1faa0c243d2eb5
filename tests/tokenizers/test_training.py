"""Three algorithms on the same words, and what they cost a model."""

from pathlib import Path

import pytest

from tunelab.errors import UsageError
from tunelab.models.known import known_shape
from tunelab.tokenizers.cost import rows_at_length, text_cost
from tunelab.tokenizers.loading import load
from tunelab.tokenizers.parallel import built_in
from tunelab.tokenizers.pieces import cut
from tunelab.tokenizers.round_trip import round_trip
from tunelab.tokenizers.training import ALGORITHMS, curve, save, split_lines, train
from tunelab.tokenizers.vocabulary import as_bytes, overlaps, scripts

SENTENCES = built_in().sentences
LINES = [text for code in ("fa", "en") for text in SENTENCES[code]]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_trained_tokenizer_is_exact_and_comes_back_from_its_file(
    algorithm: str, tmp_path: Path
) -> None:
    tokenizer = train(LINES, algorithm=algorithm, vocabulary=900)
    assert 600 <= tokenizer.vocabulary_size <= 900
    again = load(str(save(tokenizer, tmp_path)))
    for text in ("## می‌رود ##x", "你好 👩‍👩\n", "", "a" * 300, *LINES[:5]):
        assert round_trip(tokenizer, text).exact
        one = cut(tokenizer, text)
        assert "unknown" not in one.kinds
        assert cut(again, text) == one
    assert "می‌" in "".join(cut(tokenizer, "می‌رود").pieces)


def test_the_same_text_gives_the_same_tokenizer() -> None:
    for algorithm in ALGORITHMS:
        first, second = (train(LINES, algorithm=algorithm, vocabulary=700) for _ in range(2))
        # The library's WordPiece trainer breaks ties between pairs as a hash falls.
        allowed = 7 if algorithm == "wordpiece" else 0
        assert len(as_bytes(first) ^ as_bytes(second)) <= allowed


def test_a_larger_vocabulary_needs_fewer_tokens(tmp_path: Path) -> None:
    rows = curve(
        LINES, algorithms=["bpe", "unigram"], vocabularies=[600, 1200], seed=1, out=tmp_path
    )
    fertility = {(row["algorithm"], row["asked"]): row["fertility"] for row in rows}
    assert fertility["bpe", 1200] < fertility["bpe", 600]
    assert fertility["unigram", 1200] < fertility["unigram", 600]
    assert (tmp_path / "bpe-600" / "tokenizer.json").is_file()


def test_held_out_lines_are_not_trained_on() -> None:
    kept, held_out = split_lines([str(number) for number in range(100)])
    assert len(held_out) == 10
    assert not set(kept) & set(held_out)


@pytest.mark.parametrize(
    ("algorithm", "vocabulary", "message"),
    [("bpe", 256, "too small"), ("wordpiece", 512, "too small"), ("bp", 900, "did you mean bpe")],
)
def test_what_cannot_be_trained(algorithm: str, vocabulary: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        train(LINES, algorithm=algorithm, vocabulary=vocabulary)


def test_too_few_lines() -> None:
    with pytest.raises(UsageError, match="3 lines are too few"):
        curve(["a", "b", "c"], algorithms=["bpe"], vocabularies=[600], seed=1)


def test_overlap_is_of_bytes_and_scripts_are_of_letters() -> None:
    small = train(LINES, algorithm="bpe", vocabulary=700)
    piece = train(LINES, algorithm="wordpiece", vocabulary=900)
    pairs = {(row["left"], row["right"]): row for row in overlaps([small, piece])}
    assert pairs["bpe-700", "bpe-700"]["jaccard"] == 1
    assert 0.3 < pairs["bpe-700", "wordpiece-900"]["of_smaller"] < 1
    assert scripts(small)["ARABIC"] > 50


def test_rows_at_a_largest_length() -> None:
    found = rows_at_length([2, 4, 10, 4], max_length=5, batch_size=2)
    assert (found.rows, found.cut, found.share_cut, found.longest) == (4, 1, 0.25, 10)
    assert found.tokens_lost == pytest.approx(1 - 15 / 20)
    assert found.padding_to_max_length == pytest.approx(1 - 15 / 20)
    assert found.padding_in_batches == pytest.approx(1 - 15 / 18)
    assert found.padding_by_length == pytest.approx(1 - 15 / 18)
    empty = rows_at_length([], max_length=5, batch_size=2)
    assert empty.share_cut is None
    assert empty.padding_in_batches is None


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("smollm2-135m-instruct", 134_515_008),
        ("gemma-3-270m", 268_098_176),
        ("llama-3.2-1b", 1_235_814_400),
        ("llama-3.2-3b", 3_212_749_824),
        ("mistral-7b-v0.1", 7_241_732_096),
    ],
)
def test_shapes_have_the_parameters_of_their_models(name: str, parameters: int) -> None:
    shape = known_shape(name)
    counted = shape.linear_parameters + shape.embedding_parameters()
    # Norms are left out: less than a thousandth.
    assert 0 <= parameters - counted < parameters / 1000


def test_cost_of_a_million_words() -> None:
    shape = known_shape("meta-llama/Llama-3.2-1B")
    cost = text_cost(shape, vocabulary=128_256, tokens_a_word=2.0, context=1)
    assert cost.tokens == 2_000_000
    # 16 layers x 8 heads x 64 numbers, keys and values, two bytes each: 32 KiB a token.
    assert cost.cache_bytes == 32_768 * 2_000_000
    assert cost.compute == pytest.approx(2 * 1_235_814_400 * 2_000_000, rel=0.001)
    twice = text_cost(shape, vocabulary=128_256, tokens_a_word=4.0, context=1)
    assert twice.compute == 2 * cost.compute
    with pytest.raises(UsageError, match=r"did you mean llama-3\.2-1b"):
        known_shape("llama-3.2-1")
