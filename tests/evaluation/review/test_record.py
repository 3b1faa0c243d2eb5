"""The review of a classifier as one record, and in sentences."""

import json

import numpy as np
import pytest
from scipy.special import softmax

from tunelab.evaluation.review.record import Review, Reviews, make_review, read_reviews
from tunelab.evaluation.review.rows import AskedRows
from tunelab.evaluation.review.temperature import with_temperature
from tunelab.evaluation.review.words import sentences

LABELS = ("joy", "fear", "غم")


def _rows(rows: int, seed: int, sharpness: float = 4.0) -> tuple[np.ndarray, list[int]]:
    generator = np.random.default_rng(seed)
    table = softmax(generator.normal(scale=sharpness, size=(rows, len(LABELS))), axis=1)
    truth = (generator.random(rows)[:, None] > table.cumsum(axis=1)).sum(axis=1)
    return table, np.minimum(truth, len(LABELS) - 1).tolist()


def _review(
    rows: int = 600, *, accuracy: float = 0.95, validated: bool = False, scale: float = 0.4
) -> Review:
    """Of a classifier that is too sure."""
    (known, truth), (asked, asked_truth) = _rows(rows, 1), _rows(1000, 2)
    return make_review(
        "lora-seed1",
        AskedRows(with_temperature(known, scale), truth),
        AskedRows(with_temperature(asked, scale), asked_truth),
        LABELS,
        group="lora",
        validated=validated,
        accuracy=accuracy,
        coverage=0.9,
        seed=0,
    )


def test_it_is_read_as_it_was_written() -> None:
    found = Reviews(0.95, 0.9, (_review(), _review(30)), {"majority": "it has no probabilities"})
    again = read_reviews(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert again == found
    assert again.of("lora") == again.of("lora-seed1") == found.reviews
    assert again.of(None) == again.of("majority") == ()


def test_the_parts_agree() -> None:
    found = _review()
    assert found.temperature.value == pytest.approx(2.5, rel=0.25)
    assert found.error_after is not None
    assert found.error_before is not None
    assert found.error_after < found.error_before / 2
    assert found.kept is not None
    assert found.kept.accuracy.value is not None
    assert found.kept.accuracy.value > 0.93
    assert dict(found.thresholds)[0.95] == found.threshold.value
    # Less is promised at a lower threshold.
    assert dict(found.thresholds)[0.9] < dict(found.thresholds)[0.98]  # type: ignore[operator]
    # At the threshold's coverage the curve has the risk of what is kept.
    coverage = found.kept.coverage.value
    at = int(np.argmin(np.abs(np.array(found.curve.coverage) - coverage)))
    assert found.curve.risk[at] == pytest.approx(1 - found.kept.accuracy.value, abs=0.02)
    assert [one.method for one in found.sets] == ["lac", "aps"]


def test_in_words() -> None:
    told = list(sentences(_review(validated=True)))
    assert told[0].startswith("Send the ")
    assert "least sure to a person" in told[0]
    assert "the rest is right in 9" in told[0]
    assert told[1].startswith("Reviewing the 200 least sure of 1,000 finds ")
    assert "too sure: a temperature of 2." in told[2]
    assert told[3].startswith("Label sets for 90.0 % (LAC): ")
    assert told[-1].startswith("Its training chose the weights")
    easy = list(sentences(_review(accuracy=0.6)))
    assert easy[0].startswith("No answer needs a person for 60.0 % right ones")
    assert not any("Its training" in one for one in easy)


def test_few_rows_promise_what_they_can() -> None:
    told = list(sentences(_review(30)))
    assert told[0].startswith("No threshold promises 95.0 % right answers: 30 rows cannot show")
    assert "The highest accuracy that the 30 validation rows promise is" in told[1]
    none = _review(3)
    told = list(sentences(none))
    assert told[1] == "The 3 validation rows promise no accuracy of 50 % or more."
    assert "stay as they are: 3 rows of at least 20" in " ".join(told)
    assert "none, as there are 3 validation rows of at least 9" in " ".join(told)
    assert none.kept is None
