"""Open answers and conversations in the report: tables, claims on them, and the rows behind."""

import html
import json
from typing import Any

import pytest

from conftest import Workspace, write_model
from tunelab.evaluation.statistics.comparison import compare_shares
from tunelab.generation.comparison import MEASURES, OpenAnswer, compare_open
from tunelab.generation.open_prompts import OpenPrompt
from tunelab.generation.open_record import (
    answers_to_read,
    compare_open_answers,
    differing_prompts,
    measures_table,
    own_value,
    rules_kept,
)
from tunelab.report.build import build_report
from tunelab.runs.run_folder import RunFolder, read_run
from tunelab.study.judging.stage import judge
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

COUNT = 12


def record(temperatures: tuple[float, ...] = (0.0, 0.7)) -> dict[str, Any]:
    """Two models on twelve prompts: one brief and often right, one that goes on and on."""
    prompts = [
        OpenPrompt(f"p{n}", f"Question {n}?", "even" if n % 2 == 0 else "odd", contains=("4",))
        for n in range(COUNT)
    ]
    answers = []
    for model in ("base", "instruct"):
        for temperature in temperatures:
            for n in range(COUNT):
                for sample in range(2 if temperature else 1):
                    brief = model == "instruct"
                    right = brief and (n + sample) % 4 != 0
                    text = "4" if right else "5 " * (3 + n % 3 if brief else 8 + n % 2)
                    ending = "stop token" if brief and n % 6 else "length"
                    tokens = len(text.split()) + 1
                    answers.append(
                        OpenAnswer(
                            *(model, temperature, f"p{n}", sample, text, tokens, ending),
                            first_token_seconds=0.1,
                            seconds_per_token=0.1,
                        )
                    )
    return {
        "models": {"base": "m1", "instruct": "m2"},
        "temperatures": list(temperatures),
        "prompts": [json.loads(json.dumps(prompt.to_dict())) for prompt in prompts],
        "answers": [answer.to_dict() for answer in answers],
        "comparison": compare_open(prompts, answers),
        "perplexity": [],
    }


def test_numbers_are_compared_by_the_paired_t_test() -> None:
    from scipy.stats import ttest_rel

    whole = record()
    lengths = {
        model: [
            one["tokens"]
            for one in whole["answers"]
            if one["model"] == model and one["temperature"] == 0
        ]
        for model in ("base", "instruct")
    }
    # Of whole answers: of those that were cut the length is not known.
    ended = {**whole, "answers": [{**one, "ending": "stop token"} for one in whole["answers"]]}
    found = compare_open_answers(ended, "open_tokens", "instruct", "base", 0.0)
    expected = ttest_rel(lengths["instruct"], lengths["base"])
    assert found.rows == COUNT
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.value == pytest.approx((sum(lengths["instruct"]) - sum(lengths["base"])) / COUNT)
    interval = expected.confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    mean = sum(lengths["base"]) / COUNT
    for answered, limit in ((ended, None), (whole, "at least")):
        value, bound = own_value(answered, "open_tokens", "base")
        assert value == pytest.approx(mean)
        assert bound == limit


def test_answers_that_were_cut_are_bounds() -> None:
    whole = record()
    found = compare_open_answers(whole, "open_tokens", "instruct", "base", 0.0)
    # Two of instruct's answers were cut as well, so that its mean has no upper end.
    assert (found.value, found.p_value) == (None, None)
    assert "2 of 12 answers of instruct were cut" in str(found.reason)
    assert "12 of 12 answers of base were cut" in str(found.reason)
    for one in whole["answers"]:
        if one["model"] == "instruct":
            one["ending"] = "stop token"
    found = compare_open_answers(whole, "open_words", "instruct", "base", 0.0)
    assert found.bound == "at most"
    assert found.p_value == pytest.approx(2 / 2**COUNT)
    # A measure of whole texts says nothing of texts that were cut.
    found = compare_open_answers(whole, "open_repetition", "base", 0.5, 0.0)
    assert (found.value, found.p_value) == (None, None)
    # What is counted within the limit is known.
    assert compare_open_answers(whole, "open_stopped", "base", 0.5, 0.0).p_value is not None


