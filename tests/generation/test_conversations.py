"""Conversations: files are checked, playing keeps sides apart, rules are what they say."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from conftest import build_model, build_tokenizer
from tunelab.errors import UsageError
from tunelab.generation.chat import Chat, load_chat, make_settings, reply, save_chat
from tunelab.generation.conversation_file import conversation_names, read_conversation
from tunelab.generation.local_model import LocalModel
from tunelab.generation.persona import contains_word, other_voice, repeats, score_persona
from tunelab.generation.play import messages_for, play
from tunelab.generation.settings import GenerationSettings
from tunelab.generation.trimming import fit_messages

SHORT = GenerationSettings(max_new_tokens=6)


@pytest.fixture(scope="module")
def answerer() -> LocalModel:
    return LocalModel("tiny", build_model("llama", 600), build_tokenizer())


@pytest.mark.parametrize("name", conversation_names())
@pytest.mark.parametrize("template", ["own", "none", "chatml", "mistral"])
def test_shipped_conversations_can_be_played(
    name: str, template: str, answerer: LocalModel
) -> None:
    conversation = read_conversation(name)
    speaking = answerer.with_template(template)
    heard: list[Any] = []
    played = play(conversation, speaking, SHORT, template=template, further=3, on_line=heard.append)
    assert played.error is None
    assert tuple(heard) == played.lines
    speakers = [line.speaker for line in played.lines]
    names = [one.name for one in conversation.speakers]
    assert all(a != b for a, b in pairwise(speakers))
    assert set(speakers) == set(names)
    assert len(speakers) == len(conversation.turns) + 3
    assert 0 <= (played.consistency or 0) <= 1
    again = play(conversation, speaking, SHORT, template=template, further=3)
    assert [line.text for line in again.lines] == [line.text for line in played.lines]
    assert names[0] in str(played)
    assert len(played.to_dict()["lines"]) == len(speakers)


def test_each_speaker_sees_its_own_lines_as_the_assistants() -> None:
    debate = read_conversation("two-experts")
    lines = [("Ada", "For."), ("Ben", "Against."), ("Ada", "Still for.")]
    ben = messages_for(debate, "Ben", lines)
    assert ben[0] == {"role": "system", "content": debate.persona("Ben")}
    assert [one["role"] for one in ben] == ["system", "user", "assistant", "user"]
    assert ben[1]["content"].endswith("\n\nFor.")
    assert ben[2]["content"] == "Against."
    ada = messages_for(debate, "Ada", lines[:2])
    assert [one["role"] for one in ada] == ["system", "user", "assistant", "user"]
    assert ada[2]["content"] == "For."


def test_files_are_checked(tmp_path: Path) -> None:
    def refused(text: str, message: str) -> None:
        path = tmp_path / "c.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=message):
            read_conversation(str(path))

    two = "speakers: [{name: A}, {name: B}]\n"
    refused(two + "turns: [{speaker: C}]", "'C', who is not one of its speakers: A, B")
    refused(two + "turn: [{speaker: A}]", "unknown key 'turn': did you mean turns")
    refused(two + "turns: []", "turns")
    refused(two + "turns: [{speaker: A}]\nnext: whoever", "alternate, or a list")
    refused(
        "speakers: [{name: A}, {name: a}]\nturns: [{speaker: A}]",
        ": it gives two speakers the same name",
    )
    with pytest.raises(UsageError, match="did you mean math-teacher"):
        read_conversation("maths-teacher")
    with pytest.raises(UsageError, match="there is no conversation file"):
        read_conversation("absent.yaml")


def test_who_speaks_next(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "speakers: [{name: A}, {name: B}, {name: C}]\nturns: [{speaker: B, text: hi}]\n"
        "next: [A, C, C]\nfurther: 4\n",
        encoding="utf-8",
    )
    conversation = read_conversation(str(path))
    assert [turn.speaker for turn in conversation.schedule()] == ["B", "A", "C", "C", "A"]
    messages = messages_for(conversation, "C", [("B", "hi"), ("A", "ho")])
    assert messages == [{"role": "user", "content": "B: hi\n\nA: ho"}]


def test_what_no_longer_fits_is_left_out_with_a_notice() -> None:
    def count(messages: Any) -> int:
        return sum(len(one["content"]) for one in messages)

    messages = [{"role": "system", "content": "s" * 5}]
    for number in range(4):
        messages += [
            {"role": "user", "content": f"{number}" * 10},
            {"role": "assistant", "content": "a" * 10},
        ]
    messages.append({"role": "user", "content": "q" * 10})
    assert fit_messages(messages, count, 95) == (messages, None)
    kept, notice = fit_messages(messages, count, 60)
    assert kept[0] == messages[0]
    assert kept[1:] == messages[5:]
    assert notice is not None
    assert "first 4 messages were left out" in notice
    assert "95 tokens, and 60 fit" in notice
    with pytest.raises(UsageError, match=r"has 15 tokens, and only 9 fit"):
        fit_messages(messages, count, 9)


def test_a_long_play_goes_on_with_notices(answerer: LocalModel) -> None:
    conversation = read_conversation("math-teacher")
    first = messages_for(conversation, "Teacher", [("Pupil", "What is 2 + 2?")])
    room = answerer.count(first) + 6

    class Small(LocalModel):
        context = room + 6

    small = Small("small", answerer.model, answerer.tokenizer)
    played = play(conversation, small, SHORT, further=4)
    assert played.error is None
    notices = [notice for line in played.lines for notice in line.notices]
    assert any("left out" in notice and f"{room} fit" in notice for notice in notices)


def test_rules_of_the_persona() -> None:
    others, said = (
        ["Ben"],
        ["Fine-tuning is better because it is faster and it is far cheaper too."],
    )

    def score(text: str, **more: Any) -> Any:
        options: dict[str, Any] = {"stopped": True, "before": said} | more
        return score_persona(text, speaker="Ada", others=others, **options)

    good = score("Ben, you forget that documents change.", wanted=[["documents"]])
    assert good.share == 1
    assert score("Documents change.").addresses is False
    assert score("Documents change.", replies=False).addresses is None
    for text in ("Yes.\nBen: No.", "Yes.\nUser: what?", "I am Ben.", "As an AI language model, I"):
        assert not score(text).own_voice, text
    assert score("Ben is right: no.").own_voice
    assert score("Ada: I am Ada.").own_voice
    assert not score("You are so wrong. You are so wrong.").no_repetition
    assert not score(
        "I say fine-tuning is better because it is faster and it is not."
    ).no_repetition
    assert not score("Ben.", stopped=False).stops
    assert score("Ben.", wanted=[["4", "four"]]).shows is False
    assert other_voice("Yes.\nBen: no", "Ada", others) == 5
    assert not repeats("One. Two.", [])


def test_numbers_stand_as_a_whole() -> None:
    for text in ("4", "It is 4.", "2+2=4", "(4)", "4, of course"):
        assert contains_word(text, "4"), text
    for text in ("14", "40", "4.5", "0.4", "4,000", "-4", "x4"):
        assert not contains_word(text, "4"), text
    assert contains_word("It is FOUR!", "four")
    assert not contains_word("fourteen", "four")


def test_a_chat_is_saved_continued_and_loaded(answerer: LocalModel, tmp_path: Path) -> None:
    chat = Chat("tiny", system="Be kind.", settings=SHORT).asked("hello <|im_end|>")
    [done] = [step.done for step in reply(chat, answerer) if step.done]
    chat = chat.answered(done)
    assert chat.unfinished is done
    [longer] = [step.done for step in reply(chat, answerer, begun=done) if step.done]
    assert len(longer.tokens) == 12
    assert longer.tokens[:6] == done.tokens
    chat = chat.answered(longer).asked("and?")
    assert [one["role"] for one in chat.prompt()] == ["system", "user", "assistant", "user"]
    path = tmp_path / "chat.json"
    save_chat(chat, path)
    assert load_chat(path) == chat
    path.write_text('{"version": 2}', encoding="utf-8")
    with pytest.raises(UsageError, match="holds no chat"):
        load_chat(path)
    with pytest.raises(UsageError, match="did you mean temperature"):
        make_settings({"temperatur": 1})


def test_an_interrupted_answer_is_kept_and_goes_on(answerer: LocalModel) -> None:
    chat = Chat("tiny", settings=GenerationSettings(max_new_tokens=10)).asked("hello")
    whole = next(step.done for step in reply(chat, answerer) if step.done)
    asked = iter(range(100))
    steps = reply(chat, answerer, interrupt=lambda: next(asked) >= 3)
    part = next(step.done for step in steps if step.done)
    assert part.ending == "interrupted"
    chat = chat.answered(part)
    assert chat.messages[-1]["content"] == part.text.strip()
    rest = next(step.done for step in reply(chat, answerer, begun=part) if step.done)
    assert rest.text.startswith(whole.text)
