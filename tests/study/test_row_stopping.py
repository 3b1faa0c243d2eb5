"""Hosted models of a study that are asked no further once another classifier is shown better."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat_server import Chat, chatting, reply
from conftest import TEXTS, write_rows
from tunelab.api.opened_run import open_run
from tunelab.errors import UsageError
from tunelab.study.cell_list import check_classifiers
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

LABEL_OF = {text: label for label, texts in TEXTS.items() for text in texts}
TEST_ROWS = 120


def respond(body: dict[str, Any]) -> dict[str, Any]:
    """The model named good is right, and poor in a third of its answers."""
    text = body["messages"][-1]["content"]
    truth = LABEL_OF[text.rpartition(" ")[0]]
    if body["model"] == "poor" and random.Random(text).random() < 0.66:
        truth = next(label for label in TEXTS if label != truth)
    return reply(json.dumps({"label": truth}) if "response_format" in body else truth)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Chat, list[str]]]:
    """The folder of the study, its server, and its overrides."""
    folder = tmp_path_factory.mktemp("stopping")
    with pytest.MonkeyPatch.context() as patched, chatting(respond) as chat:
        patched.setenv("TUNELAB_CACHE", str(folder / "cache"))
        hosted = ", ".join(
            f"{{name: {name}, use: hosted, url: '{chat.url}', model: {name}, rows: decided}}"
            for name in ("poor", "good")
        )
        overrides = [
            f"data.source={write_rows(folder / 'rows.csv', copies=60)}",
            "models={base: null, instruct: null}",
            "methods=[]",
            f"classifiers=[{hosted}]",
            "evaluation={baselines: [tfidf-svm], facts_seconds: 0, resamples: 100}",
            f"data.sample={{train: 60, validation: 3, test: {TEST_ROWS}}}",
        ]
        run_study(open_study("own", overrides), folder / "run")
        yield folder / "run", chat, overrides


def asked(chat: Chat, model: str) -> int:
    return len({body["messages"][-1]["content"] for body in chat.asked if body["model"] == model})


def test_the_one_that_is_worse_is_asked_no_further(run: tuple[Path, Chat, list[str]]) -> None:
    folder, chat, _ = run
    assert 25 <= asked(chat, "poor") < TEST_ROWS / 2
    assert asked(chat, "good") == TEST_ROWS
    # Each answer is paid for once.
    assert sum(body["model"] == "good" for body in chat.asked) == TEST_ROWS
    assert not list((folder / "evaluate").glob("poor-*"))


def test_the_decision_says_why(run: tuple[Path, Chat, list[str]]) -> None:
    folder, chat, _ = run
    opened = open_run(folder)
    (note,) = [one for one in opened.decision.notes if one.startswith("poor is not compared")]
    assert f"after {asked(chat, 'poor')} of {TEST_ROWS} test rows" in note
    assert "is shown to be better (+" in note
    assert not opened.failures
    index = json.loads((folder / "run.json").read_text())
    assert list(index["stopped"]) == ["poor"]
    assert index["planned"]["evaluate"] == 2


def test_again_nothing_is_asked(run: tuple[Path, Chat, list[str]]) -> None:
    folder, chat, overrides = run
    before, decision = len(chat.asked), (folder / "decision.json").read_bytes()
    run_study(open_study("own", overrides), folder)
    assert len(chat.asked) == before
    assert (folder / "decision.json").read_bytes() == decision


def test_rows_that_belong_together_are_refused(run: tuple[Path, Chat, list[str]]) -> None:
    study = open_study("own", [*run[2], "data.group=group"])
    with pytest.raises(UsageError, match=r"poor: rows of decided takes rows as independent"):
        check_classifiers(study, list(TEXTS))