def test_tokens_of_two_tokenizers_are_not_compared() -> None:
    lineages = {"base": {"tokenizer": "one"}, "instruct": {"tokenizer": "two"}}
    whole = {**record(), "lineages": lineages}
    found = compare_open_answers(whole, "open_tokens", "instruct", "base", 0.0)
    assert "different tokenizers" in str(found.reason)


def test_shares_of_single_answers_are_compared_as_shares() -> None:
    whole = record()
    right = [n % 4 != 0 for n in range(COUNT)]
    found = compare_open_answers(whole, "open_right", "instruct", "base", 0.0)
    assert found == compare_shares(right, [False] * COUNT)
    assert found.test == "exact McNemar"
    against = compare_open_answers(whole, "open_stopped", "instruct", 0.5, 0.0)
    assert against.test == "exact binomial"
    assert against.value == pytest.approx(10 / 12 - 0.5)
    # Several samples of a prompt make its share a number.
    sampled = record((0.7, 0.0))
    found = compare_open_answers(sampled, "open_right", "instruct", "base", 0.0)
    assert found.test == "paired t"
    assert found.value == pytest.approx(9 / 12)


def test_what_cannot_be_compared_says_why() -> None:
    whole = record()
    cases: list[tuple[Any, str]] = [
        ((None, "open_tokens", "instruct", "base"), "the study has no open prompts"),
        ((whole, "open_tokens", "other", "base"), "other answered no open prompts"),
        ((whole, "open_tokens", "base", "other"), "other answered no open prompts"),
        ((whole, "open_self_bleu", "instruct", "base"), "is not defined for these answers"),
    ]
    for (known, metric, left, right), reason in cases:
        found = compare_open_answers(known, metric, left, right, 0.0)
        assert found.value is None
        assert reason in str(found.reason)
    assert own_value(None, "open_tokens", "base") == (None, None)


def test_prompts_behind_a_claim() -> None:
    whole = record()
    rows = differing_prompts(whole, "open_right", "instruct", "base")
    assert [row["row"] for row in rows] == [f"p{n}" for n in range(COUNT) if n % 4]
    assert rows[0] == {
        "row": "p1",
        "text": "Question 1?",
        "truth": "holds 4",
        "left": "4",
        "right": "5 5 5 5 5 5 5 5 5",
        "left_value": 1.0,
        "right_value": 0.0,
        "left_cut": False,
        "right_cut": False,
    }
    lengths = differing_prompts(whole, "open_tokens", "instruct", "base")
    reach = [abs(row["left_value"] - row["right_value"]) for row in lengths]
    assert reach == sorted(reach, reverse=True)
    assert differing_prompts(None, "open_right", "a", "b") == []


def test_the_tables_hold_every_measure_and_every_answer() -> None:
    whole = record()
    rows = measures_table(whole)
    assert [row["name"] for row in rows if "kind" not in row["name"]] == [
        told for told, _ in MEASURES.values()
    ]
    kinds = [row for row in rows if "kind" in row["name"]]
    assert [row["name"] for row in kinds] == [
        "of prompts of the kind “even”",
        "of prompts of the kind “odd”",
    ]
    assert kinds[1]["estimates"][2]["value"] == 1
    assert all(len(row["estimates"]) == 4 for row in rows)
    texts = answers_to_read(whole)
    assert [len(entry["answers"]) for entry in texts] == [2 * 3] * COUNT
    assert [one["right"] for one in texts[1]["answers"]] == [False] * 3 + [True] * 3


def test_rules_that_were_kept() -> None:
    def line(**rules: bool | None) -> dict[str, Any]:
        return {"score": {"stops": True, "shows": None, **rules, "share": 1.0}}

    played = {"lines": [{"score": None}, line(), line(stops=False), line(shows=True)]}
    assert rules_kept(played, ["stops", "shows"]) == [(2, 3), (1, 1)]
    assert rules_kept({"lines": []}, ["stops"]) == [None]


