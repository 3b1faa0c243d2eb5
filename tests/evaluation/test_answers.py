"""Labels parsed from answers, and the reason where there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunelab.evaluation.answers import (
    CUT,
    EMPTY,
    NEGATED,
    NO_LABEL,
    REASONS,
    SEVERAL,
    UNFINISHED,
    parse_answer,
)

LABELS = ["sadness", "joy", "love", "anger", "fear", "surprise"]


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("joy", "joy"),
        ("JOY!!!", "joy"),
        (" **Joy** ", "joy"),
        ("'Sadness.'", "sadness"),
        ("“joy”", "joy"),
        ("ＪＯＹ", "joy"),
        ("_love_", "love"),
        ("Label: surprise\n", "surprise"),
        ("The emotion in this text is fear.", "fear"),
        ("fear fear", "fear"),
        ("joy, not sadness", "joy"),
        ("not sadness but joy", "joy"),
        ("neither joy nor love, but fear", "fear"),
        ("joy is not sadness", "joy"),
        ("No, anger", "anger"),
        ("I'm not sure, fear", "fear"),
        ("This can’t be joy. It’s fear", "fear"),
        ("Sadness is not what I see here; it is anger", "anger"),
    ],
)
def test_a_label(answer: str, label: str) -> None:
    assert parse_answer(answer, LABELS).label == label
    assert parse_answer(answer, LABELS).reason is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", EMPTY),
        (" . ", EMPTY),
        ("happiness", NO_LABEL),
        ("joyful", NO_LABEL),
        ("angry", NO_LABEL),
        ("I cannot tell.", NO_LABEL),
        ("sadness and joy", SEVERAL),
        ("fear/anger", SEVERAL),
        ("not sadness", NEGATED),
        ("It isn't joy", NEGATED),
        ("It isn’t really a feeling of joy", NEGATED),
        ("no joy", NEGATED),
        ("non-joy", NEGATED),
        ("anything but joy", NEGATED),
        ("the opposite of joy", NEGATED),
        ("sadness is not it", NEGATED),
        ("neither joy nor love", NEGATED),
    ],
)
def test_no_label(answer: str, reason: str) -> None:
    assert parse_answer(answer, LABELS).label is None
    assert parse_answer(answer, LABELS).reason == reason


def test_labels_within_labels_and_other_scripts() -> None:
    assert parse_answer("very positive", ["positive", "very positive"]).label == "very positive"
    assert parse_answer("It is not spam.", ["spam", "not spam"]).label == "not spam"
    assert parse_answer("Answer: 2", ["1", "2"]).label == "2"
    assert parse_answer("2.5", ["2", "5"]).label is None
    assert parse_answer("شادی.", ["شادی", "غم"]).label == "شادی"


@given(st.text(max_size=200))
def test_anything_is_parsed(answer: str) -> None:
    parsed = parse_answer(answer, LABELS)
    assert (parsed.label in LABELS) != (parsed.reason in REASONS)


@given(st.sampled_from(LABELS), st.sampled_from(["", ".", "!", '"', "\n", " ", "**"]))
def test_marks_around_a_label_do_not_matter(label: str, mark: str) -> None:
    assert parse_answer(f"{mark}{label.title()}{mark}", LABELS).label == label


FEW = ["joy", "fear", "anger"]
# What stands in an answer besides the label: reasoning, lists, markup, "Answer:".
AROUND: list[tuple[str, str | None]] = [
    ("<think>\nIt could be fear, no: joy.\n</think>\n\njoy", "joy"),
    ("<think>The choices are anger, fear, joy. Hmm.</think>joy", "joy"),
    ("Let me think. The list is: anger, fear, joy.\n\nAnswer: joy", "joy"),
    ("Options: anger, fear, joy. The answer is **joy**.", "joy"),
    ("joy\n\nExplanation: the writer does not feel fear.", "joy"),
    ("\\boxed{joy}", "joy"),
    ("<thinking>fear?</thinking>\n**Joy**", "joy"),
    ("<reasoning>fear</reasoning> The answer is anger.", "anger"),
    ("<think>fear or joy", None),
    ("<think>a</think> mid <think>fear</think> joy", "joy"),
    ("reasoning fear </think> joy", "joy"),
    ("Final answer: joy", "joy"),
    ("**Answer:** joy", "joy"),
    ("**Final Answer**: joy", "joy"),
    ("So, fear or anger? The final answer is \\boxed{\\text{joy}}.", "joy"),
    (
        "<|channel|>analysis<|message|>fear or joy<|end|><|start|>assistant"
        "<|channel|>final<|message|>joy<|return|>",
        "joy",
    ),
    ("<|channel|>analysis<|message|>fear or joy", None),
    ("analysisThe user wants fear or joy.assistantfinaljoy", "joy"),
    ("analysisWe need to pick fear or", None),
    ("analysis The text is about fear.assistantfinal**Joy**", "joy"),
    ("[THINK]fear[/THINK]joy", "joy"),
    ("◁think▷fear◁/think▷joy", "joy"),
    ("<|START_THINKING|>fear<|END_THINKING|><|START_RESPONSE|>joy<|END_RESPONSE|>", "joy"),
    (
        "<|begin_of_thought|>fear<|end_of_thought|>\n<|begin_of_solution|>joy<|end_of_solution|>",
        "joy",
    ),
    ("<think>x</think><answer>joy</answer>", "joy"),
    ("fear, joy... <answer>joy</answer>", "joy"),
    ("<think></think>", None),
    ("<think>\n\n</think>\n\njoy", "joy"),
    ("Answer: joy\nExplanation: it is not fear but it may be anger", "joy"),
    ("1. anger\n2. fear\n3. joy", None),
    ("anger, fear, joy\n\njoy", "joy"),
    ("Answer: joy or fear", None),
    ("Answer: joy\nAnswer: fear", None),
    ("Answer: fear. Wait. Final answer: joy", "joy"),
    ("The answer is not joy. The answer is fear.", "fear"),
    ("Is it joy, fear or anger? Answer:\njoy", "joy"),
    ("Among anger, fear and joy, the best label is: fear.", "fear"),
    ("The emotion of the text is fear, since anger would be louder.", None),
    ("Label: joy.", "joy"),
    ('{"label": "joy"}', "joy"),
    ("```\njoy\n```", "joy"),
    ("- joy", "joy"),
    ("1. joy", "joy"),
    ("<b>joy</b>", "joy"),
    ("# joy", "joy"),
    ("joy 😀", "joy"),
    ("😀", None),
    ("joy</s>", "joy"),
    ("[joy]", "joy"),
    ("<THINK>fear</THINK> Joy!", "joy"),
    ("<seed:think>fear</seed:think>joy", "joy"),
    ("<thought>\nfear\n</thought>\n<output>joy</output>", "joy"),
    ("Thought: could be fear.\nAnswer: joy", "joy"),
    ("最终答案是joy。", "joy"),
    ("Réponse finale : joy", "joy"),
    ("Antwort: joy", "joy"),
    ("### Answer\njoy", "joy"),
    ("Response: The writer feels joy.", "joy"),
]


@pytest.mark.parametrize(("answer", "label"), AROUND)
def test_the_answer_behind_reasoning_and_lists(answer: str, label: str | None) -> None:
    assert parse_answer(answer, FEW).label == label


# Labels that marks, case or a word of denial is a part of.
HARD: list[tuple[list[str], str, str | None]] = [
    (["pos", "neg"], "答案：pos", "pos"),
    (["-1", "0", "1"], "Answer: -1", "-1"),
    (["-1", "0", "1"], "The sentiment is -1.", "-1"),
    (["-1", "0", "1"], "−1", "-1"),
    (["-1", "0", "1"], "**-1**", "-1"),
    (["-1", "0", "1"], "+1", "1"),
    (["-1", "0", "1"], "-1 (negative)", "-1"),
    (["-1", "0", "1"], "I'd say 1, not -1", "1"),
    (["0", "1", "2"], "-1", None),
    (["0", "1"], "10", None),
    (["0", "1"], "1.5", None),
    (["0", "1"], "1", "1"),
    (["C", "C#", "C++"], "It is written in C++.", "C++"),
    (["C", "C#", "C++"], "C# code", "C#"),
    (["C", "Java"], "C++", None),
    (["C", "Java"], "C#", None),
    (["C", "Java"], "C.", "C"),
    (["C", "Java"], "JavaScript", None),
    (["card", "card arrival"], "The intent is card arrival.", "card arrival"),
    (["card", "card_arrival"], "card arrival", "card_arrival"),
    (["card", "card_arrival"], "Card-Arrival", "card_arrival"),
    (["card", "refund"], "card_arrival", None),
    (["no", "yes"], "No.", "no"),
    (["no", "yes"], "The answer is no.", "no"),
    (["no", "yes"], "No, it is not.", "no"),
    (["none", "spam"], "none of the above", "none"),
    (["not angry", "angry"], "The person is not angry.", "not angry"),
    (["not angry", "angry"], "angry", "angry"),
    (["angry", "calm"], "not angry", None),
    (["neither", "both"], "neither", "neither"),
    (["not", "and"], "Not", "not"),
    (["no", "yes"], "no yes", None),
    (["US", "us"], "US", "US"),
    (["US", "us"], "us", "us"),
    (["US", "us"], "The answer is US.", "US"),
    (["US", "us"], "Us", None),
    (["US", "uk"], "us", "US"),
    ([":)", ":("], "The answer is :).", ":)"),
    ([":)", ":("], "**:(**", ":("),
    (["😀", "😢"], "The mood is 😢!", "😢"),
    (["❤️", "💔"], "❤", "❤️"),
    (["بی\u200cطرف", "مثبت"], "بی طرف", "بی\u200cطرف"),
    (["بی\u200cطرف", "مثبت"], "بیطرف", "بی\u200cطرف"),
    (["علی", "x"], "علي", "علی"),
]


@pytest.mark.parametrize(("labels", "answer", "label"), HARD)
def test_marks_that_are_a_part_of_a_label(
    labels: list[str], answer: str, label: str | None
) -> None:
    assert parse_answer(answer, labels).label == label


def test_an_answer_that_was_cut_says_so() -> None:
    labels = ["card", "card arrival", "joy"]
    for answer in ("card", "The intent is card", "The emotion", ""):
        assert parse_answer(answer, labels, stopped=False).reason == CUT
    for answer in ("joy", "The emotion is joy", "card arrival"):
        assert parse_answer(answer, labels, stopped=False).label in labels
    assert parse_answer("<think>joy", labels, stopped=False).reason == UNFINISHED
    assert parse_answer("<think>joy", labels).reason == UNFINISHED


@pytest.mark.parametrize(
    "answer",
    ["not " * 3000, "'" * 9000, "joy, " * 2000, "\\boxed{" * 1500, "<think>" * 2000, "不" * 8000],
)
def test_long_answers_end_soon(answer: str) -> None:
    import time

    started = time.process_time()
    parse_answer(answer, [*LABELS, "不满", "not angry"])
    assert time.process_time() - started < 5
