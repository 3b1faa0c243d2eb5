"""The proof of an export: two sides on the same rows, their labels, probabilities and cost."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tunelab.errors import RunError, UsageError
from tunelab.serving.own_runtime import OwnAnswers, run_code
from tunelab.serving.proof import Proof, Reference, compare_answers, name_rows, read_proof
from tunelab.serving.proof_rows import MOST_ROWS, ProofRows, rows_of_file, rows_of_run, sample_rows
from tunelab.serving.proof_table import proof_rows, told, verdict_in_words

LABELS = ("a", "b")


def _prove(
    before: str,
    after: str,
    truth: str | None,
    *,
    margin: float = 0.01,
    allowed: float | None = None,
    off: float = 0.0,
) -> Proof:
    """The proof of two sides whose labels are the letters of two words, given with certainty."""
    reference = Reference(
        tuple(before), [[0.75, 0.25]] * len(before), None, 2.0, (0.002, 0.001, 0.003)
    )
    found = OwnAnswers(
        labels=tuple(after),
        probabilities=[[0.75 - off, 0.25 + off]] * len(after),
        answers=None,
        seconds=1.0,
        alone=(0.001,),
        opening=0.1,
        memory=1000,
    )
    rows = ProofRows(
        tuple(f"text {at}" for at in range(len(before))),
        None if truth is None else tuple(truth),
        "rows of a test",
    )
    return compare_answers(
        reference,
        found,
        rows,
        margin=margin,
        allowed=allowed,
        no_probabilities="it writes words",
        memory_before=None,
        bytes_before=2000,
        bytes_after=500,
    )


def test_equal_answers_hold_and_few_rows_do_not_decide() -> None:
    proof = _prove("abab", "abab", "abaa")
    assert proof.failed is None
    assert proof.other_labels == ()
    assert proof.largest_difference == 0
    assert proof.accuracy is not None
    assert (proof.accuracy.before, proof.accuracy.after) == (0.75, 0.75)
    assert proof.accuracy.verdict == "undecided"
    assert proof.accuracy.p_value is None
    assert f"{proof.accuracy.rows_needed:,} rows like these would" in verdict_in_words(proof)
    assert proof.before.rows_per_second == 2
    assert proof.before.ms_for_one == 2
    assert proof.after.bytes == 500
    assert read_proof(proof.to_dict()) == proof
    assert "same in 4 of 4 rows" in told(proof)


def test_many_equal_rows_support_that_it_answers_alike() -> None:
    proof = _prove("ab" * 250, "ab" * 250, "ab" * 250)
    assert proof.accuracy is not None
    assert proof.accuracy.verdict == "supported"
    assert "supported" in verdict_in_words(proof)


def test_a_lower_accuracy_fails_and_names_the_rows() -> None:
    proof = _prove("ab" * 50, "bb" * 50, "ab" * 50)
    assert proof.accuracy is not None
    assert proof.accuracy.verdict == "refuted"
    assert proof.accuracy.only_before == 50
    assert proof.accuracy.p_value is not None
    assert proof.accuracy.p_value < 0.001
    assert proof.failed is not None
    assert "50.0 % where it was 100.0 %" in proof.failed
    assert "1 (a → b), 3 (a → b)" in proof.failed
    assert "and 40 more" in proof.failed
    assert len(proof.other_labels) == 50


def test_changes_that_cancel_keep_the_accuracy() -> None:
    proof = _prove("ab", "ba", "aa")
    assert proof.failed is None
    assert len(proof.other_labels) == 2


def test_without_true_labels_the_share_of_other_labels_decides() -> None:
    assert _prove("abab", "abab", None).failed is None
    proof = _prove("abab", "abaa", None)
    assert proof.accuracy is None
    assert proof.failed is not None
    assert "1 row of 4 has another label" in proof.failed
    assert "4 (b → a)" in proof.failed
    assert _prove("abab", "abaa", None, margin=0.25).failed is None
    assert "not known" in verdict_in_words(proof)


@pytest.mark.parametrize(("off", "fails"), [(0.9e-4, False), (1.1e-4, True)])
def test_a_probability_that_arithmetic_does_not_explain_fails(off: float, fails: bool) -> None:
    proof = _prove("ab", "ab", "ab", allowed=1e-4, off=off)
    assert (proof.failed is not None) == fails
    assert proof.largest_difference == pytest.approx(off)
    # Where weights are rounded, the labels decide.
    assert _prove("ab", "ab", "ab", off=off).failed is None


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(RunError, match="not finite"):
        _prove("ab", "ab", "ab", off=math.nan)


def test_no_probabilities_are_said_to_be_missing() -> None:
    proof = replace(_prove("ab", "ab", "ab"), largest_difference=None, reason="it writes words")
    rows = {row["what"]: row for row in proof_rows(proof)}
    assert rows["largest difference of a probability"]["after"] == "–"
    assert rows["largest difference of a probability"]["note"] == "it writes words"
    assert rows["files"] == {
        "what": "files",
        "before": "2 kB",
        "after": "500 B",
        "note": "those of a base model included",
    }
    assert name_rows(()) == ""


def test_rows_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("body,kind\none,a\n ,b\ntwo,b\n", encoding="utf-8")
    found = rows_of_file(file, "body", "kind", LABELS)
    assert (found.texts, found.truth) == (("one", "two"), ("a", "b"))
    assert rows_of_file(file, "body", "kind", ("a",)).truth is None
    assert rows_of_file(file, "body", "label", LABELS).truth is None
    assert found.first(1).texts == ("one",)
    assert "first" in found.first(1).origin
    file.write_text("body\n \n", encoding="utf-8")
    with pytest.raises(UsageError, match="holds no text"):
        rows_of_file(file, "body", "kind", LABELS)


def test_rows_without_a_run(tmp_path: Path) -> None:
    assert rows_of_run(tmp_path / "classifiers" / "one") is None
    found = sample_rows()
    assert 0 < len(found.texts) < MOST_ROWS
    assert found.truth is None


CODE = """
import json
seen = json.load(open("seen.json"))
def classify(texts):
    print("libraries print what they like")
    return [(seen[text], None, text.upper()) for text in texts]
"""


def test_code_runs_in_its_folder_and_knows_nothing_of_tunelab(tmp_path: Path) -> None:
    (tmp_path / "seen.json").write_text('{"bb": "long", "a": null, "": "none"}')
    found = run_code(tmp_path, CODE, ["bb", "a", ""])
    assert found.labels == ("long", None, "none")
    assert found.answers == ("BB", "A", "")
    assert found.probabilities is None
    assert len(found.alone) == 3
    assert found.seconds >= 0


def _code(line: str) -> str:
    return f"def classify(texts):\n    {line}\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (_code("raise ValueError('no such thing')"), "ValueError: no such thing"),
        (_code("return [('a', None, None)]"), "gave 1 answers to 2 texts"),
        (
            "import tunelab\n" + _code("return [('a', None, None)] * len(texts)"),
            "needs tunelab|No module named",
        ),
    ],
)
def test_code_that_fails_says_why(code: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=message):
        run_code(tmp_path, code, ["a", "b"])