HOSTILE = "<script>alert(1)</script> <|im_end|> سلام"
CLAIMS = """[
{claim: shorter, metric: open_tokens, left: instruct, right: base, relation: less},
{claim: ends, metric: open_stopped, left: instruct, right: base},
{claim: to the point, metric: open_right, left: instruct, right: base},
{claim: few words, metric: open_words, left: instruct, right: 50, relation: less},
]""".replace("\n", " ")


@pytest.fixture(scope="module")
def run(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("open")
    base = write_model(folder / "base", seed=3)
    prompts = folder / "prompts.yaml"
    entries = [f"{{id: p{n}, text: 'what is {n}', contains: [a, e]}}" for n in range(5)]
    entries.append(f"{{id: hostile, kind: other, text: '{HOSTILE}'}}")
    prompts.write_text(f"prompts: [{', '.join(entries)}]\n", encoding="utf-8")
    overrides = [
        f"models.base={base}",
        "methods=[]",
        "evaluation.baselines=[]",
        "conversations=[math-teacher]",
        f"generation={{prompts: {prompts}, temperatures: [0.0, 1.0], samples: 2, "
        "max_new_tokens: 8}",
        f"claims={CLAIMS}",
    ]
    out = folder / "run"
    run_study(open_study(str(workspace.study), overrides), out)
    return read_run(out)


def test_the_report_holds_the_comparison(run: RunFolder) -> None:
    page = html.unescape(build_report(run.folder).read_text(encoding="utf-8"))
    section = page.split('<section id="generation">')[1].split("</section>")[0]
    for told, _ in MEASURES.values():
        assert told in section
    for part in ("perplexity a token", "bits a byte", "base, 0<", "instruct, 1<", "2 samples"):
        assert part in section
    stored = json.loads(next(run.folder.glob("generate/*/open.json")).read_text("utf-8"))
    assert len(stored["answers"]) == 2 * 6 * 3
    for answer in stored["answers"]:
        assert answer["text"].strip() in section
    played = json.loads(next(run.folder.glob("generate/*/conversations.json")).read_text("utf-8"))
    assert {(one["role"], one["template"]) for one in played["played"]} == {
        ("base", "own"),
        ("base", "none"),
        ("instruct", "own"),
        ("instruct", "none"),
    }
    for rule, text in played["rules"].items():
        assert rule.replace("_", " ") in section
        assert text in section
    raw = (run.folder / "report.html").read_text(encoding="utf-8")
    assert raw.count("<script") == 2 + raw.count("<figure data-chart>")
    assert "&lt;script&gt;alert(1)" in raw
    assert (run.folder / "figures" / "open_answers.svg").is_file()


def test_claims_on_open_answers(run: RunFolder) -> None:
    judgement = judge(run)
    stored = json.loads(next(run.folder.glob("generate/*/open.json")).read_text("utf-8"))
    for entry in judgement.claims:
        assert entry.verdict in {"supported", "refuted", "undecided"}
        assert entry.why
        assert len(entry.files) == 1
        assert entry.files[0].endswith("open.json")
        assert entry.values[0] is not None
    few = next(entry for entry in judgement.claims if entry.claim.claim == "few words")
    # A tiny random model fills its eight tokens, and what would have come is not known.
    assert few.verdict == "undecided"
    assert "answers of instruct were cut at a limit" in few.why
    assert few.bounds == ("at least", None)
    assert few.comparison.p_corrected is None
    shorter = next(entry for entry in judgement.claims if entry.claim.claim == "shorter")
    tokens: dict[str, list[int]] = {"instruct": [], "base": []}
    for answer in stored["answers"]:
        if answer["temperature"] == 0:
            tokens[answer["model"]].append(answer["tokens"])
    means = tuple(sum(tokens[name]) / 6 for name in ("instruct", "base"))
    assert shorter.values == pytest.approx(means)
    assert shorter.verdict == "undecided"
    assert shorter.differing == len(shorter.rows)
    point = next(entry for entry in judgement.claims if entry.claim.claim == "to the point")
    assert {row["truth"] for row in point.rows} <= {"holds a or e"}
