"""Play a conversation file: one model speaks every line that is left open."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tunelab.errors import TunelabError, UsageError
from tunelab.generation.conversation_file import ConversationFile, Turn
from tunelab.generation.local_model import Answerer
from tunelab.generation.outcome import Generation
from tunelab.generation.persona import PersonaScore, other_voice, score_persona
from tunelab.generation.settings import GenerationSettings
from tunelab.generation.trimming import fit_messages
from tunelab.prompts.conversation import Message


@dataclass(frozen=True)
class Line:
    """One line of a played conversation.

    ``text`` is what was said; ``kept`` the part that the others are given, which ends where the
    speaker speaks another's lines. A line that the file gives has no ``generation`` and no score.
    ``notices`` say what was left out or cut.
    """

    turn: int
    speaker: str
    text: str
    kept: str
    generation: Generation | None = None
    score: PersonaScore | None = None
    notices: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The line as JSON values, without its single tokens."""
        generation = self.generation
        return {
            "turn": self.turn,
            "speaker": self.speaker,
            "text": self.text,
            "kept": self.kept,
            "given": generation is None,
            "tokens": len(generation.tokens) if generation else None,
            "ending": generation.ending if generation else None,
            "score": self.score.to_dict() if self.score else None,
            "notices": list(self.notices),
        }


@dataclass(frozen=True)
class Played:
    """A conversation that was played; ``error`` says why it ended early."""

    name: str
    model: str
    template: str
    lines: tuple[Line, ...]
    error: str | None = None

    @property
    def consistency(self) -> float | None:
        """Mean share of the persona's rules that the played lines keep."""
        shares = [line.score.share for line in self.lines if line.score]
        return sum(shares) / len(shares) if shares else None

    def __str__(self) -> str:
        """The conversation as lines of text, with the score of each line that was played."""
        return "\n".join(_lines_of_text(self))

    def to_dict(self) -> dict[str, Any]:
        """The conversation as JSON values."""
        return {
            **{key: value for key, value in asdict(self).items() if key != "lines"},
            "lines": [line.to_dict() for line in self.lines],
            "consistency": self.consistency,
        }


def play(
    conversation: ConversationFile,
    answerer: Answerer,
    settings: GenerationSettings,
    *,
    template: str = "own",
    further: int | None = None,
    on_line: Callable[[Line], None] = lambda line: None,
    interrupt: Callable[[], bool] = lambda: False,
) -> Played:
    """Play all turns and ``further`` ones; ``on_line`` is called with each line as it is finished.

    An error of an endpoint, a conversation that cannot be rendered, or a later line that does not
    fit the context ends the play: what was said until then is in the result, with the error.

    Raises:
        UsageError: the first line to be played does not fit the context.
    """
    lines: list[Line] = []
    error = None
    for turn, entry in enumerate(conversation.schedule(further), start=1):
        if interrupt():
            error = "interrupted"
            break
        try:
            line = _line(conversation, answerer, settings, turn, entry, lines, interrupt)
        except TunelabError as problem:
            if isinstance(problem, UsageError) and not any(line.generation for line in lines):
                raise
            error = str(problem)
            break
        lines.append(line)
        on_line(line)
    return Played(conversation.name, answerer.name, template, tuple(lines), error)


def messages_for(
    conversation: ConversationFile, speaker: str, lines: Sequence[tuple[str, str]]
) -> list[Message]:
    """The conversation as one speaker sees it: own lines are the assistant's, others the user's.

    ``lines`` are (speaker, text). Templates let user and assistant take turns, so lines of others
    that follow one another become one message; with more than two speakers each bears its name.
    """
    named = len(conversation.speakers) > 2
    persona = conversation.persona(speaker)
    messages = [{"role": "system", "content": persona}] if persona else []
    turns: list[tuple[str, str]] = [("user", conversation.opening)] if conversation.opening else []
    for name, text in lines:
        if name == speaker:
            turns.append(("assistant", text))
        else:
            turns.append(("user", f"{name}: {text}" if named else text))
    if not turns or turns[0][0] != "user":
        others = " and ".join(conversation.others(speaker))
        turns.insert(0, ("user", f"You speak with {others}. Begin."))
    if turns[-1][0] != "user":
        turns.append(("user", "Go on."))
    for role, text in turns:
        if messages and messages[-1]["role"] == role:
            messages[-1] = {"role": role, "content": f"{messages[-1]['content']}\n\n{text}"}
        else:
            messages.append({"role": role, "content": text})
    return messages


def _line(
    conversation: ConversationFile,
    answerer: Answerer,
    settings: GenerationSettings,
    turn: int,
    entry: Turn,
    lines: Sequence[Line],
    interrupt: Callable[[], bool],
) -> Line:
    speaker = entry.speaker
    if entry.text is not None:
        return Line(turn, speaker, entry.text, entry.text)
    turns = [(line.speaker, line.kept) for line in lines]
    messages = messages_for(conversation, speaker, turns)
    room = None if answerer.context is None else answerer.context - settings.max_new_tokens
    messages, notice = fit_messages(messages, answerer.count, room)
    own = replace(settings, samples=1, seed=settings.seed + turn)
    [[generation]] = answerer.answer([messages], own, interrupt=interrupt)
    text = generation.text.strip()
    others = conversation.others(speaker)
    position = other_voice(text, speaker, others)
    kept = text if position is None else text[:position].strip()
    notices = [notice] if notice else []
    if position is not None:
        notices.append(f"{speaker} spoke another's lines, which the others are not given.")
    wanted = [
        one.contains
        for one in conversation.good
        if one.speaker == speaker and one.turn in (None, turn)
    ]
    score = score_persona(
        text,
        speaker=speaker,
        others=others,
        before=[line.kept for line in lines],
        stopped=generation.stopped,
        wanted=wanted,
        replies=bool(lines),
    )
    return Line(turn, speaker, text, kept or "…", generation, score, tuple(notices))


def _lines_of_text(played: Played) -> Iterator[str]:
    """A played conversation as lines of text."""
    for line in played.lines:
        yield f"{line.speaker}: {line.text}"
        yield from (f"  ({notice})" for notice in line.notices)
        if line.score:
            kept = {name: value for name, value in line.score.to_dict().items() if name != "share"}
            rules = ", ".join(
                f"{name.replace('_', ' ')} {'–' if value is None else 'yes' if value else 'no'}"
                for name, value in kept.items()
            )
            yield f"  [{rules}: {line.score.share:.0%}]"
    if played.error:
        yield f"  (ended early: {played.error})"
