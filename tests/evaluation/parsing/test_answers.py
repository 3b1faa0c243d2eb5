"""Labels parsed from answers, and the reason where there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunelab.evaluation.parsing.answers import (
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
    ("<think>\njoy\n</think>", None),
    ("<think>fear</think>\n\nI think it's **joy**!", "joy"),
    ("<Thinking>\nfear\n</Thinking>\n<Answer>\njoy\n</Answer>", "joy"),
    ("Okay, the user wants fear or joy...\n</think>\n\nAnger", "anger"),
    ("<think>\n<think>fear</think>\njoy", "joy"),
    ("<reflection>anger?</reflection>The final label: joy", "joy"),
    ("Reasoning: the text mentions fear and anger.\nLabel: joy", "joy"),
    ("Step 1: fear? no. Step 2: anger? no.\n\n**Final Answer: joy**", "joy"),
    ("$\\boxed{joy}$", "joy"),
    ("The answer is $\\boxed{\\textbf{joy}}$.", "joy"),
    ("Therefore, the answer is: joy", "joy"),
    ("Choices:\n- anger\n- fear\n- joy\n\nMy answer: joy", "joy"),
    ("A: joy", "joy"),
    ("Sentiment → fear", "fear"),
    ('{"emotion": "fear", "confidence": 0.9}', "fear"),
    ("<|channel|>final<|message|>joy", "joy"),
    (
        "<|channel|>commentary<|message|>x<|end|>"
        '<|start|>assistant<|channel|>final <|constrain|>json<|message|>{"label":"joy"}<|return|>',
        "joy",
    ),
    ("final answer: not joy but fear", "fear"),
    ("Answer: Not joy.", None),
    ("joy, fear, anger", None),
    ("I'd choose joy over fear.", None),
    ("The answer could be joy, fear or anger.", None),
    ("joy.\n\nText: the dog barked\nLabel: fear", None),
    ("**joy**\n\nThis text expresses joy because there is no anger.", "joy"),
    ("Joy\n\n(fear would be wrong)", "joy"),
    ("Answer: joy (confidence: high; not fear)", "joy"),
    ("joy<|im_end|>", "joy"),
    ("<start_of_turn>joy<end_of_turn>", "joy"),
    ("assistant\njoy", "joy"),
    ("‘joy’", "joy"),
    ("joy🙂", "joy"),
    ("joy/fear", None),
    ("not applicable", None),
    ("N/A", None),
    ("joyous", None),
    ("Joy-filled", "joy"),
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
    (["A+", "A", "A-"], "A-", "A-"),
    (["A+", "A", "A-"], "The grade is A+.", "A+"),
    (["A+", "A", "A-"], "Grade: A", "A"),
    (["A+", "A", "A-"], "**A-**.", "A-"),
    (["$", "$$", "$$$"], "$$", "$$"),
    (["$", "$$", "$$$"], "Price: $$$", "$$$"),
    ([">", "<", "="], "Answer: <", "<"),
    ([">50K", "<=50K"], "<=50K", "<=50K"),
    ([">50K", "<=50K"], "The income is >50K.", ">50K"),
    ([">50K", "<=50K"], "50K", None),
    (["0-10", "10-20", "20+"], "The class is 10-20.", "10-20"),
    (["0-10", "10-20", "20+"], "20+", "20+"),
    (["Sci/Tech", "World", "Business"], "Sci/Tech", "Sci/Tech"),
    (["Sci/Tech", "World", "Business"], "It belongs to Sci/Tech.", "Sci/Tech"),
    (["Sci/Tech", "World"], "sci tech", None),
    (["B-PER", "I-PER", "O"], "B-PER", "B-PER"),
    (["B-PER", "I-PER", "O"], "The tag is I-PER.", "I-PER"),
    (["B-PER", "I-PER", "O"], "O.", "O"),
    (["LABEL_0", "LABEL_1"], "LABEL_1", "LABEL_1"),
    (["LABEL_0", "LABEL_1"], "label 1", "LABEL_1"),
    (["LABEL_0", "LABEL_1"], "The label is LABEL_0.", "LABEL_0"),
    (["1 star", "2 stars", "5 stars"], "2 stars", "2 stars"),
    (["1 star", "2 stars"], "I would give 1 star.", "1 star"),
    (["non-toxic", "toxic"], "non-toxic", "non-toxic"),
    (["non-toxic", "toxic"], "The text is non-toxic.", "non-toxic"),
    (["non-toxic", "toxic"], "not toxic", None),
    (["not_hate", "hate"], "not hate", "not_hate"),
    (["not_hate", "hate"], "This is not_hate.", "not_hate"),
    (["hate", "no hate"], "no hate", "no hate"),
    (["entailment", "not_entailment"], "not entailment", "not_entailment"),
    (["true", "false"], "True", "true"),
    (["TRUE", "FALSE"], "true.", "TRUE"),
    (["0", "1"], "0.", "0"),
    (["0", "1"], "Label 1", "1"),
    (["0", "1"], "1 (spam)", "1"),
    (["i", "I"], "I", "I"),
    (["i", "I"], "i", "i"),
    (["straße", "strasse"], "straße", "straße"),
    (["x₂", "x2"], "x₂", "x₂"),
    (["½", "1/2"], "½", "½"),
    (["①", "1"], "①", "①"),
    (["K", "k"], "k", "k"),
    (["#joy", "#sad"], "#joy", "#joy"),
    (["@a", "@b"], "@a", "@a"),
    (["“yes”", "no"], "“yes”", "“yes”"),
    (["l'amour", "la haine"], "C'est l'amour.", "l'amour"),
    (["d'accord", "non"], "D’accord", "d'accord"),
    (["amour", "haine"], "l'amour", "amour"),
    (["amour", "haine"], "Il n'y a pas d'amour", None),
    (["amour", "haine"], "Ce n'est guère de l'amour", None),
    (["Freude", "Trauer"], "keinerlei Freude", None),
    (["Freude", "Trauer"], "Freude ist hier nicht zu erkennen.", None),
    (["Freude", "Trauer"], "Es ist zwar nicht Trauer, aber Freude", "Freude"),
    (["positiv", "negativ"], "Der Text ist nicht positiv, sondern negativ.", "negativ"),
    (["مثبت", "منفی"], "این متن مثبت نیست", None),
    (["مثبت", "منفی"], "مثبت نمی\u200cباشد", None),
    (["مثبت", "منفی"], "نظر منفی است، نه مثبت", "منفی"),
    (["مثبت", "منفی"], "نه مثبت است و نه منفی", None),
    (["مثبت", "منفی"], "مثبت نبود", None),
    (["مثبت", "منفی"], "قطعاً مثبت", "مثبت"),
    (["مثبت", "منفی"], "غیر مثبت", None),
    (["مثبت", "منفی"], "غیرمثبت", None),
    (["积极", "消极"], "并非积极", None),
    (["积极", "消极"], "情感倾向：消极", "消极"),
    (["积极", "消极"], "不是消极的，是积极的", "积极"),
    (["积极", "消极"], "我认为是积极", "积极"),
    (["积极", "消极"], "不算积极", None),
    (["正面", "负面"], "正面而非负面", "正面"),
    (["ポジティブ", "ネガティブ"], "ポジティブではない", None),
    (["ポジティブ", "ネガティブ"], "ネガティブです。", "ネガティブ"),
    (["肯定", "否定"], "否定", "否定"),
    (["肯定", "否定"], "答えは否定です", "否定"),
    (["긍정", "부정"], "긍정이 아닌 부정", "부정"),
    (["긍정", "부정"], "부정", "부정"),
    (["긍정", "부정"], "긍정적이지 않다", None),
    (["olumlu", "olumsuz"], "olumsuz", "olumsuz"),
    (["olumlu", "olumsuz"], "Metin olumlu değil.", None),
    (["olumlu", "olumsuz"], "olumlu değil, olumsuz", "olumsuz"),
    (["положительный", "отрицательный"], "не положительный, а отрицательный", "отрицательный"),
    (["سلبي", "إيجابي"], "ليس إيجابيا", None),
    (["سلبي", "إيجابي"], "النص سلبي وليس إيجابي", "سلبي"),
    (["سلبي", "إيجابي"], "لیس سلبي بل إيجابي", "إيجابي"),
    (["सकारात्मक", "नकारात्मक"], "यह सकारात्मक नहीं है।", None),
    (["सकारात्मक", "नकारात्मक"], "यह नकारात्मक है।", "नकारात्मक"),
    (["positivo", "negativo"], "No es positivo.", None),
    (["positivo", "negativo"], "El texto es negativo, no positivo.", "negativo"),
    (["positive", "negative"], "This is by no means positive", None),
    (["positive", "negative"], "It's hardly positive", None),
    (["positive", "negative"], "It can't be anything but positive", "positive"),
    (["positive", "negative"], "Definitely not negative; positive.", "positive"),
    (["positive", "negative"], "It fails to be positive", None),
    (["spam", "ham"], "There is no evidence of spam", None),
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


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("minus 2", "-2"),
        ("The score is negative 2.", "-2"),
        ("- 2", None),
        ("Answer: - 2", None),
        ("It is - 2", None),
        ("-2", "-2"),
        ("2", "2"),
        ("2 and not minus 2", "2"),
    ],
)
def test_a_minus_sign_away_from_its_number(answer: str, label: str | None) -> None:
    assert parse_answer(answer, ["-2", "0", "2"]).label == label


def test_a_list_mark_before_a_number_that_has_no_negative() -> None:
    assert parse_answer("- 2", ["0", "2"]).label == "2"
