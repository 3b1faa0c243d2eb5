"""Open prompts and conversations of a study: nothing is lost, and nothing is asked twice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Workspace
from loopback import Answering, serving
from tunelab.errors import RunError
from tunelab.study.conversations import play_conversations
from tunelab.study.open_answers import answer_open
from tunelab.study.opening import open_study

PROMPTS = ["one", "two", "three"]


@pytest.fixture
def endpoint() -> Iterator[str]:
    Answering.asked[:], Answering.left = [], 0
    with serving(Answering) as address:
        yield f"{address}/v1#m"


def _study(workspace: Workspace, endpoint: str, **more: Any) -> Any:
    generation = {
        "prompts": PROMPTS,
        "models": [endpoint],
        "temperatures": [0.0, 1.0],
        "samples": 2,
        "max_new_tokens": 4,
        **more,
    }
    return open_study(str(workspace.study), [f"generation={json.dumps(generation)}", "methods=[]"])


def _record(out: Path) -> Any:
    [path] = out.glob("generate/*/open.json")
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_comparison_goes_on_where_its_endpoint_gave_up(
    workspace: Workspace, endpoint: str, tmp_path: Path
) -> None:
    study = _study(workspace, endpoint)
    Answering.left = 5
    with pytest.raises(RunError, match=r"gave no complete answer in 4 tries.*out of memory\."):
        answer_open(study, tmp_path)
    [kept] = tmp_path.glob("generate/*/answers.jsonl")
    lines = kept.read_text(encoding="utf-8").splitlines()
    assert sum(json.loads(line)["model"] == "instruct" for line in lines) == 9
    assert sum(json.loads(line)["model"] == endpoint for line in lines) == 5
    # A line that was cut by a crash spoils no other one.
    kept.write_text("\n".join(lines) + '\n{"model": "instr', encoding="utf-8")
    Answering.left = 100
    answer_open(study, tmp_path)
    for line in kept.read_text(encoding="utf-8").splitlines():
        json.loads(line)
    record = _record(tmp_path)
    assert len(record["answers"]) == 2 * 9
    # Three at temperature 0 and the first prompt's two were there; two prompts were left.
    assert Answering.asked == [*PROMPTS, "one", "one", "two", "two", "three", "three"]
    texts = [one["text"] for one in record["answers"] if one["model"] == endpoint]
    assert texts == [f"answer {number}: 4" for number in range(1, 10)]
    # Finished, it is kept as it is.
    Answering.left = 0
    answer_open(study, tmp_path)
    assert {row["reader"] for row in record["perplexity"]} == {"instruct"}
    assert {row["writer"] for row in record["perplexity"]} == {"instruct", endpoint}


def test_conversations_with_and_without_the_template(workspace: Workspace, tmp_path: Path) -> None:
    study = open_study(
        str(workspace.study),
        [
            "conversations=[math-teacher, two-experts]",
            "generation={prompts: [a], max_new_tokens: 5}",
            "methods=[]",
        ],
    )
    play_conversations(study, tmp_path)
    [path] = tmp_path.glob("generate/*/conversations.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert [(one["name"], one["template"]) for one in record["played"]] == [
        ("math-teacher", "own"),
        ("math-teacher", "none"),
        ("two-experts", "own"),
        ("two-experts", "none"),
    ]
    for one in record["played"]:
        assert one["error"] is None
        played = [line for line in one["lines"] if not line["given"]]
        assert played
        assert all(line["tokens"] <= 5 for line in played)
        assert all(set(line["score"]) == {*record["rules"], "share"} for line in played)
