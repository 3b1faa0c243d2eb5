"""Columns guessed in files of many makes, all of them invented."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from tunelab.data.column_guess import Proposal, is_like_ids, propose_columns

ROWS = 60
_ENGLISH = "lamp sofa kettle ticket refund driver parcel garden window coffee morning invoice"
_WORDS, _PERSIAN = (
    words.split()
    for words in (_ENGLISH, "کتاب خانه خوب بد امروز فردا ارسال کالا رنگ قیمت راضی تشکر")
)
_CHINESE = "我今天很高兴因为收到了新的书包非常喜欢质量不错"
Row = dict[str, Any]


def _draw(number: int) -> random.Random:
    return random.Random(number)


def _text(number: int) -> str:
    return f"The {' '.join(_draw(number).choices(_WORDS, k=9))} arrived {number} days late."


def _persian(number: int) -> str:
    return " ".join(_draw(number).choices(_PERSIAN, k=8))


def _pick(number: int, *values: Any) -> Any:
    return _draw(number + 7).choice(values)


def _is(text: str | None, label: str | None) -> Callable[[Proposal], bool]:
    return lambda found: (found.text, found.label) == (text, label)


# A name, what a row looks like, and the columns of text and label.
FILES: dict[str, tuple[Callable[[int], Row], tuple[str | None, str | None]]] = {
    "plain": (lambda n: {"text": _text(n), "label": _pick(n, "late", "lost")}, ("text", "label")),
    "label first, no telling names": (
        lambda n: {"v1": _pick(n, "ham", "spam"), "v2": _text(n), "": None},
        ("v2", "v1"),
    ),
    "an id first": (
        lambda n: {"id": n, "review": _text(n), "sentiment": _pick(n, "pos", "neg")},
        ("review", "sentiment"),
    ),
    "a uuid and a time": (
        lambda n: {
            "uuid": f"{_draw(n).getrandbits(64):016x}-4f",
            "created": f"2024-{n % 12 + 1:02d}-03T10:{n % 60:02d}:00Z",
            "msg": _text(n),
            "team": _pick(n, "billing", "legal", "shipping"),
        },
        ("msg", "team"),
    ),
    "ratings from 1 to 5": (
        lambda n: {"Rating": str(n % 5 + 1), "Title": _WORDS[n % 12], "Review": _text(n)},
        ("Review", "Rating"),
    ),
    "numbers of classes": (
        lambda n: {"sentence": _text(n), "label": float(n % 3)},
        ("sentence", "label"),
    ),
    "addresses longer than the texts": (
        lambda n: {
            "link": f"https://shop.example/reviews/2024/with/a/very/long/path/to/item-{n}?from=mail",
            "short": " ".join(_draw(n).choices(_WORDS, k=3)),
            "class": _pick(n, "good", "bad"),
        },
        ("short", "class"),
    ),
    "dates in words": (
        lambda n: {
            "when": f"Mon Jan {n % 28 + 1:02d} 10:22:{n % 60:02d} +0000 2021",
            "tweet": _text(n),
            "topic": _pick(n, "sport", "news"),
        },
        ("tweet", "topic"),
    ),
    "a measured number beside the label": (
        lambda n: {
            "text": _text(n),
            "confidence": round(_draw(n).random(), 4),
            "mood": _pick(n, "a", "b"),
        },
        ("text", "mood"),
    ),
    "two columns that could be labels": (
        lambda n: {
            "text": _text(n),
            "intent": _pick(n, "buy", "ask", "leave"),
            "country": _pick(n + 1, "IR", "DE", "FR"),
        },
        ("text", "intent"),
    ),
    "a column that names the split": (
        lambda n: {
            "text": _text(n),
            "group": _pick(n, "x", "y"),
            "fold": _pick(n, "train", "test"),
        },
        ("text", "group"),
    ),
    "Persian": (
        lambda n: {"شناسه": n, "متن": _persian(n), "برچسب": _pick(n, "راضی", "ناراضی")},
        ("متن", "برچسب"),
    ),
    "Persian, other names": (
        lambda n: {"ستون۱": _pick(n, "خوب", "بد"), "ستون۲": _persian(n)},
        ("ستون۲", "ستون۱"),
    ),
    "Chinese without blanks": (
        lambda n: {"c": _pick(n, "正面", "负面"), "t": "".join(_draw(n).choices(_CHINESE, k=20))},
        ("t", "c"),
    ),
    "the labels in the title of their column": (
        lambda n: {"message": _text(n), "label (0=late, 1=lost)": str(n % 2)},
        ("message", "label (0=late, 1=lost)"),
    ),
    "long labels": (
        lambda n: {
            "q": " ".join(_draw(n).choices(_WORDS, k=4)),
            "reason": _pick(
                n,
                "The customer would like to have the money back",
                "The customer asks where the parcel has gone and when it will come",
            ),
        },
        ("q", "reason"),
    ),
    "title, body and author": (
        lambda n: {
            "author": f"{_WORDS[n % 12].title()} {_WORDS[(n * 5) % 12].title()}{'n' * (n % 7)}",
            "title": " ".join(_draw(n).choices(_WORDS, k=4)),
            "body": _text(n) * 3,
            "priority": _pick(n, "low", "high"),
        },
        ("body", "priority"),
    ),
    "many intents": (
        lambda n: {"text": _text(n), "category": f"intent_{n % 25}"},
        ("text", "category"),
    ),
    "labels that are signs": (
        lambda n: {"text": _text(n), "label": _pick(n, "+", "-", "C#")},
        ("text", "label"),
    ),
    "emoji alone": (
        lambda n: {"post": "".join(_draw(n).choices("😀😡🎉😢🏆", k=5)), "y": n % 2},
        ("post", "y"),
    ),
    "flags that are true or false": (
        lambda n: {"helpful_votes": n % 7, "comment": _text(n), "toxic": n % 3 == 0},
        ("comment", "toxic"),
    ),
    "a user who wrote several rows": (
        lambda n: {"user_id": f"user-{n % 10:04d}", "text": _text(n), "stars": n % 5},
        ("text", "stars"),
    ),
    "two rows": (
        lambda n: {"text": _text(n), "label": "yes" if n % 2 else "no"},
        ("text", "label"),
    ),
    # Nothing to propose: a sentence says why.
    "one column": (lambda n: {"text": _text(n)}, ("text", None)),
    "semicolons read as one column": (
        lambda n: {"text;label": f"{_text(n)};late"},
        (
            "text;label",
            None,
        ),
    ),
    "an id for the label": (
        lambda n: {"text": _text(n), "author": f"user-{n:05d}"},
        ("text", None),
    ),
    "a score for the label": (
        lambda n: {"text": _text(n), "score": round(_draw(n).random(), 4)},
        ("text", None),
    ),
    "a constant": (lambda n: {"text": _text(n), "label": "late"}, ("text", None)),
    "a column for each label": (
        lambda n: {
            "text": _text(n),
            **{
                name: int(n % 3 == position)
                for position, name in enumerate(("joy", "fear", "anger"))
            },
        },
        ("text", None),
    ),
    "lists": (lambda n: {"messages": [{"content": _text(n)}]}, (None, None)),
    "numbers alone": (lambda n: {"a": n, "b": n / 7}, (None, None)),
}


@pytest.mark.parametrize("name", FILES)
def test_columns_of_a_file(name: str) -> None:
    row, expected = FILES[name]
    found = propose_columns(row(n) for n in range(2 if name == "two rows" else ROWS))
    assert (found.text, found.label) == expected
    assert (found.problem is None) == (None not in expected)
    assert found.problem is None or (found.problem[0].isupper() and found.problem.endswith("."))


def test_other_columns_are_named() -> None:
    row, _ = FILES["two columns that could be labels"]
    assert propose_columns(map(row, range(ROWS))).others == ("country",)


def test_a_file_that_is_sorted_by_label() -> None:
    rows = [{"t": _text(n), "k": "late" if n < 300 else "lost"} for n in range(600)]
    assert propose_columns(rows) == Proposal("t", "k")


def test_no_rows() -> None:
    assert propose_columns([]).problem == "The file has no columns."


def test_what_is_like_ids() -> None:
    assert is_like_ids({f"user-{n}": 1 for n in range(30)})
    assert not is_like_ids({"a": 1, "b": 1})
    assert not is_like_ids({"a": 10, "b": 5, "c": 1})


@pytest.mark.parametrize("first", [0, 1])
def test_a_file_without_names_of_columns(first: int) -> None:
    label, text = _pick(first, "ham", "spam"), _text(first)
    rows = [{label: _pick(n, "ham", "spam"), text: _text(n)} for n in range(1, ROWS)]
    found = propose_columns(rows)
    assert (found.text, found.label, found.nameable) == (None, None, True)
    assert found.problem is not None
    assert f"it has {label!r}, which is a label of other rows" in found.problem


@pytest.mark.parametrize(
    "value",
    [
        lambda n: f"2024-03-{n % 28 + 1:02d}",
        lambda n: n * 17,
        lambda n: f"https://example.org/{n}",
        lambda n: ["a", "list", n],
        lambda n: b"bytes",
        lambda n: "always the same words",
    ],
    ids=["dates", "numbers", "addresses", "lists", "bytes", "one value"],
)
def test_the_labels_are_not_taken_for_the_texts(value: Callable[[int], Any]) -> None:
    found = propose_columns({"text": value(n), "label": _pick(n, "a", "b")} for n in range(ROWS))
    assert (found.text, found.label) == (None, None)
    assert found.problem is not None
    assert "'label' looks like labels" in found.problem
    assert "'text' holds numbers" in found.problem


@pytest.mark.parametrize("value", [["a"], ["a", "b"], {"name": "a"}])
def test_labels_that_are_lists(value: object) -> None:
    found = propose_columns({"text": _text(n), "label": value} for n in range(ROWS))
    assert found.label is None
    assert "holds lists or objects. tunelab gives a text one label" in str(found.problem)
