"""Every label of a set comes back through the whole path: tokens, answers, scores, files, tables.

The model is tiny and random, and what it writes is forced: its vocabulary's logits are set so that
it spells the label's own tokens through the real decoding. Nothing of the path is replaced.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from conftest import build_model, build_tokenizer, write_model
from tunelab.classifiers.answer_room import check_encoder, check_parsing
from tunelab.classifiers.answered import measured, table_rows
from tunelab.classifiers.asking import label_tokens
from tunelab.classifiers.contract import Answers
from tunelab.cli.main import main
from tunelab.config import Evaluation
from tunelab.data.examples import Example
from tunelab.evaluation.parsing.answers import DRESSINGS, parse_answer, prove
from tunelab.evaluation.predictions import Given, read_predictions
from tunelab.inference.answering import answer_prompts
from tunelab.inference.scoring import score_labels
from tunelab.prompts.conversation import make_format
from tunelab.prompts.encoding import Encoder
from tunelab.runs.results import write_table

SCRIPTS = {
    "latin": ["été", "naïve", "straße"],
    "greek": ["χαρά", "λύπη", "θυμός"],
    "cyrillic": ["радость", "грусть", "ёлка"],
    "arabic": ["فرح", "حزن", "غضب"],
    "persian": ["شادی", "بی‌طرف", "خشم"],
    "hebrew": ["שמחה", "עצב", "כעס"],
    "devanagari": ["खुशी", "दुख", "क्रोध"],
    "bengali": ["আনন্দ", "দুঃখ", "রাগ"],
    "gurmukhi": ["ਖੁਸ਼ੀ", "ਦੁੱਖ", "ਗੁੱਸਾ"],
    "gujarati": ["આનંદ", "દુઃખ", "ગુસ્સો"],
    "tamil": ["மகிழ்ச்சி", "சோகம்", "கோபம்"],
    "telugu": ["ఆనందం", "దుఃఖం", "కోపం"],
    "kannada": ["ಸಂತೋಷ", "ದುಃಖ", "ಕೋಪ"],
    "malayalam": ["സന്തോഷം", "ദുഃഖം", "കോപം"],
    "sinhala": ["සතුට", "දුක", "කෝපය"],
    "thai": ["ดีใจ", "เสียใจ", "โกรธ", "ดี"],
    "lao": ["ດີໃຈ", "ເສຍໃຈ", "ໃຈຮ້າຍ"],
    "khmer": ["រីករាយ", "ក្រៀមក្រំ", "ខឹង"],
    "burmese": ["ပျော်", "ဝမ်းနည်း", "စိတ်ဆိုး"],
    "tibetan": ["དགའ", "སྐྱོ", "ཁྲོ"],
    "georgian": ["სიხარული", "სევდა", "ბრაზი"],
    "armenian": ["ուրախություն", "տխրություն", "զայրույթ"],
    "amharic": ["ደስታ", "ሀዘን", "ቁጣ"],
    "hangul": ["기쁨", "슬픔", "분노"],
    "han": ["喜悦", "悲伤", "愤怒", "喜", "不满"],
    "japanese": ["喜び", "悲しみ", "ニュース", "ニュースレター"],
}
# Names as a bank's help desk has them: most begin as another one does.
BANK = [
    f"{thing}_{state}"
    for thing in (
        *("card", "card_arrival", "card_payment", "cash", "cash_withdrawal", "top_up", "top_up_by"),
        *("transfer", "transfer_fee", "pin", "refund"),
    )
    for state in ("not_working", "pending", "declined", "fee", "wrong", "limit", "estimate")
]
SETS = {
    **SCRIPTS,
    "signs": ["-1", "0", "1"],
    "plus": ["+1", "-1", "1", "+", "-"],
    "numbers": ["1", "10", "100", "1.5", "15", "-10"],
    "languages": ["C", "C#", "C++", "F#", ".NET", "R"],
    "faces": [":)", ":(", ":|", ":-)", "):"],
    "marks": ["#", "*", "?", "!", "-", "@"],
    "punctuation": [".", ",", ";", ":", "..."],
    "brackets": ["(a)", "[a]", "a", "{a}"],
    "emoji": ["😀", "😢", "👍", "👍🏽", "❤️", "👨‍👩‍👧", "🇮🇷"],
    "nested": ["card", "card arrival", "lost card", "arrival"],
    "denials": ["no", "not", "none", "neither", "never", "yes"],
    "denied": ["angry", "not angry", "no anger", "un-angry"],
    "case": ["US", "us", "Us", "uk"],
    "look-alikes": ["علی", "علي", "x", "х", "O", "0", "l", "I"],
    "joints": ["e-mail", "e_mail", "e mail", "email"],
    "long": ["a" * 300, "a" * 299, "word " * 59 + "words", "ش" * 300],
    "markup": ["<b>", "**bold**", "`code`", "<|im_end|>", "$x$", "<think>"],
    "words of the parser": ["answer", "label", "final answer", "the answer is joy", "joy"],
    "values": ["true", "false", "null", "NaN", "None", "[]"],
    "bank": BANK,
}
# Labels that read as another one when a mark of the other is written around them: told, not hidden.
TOLD = {"brackets", "markup", "punctuation", "plus", "marks"}


def _encoder(labels: list[str]) -> Encoder:
    tokenizer = build_tokenizer()
    format = make_format(
        tokenizer, system="One of {labels}.", labels=labels, style="chat", max_length=6000
    )
    return Encoder(tokenizer, format)


def _spelling(model: Any, answer: tuple[int, ...]) -> Any:
    """Make a model write the tokens of an answer, one after the other; returns the hook."""
    head = model.get_output_embeddings()

    def force(_: Any, given: tuple[Any, ...], logits: torch.Tensor) -> torch.Tensor:
        forced = torch.full_like(logits, -1e4)
        forced[..., next(tokens)] = 0.0
        return forced

    tokens = iter(answer)
    return head.register_forward_hook(force)


@pytest.mark.parametrize("name", list(SETS))
def test_every_label_comes_back(name: str) -> None:
    labels = SETS[name]
    encoder = _encoder(labels)
    check_encoder(encoder, Evaluation(), name="tiny")
    check_parsing(labels)
    unread = prove(labels)
    assert not unread or name in TOLD, unread
    for label in labels:
        text = encoder.tokenizer.decode(encoder.answers[label][:-1], skip_special_tokens=True)
        assert parse_answer(text, labels).label == label
        for dressing in DRESSINGS:
            if label not in unread:
                assert parse_answer(dressing.format(label=label), labels).label == label


@pytest.mark.parametrize("name", ["signs", "faces", "persian", "hangul", "long", "nested", "case"])
def test_forced_through_the_decoding(name: str) -> None:
    labels = SETS[name][:3]
    encoder = _encoder(labels)
    model = build_model("llama")
    for label in labels[2:] if name == "long" else labels:
        prompt = list(encoder.prompt("a day").ids)
        hook = _spelling(model, encoder.answers[label])
        [answer] = answer_prompts(
            model,
            encoder.tokenizer,
            [prompt],
            stop_tokens=list(encoder.stop_tokens),
            max_new_tokens=encoder.answer_room,
            batch_size=1,
            progress=False,
        )
        hook.remove()
        assert answer.stopped
        assert parse_answer(answer.text, labels, stopped=answer.stopped).label == label


@pytest.mark.parametrize("name", ["signs", "emoji", "denials"])
def test_scored_and_measured(name: str) -> None:
    """The likeliest label is the one that the tokens spell; right answers count as right."""
    labels = SETS[name]
    encoder = _encoder(labels)
    scored = score_labels(
        build_model("llama"),
        [encoder.prompt("a day").ids],
        label_tokens(encoder),
        progress=False,
    )
    assert len(scored.logprobs[0]) == len(labels)
    rows = [Example(f"text {number}", label) for number, label in enumerate(labels)]
    predictions = Answers(tuple(labels), given=Given(tuple(labels))).against(rows)
    evaluation = Evaluation(resamples=100)
    values = measured(predictions, evaluation, seed=0)
    assert values["scores"]["accuracy"] == 1.0
    assert values["scores"]["unparsed"] == 0


@pytest.mark.parametrize("name", list(SETS))
def test_stored_and_read_again(name: str, tmp_path: Path) -> None:
    labels = SETS[name]
    rows = [Example(f"text {number}", label) for number, label in enumerate(labels)]
    predictions = Answers(tuple(labels), given=Given(tuple(labels))).against(rows)
    write_table(tmp_path / "p.parquet", table_rows(predictions, "label", Evaluation()))
    again = read_predictions(pd.read_parquet(tmp_path / "p.parquet"), "p")
    assert again == predictions


HARD = ["-1", "C#", "C", ":)", "not angry", "angry", "US", "us", "بی‌طرف", "기쁨", "喜悦", "😀"]


def test_a_study_of_hard_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run, report, evaluate and predict: each table holds each label as it is."""
    model = write_model(tmp_path / "model")
    rows = pd.DataFrame(
        [
            {"text": f"the {word} of number {position} {copy}", "label": label}
            for position, label in enumerate(HARD)
            for copy, word in enumerate(["rain", "window", "day", "song"])
        ]
    )
    rows.to_csv(tmp_path / "rows.csv", index=False)
    study = tmp_path / "study.yaml"
    study.write_text(
        f"""
name: hard
data: {{source: {tmp_path / "rows.csv"}}}
prompt: {{system: "Labels are {{labels}}.", max_length: 220}}
models: {{base: null, instruct: {model}}}
methods: [{{name: lora, r: 2, alpha: 4}}]
training: {{epochs: 0.5, batch_size: 16, tracking: []}}
evaluation: {{baselines: [tfidf-svm], resamples: 100, modes: [generate], facts_seconds: 0}}
""",
        encoding="utf-8",
    )
    out = tmp_path / "run"
    assert main(["run", str(study), "--out", str(out)]) == 0
    table = pd.read_parquet(out / "predictions.parquet")
    svm = table[table["run"] == "tfidf-svm"]
    assert svm["predicted"].isin(HARD).all()
    assert svm["answer"].isna().all()
    assert set(table["labels"].iloc[0]) == set(HARD)
    assert main(["report", str(out)]) == 0
    page = next(out.rglob("*.html")).read_text(encoding="utf-8")
    for label in HARD:
        assert label in page
    # The truth, written as answers, is right in every row.
    table["answer"] = table["truth"]
    table["stopped"] = True
    table.to_parquet(tmp_path / "right.parquet")
    capsys.readouterr()
    words = [str(tmp_path / "right.parquet"), "evaluation.resamples=100", "--format", "json"]
    assert main(["evaluate", *words]) == 0
    for result in json.loads(capsys.readouterr().out):
        assert result["generated"]["scores"]["accuracy"] == 1.0
    texts = tmp_path / "texts.txt"
    texts.write_text("the rain\nthe door\n", encoding="utf-8")
    adapter = str(out / "adapters" / "lora")
    assert (
        main(["predict", str(texts), "--adapter", adapter, "--out", str(tmp_path / "l.jsonl")]) == 0
    )
    lines = (tmp_path / "l.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    for line in map(json.loads, lines):
        assert (line["label"] in HARD) != (line["reason"] is not None)
