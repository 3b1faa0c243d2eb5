"""The baselines on texts of any script, and on texts without a word."""

import pytest

from tunelab.errors import RunError
from tunelab.evaluation.baselines import majority, tfidf_svm


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (["good soup", "warm soup", "soup again"], ["cold bread", "old bread", "bread again"]),
        (["😀🎉", "🎉😀", "🎉"], ["💢🤬", "🤬💢", "🤬"]),
        (["a", "a", "a"], ["b", "b", "b"]),
        (["?!", "?!?", "!?"], ["...", "....", ".."]),
        (["这碗汤很热", "汤真好喝", "热汤"], ["面包太硬了", "硬面包", "面包不新鲜"]),
        (["خیلی خوب بود", "خوب بود", "خوب است"], ["بد بود", "خیلی بد", "بد است"]),
        (["ซุปร้อนมาก", "ซุปอร่อย", "ซุป"], ["ขนมปังแข็ง", "ขนมปังเก่า", "ขนมปัง"]),
    ],
)
def test_tfidf_learns_what_tells_them_apart(left: list[str], right: list[str]) -> None:
    labels = ["left"] * len(left) + ["right"] * len(right)
    texts = [*left, *right]
    assert tfidf_svm(texts, labels, texts, seed=1) == labels
    # A question without anything known is answered too.
    assert len(tfidf_svm(texts, labels, ["", "⚙", "unknown"], seed=1)) == 3


def test_tfidf_without_a_character() -> None:
    with pytest.raises(RunError, match="TF-IDF baseline cannot be trained"):
        tfidf_svm(["", ""], ["a", "b"], ["x"], seed=1)


def test_majority() -> None:
    assert majority(["x"] * 3, ["b", "a", "b"], ["?"] * 2, seed=1) == ["b", "b"]
    assert majority(["x"] * 2, ["b", "a"], ["?"], seed=1) == ["a"]
