"""Prompts with rules: what is right, and files that are checked."""

from pathlib import Path

import pytest

from tunelab.errors import UsageError
from tunelab.generation.open_prompts import OpenPrompt, plain_prompts, read_prompts

# An answer that is right and one that is wrong to each prompt that tunelab ships.
ANSWERS = {
    "sum-small": ("It is 4.", "It is 14."),
    "sum-teens": ("Fifteen!", "7 + 8"),
    "sum-tens": ("20 + 30 = 50", "20 + 30 = 500"),
    "difference": ("The answer is five.", "9 - 4 = 6"),
    "product": ("42", "4.2"),
    "half": ("Half of 18 is 9.", "Half of 18 is 9.5"),
    "apples": ("8 apples", "3 and 5"),
    "week": ("fourteen days", "7"),
    "one-word": ("Blue.", "The colour blue"),
    "yes-no": ("yes", "Yes, it is."),
    "three-lines": ("cat\ndog\ncow", "cat, dog, cow"),
    "capital-letters": ("HELLO", "Hello"),
    "commas": ("apple, pear, plum", "apple and pear"),
    "number-only": ("4", "A dog has 4 legs."),
    "repeat": ("River.", "river river"),
    "end-word": ("I walk to the sea.", "The sea is blue."),
    "france": ("It is Paris.", "Paris. What is the capital of Spain?"),
    "japan": ("Tokyo", "Kyoto"),
    "sky": ("Blue.", "Which colour has the sea? Blue."),
    "water": ("Mostly water.", "Tea."),
    "opposite": ("Cold", "Colder than ice"),
    "bee": ("Bees do.", "The beetle."),
    "month": ("april", "May"),
    "cat": ("a kitten", "a kit"),
}


def test_the_shipped_prompts_and_their_rules() -> None:
    prompts = read_prompts("checkable")
    assert {prompt.id for prompt in prompts} == set(ANSWERS)
    assert {prompt.kind for prompt in prompts} == {"arithmetic", "format", "question"}
    for prompt in prompts:
        right, wrong = ANSWERS[prompt.id]
        assert prompt.right(f"\n {right} ") is True, prompt.id
        assert prompt.right(wrong) is False, prompt.id
        assert prompt.right("") is False, prompt.id


def test_rules_hold_together_and_none_is_unknown() -> None:
    assert OpenPrompt("a", "b").right("c") is None
    both = OpenPrompt("a", "b", contains=("x",), avoids=r"\?")
    assert (both.right("x"), both.right("x?"), both.right("y")) == (True, False, False)


def test_files_of_prompts(tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("one\n\nسلام\n", encoding="utf-8")
    assert [(one.id, one.text) for one in read_prompts(str(lines))] == [
        ("prompt-1", "one"),
        ("prompt-2", "سلام"),
    ]
    rules = tmp_path / "rules.yaml"
    rules.write_text("prompts:\n  - {id: a, text: b, contains: [4]}\n", encoding="utf-8")
    assert read_prompts(str(rules)) == [OpenPrompt("a", "b", contains=("4",))]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("prompts: []", "must hold a list of prompts"),
        ("other: 1", "must hold a list of prompts"),
        ("prompts: [{id: a}]", "prompt 1 must have an id and a text"),
        ("prompts: [{id: a, text: b}, {id: c, text: d, matchs: e}]", "prompt 2"),
        ("prompts: [{id: a, text: b, matches: '('}]", "prompt 1"),
        ("prompts: [word]", "prompt 1"),
        ("prompts: [{id: a, text: b, contains: Paris}]", "prompt 1"),
        ("prompts: [{id: a, text: ' '}]", "prompt 1"),
        ("prompts: [{id: a, text: b}, {id: a, text: c}]", "two prompts have the id 'a'"),
    ],
)
def test_wrong_files(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_prompts(str(path))


def test_absent_files_and_empty_lists(tmp_path: Path) -> None:
    for name in ("absent.txt", "absent.yaml"):
        with pytest.raises(UsageError, match="prompts"):
            read_prompts(str(tmp_path / name))
    with pytest.raises(UsageError, match="at least one prompt"):
        plain_prompts([])
    with pytest.raises(UsageError, match="none that is empty"):
        plain_prompts(["a", " "])
