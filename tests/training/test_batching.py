"""What a batch runs of its rows, and what it trains."""

from tunelab.prompts.encoding import IGNORED, EncodedExample
from tunelab.training.batching import PackedCollator, PaddedCollator


def _row(ids: tuple[int, ...], prompt: int) -> EncodedExample:
    return EncodedExample(ids, (IGNORED,) * prompt + ids[prompt:], prompt, 0)


ROWS = [_row((1, 2, 3, 8, 9), 3), _row((1, 2, 4, 5, 7, 9), 4)]


def test_packed_rows_leave_out_what_predicts_nothing() -> None:
    batch = PackedCollator(2)(ROWS)
    # The prefix, 3 and 8 of the first row, 4, 5 and 7 of the second: no 9.
    assert batch["input_ids"].tolist() == [[1, 2, 3, 8, 4, 5, 7]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 2, 3, 4]]
    assert batch["labels"].tolist() == [[IGNORED, 8, 9, 7, 9]]
    assert batch["predicted"].tolist() == [2, 3, 5, 6]
    assert batch["rows"].tolist() == [0, 0, 1, 1]


def test_a_row_that_trains_nothing_is_run_whole() -> None:
    batch = PackedCollator(2)([_row((1, 2, 3), 3), ROWS[0]])
    assert batch["input_ids"].tolist() == [[1, 2, 3, 8]]
    assert batch["predicted"].tolist() == [2, 3]
    assert batch["rows"].tolist() == [1, 1]


def test_padded_rows_predict_the_same_labels() -> None:
    packed, padded = PackedCollator(2)(ROWS), PaddedCollator(0)(ROWS)
    assert padded["input_ids"].tolist() == [[0, 1, 2, 3, 8, 9], [1, 2, 4, 5, 7, 9]]
    assert padded["labels"].equal(packed["labels"])
    ids, shared = padded["input_ids"].flatten(), packed["input_ids"].flatten()
    assert ids[padded["predicted"]].equal(shared[packed["predicted"]])
