"""Which messages are left out of a conversation that is too long for the context."""

from collections.abc import Callable, Sequence

from tunelab.errors import UsageError
from tunelab.prompts.conversation import Message


def fit_messages(
    messages: Sequence[Message], count: Callable[[Sequence[Message]], int], room: int | None
) -> tuple[list[Message], str | None]:
    """The messages as far as they fit, and a notice if some were left out.

    ``count`` gives the tokens of a prompt, ``room`` how many there may be, None for no limit. The
    oldest go first, question and answer together; the system message and the last question stay.

    Raises:
        UsageError: these two alone are too long; the numbers are named.
    """
    kept = list(messages)
    tokens = count(kept)
    if room is None or tokens <= room:
        return kept, None
    whole, room = tokens, max(0, room)
    system = [message for message in kept[:1] if message["role"] == "system"]
    turns = kept[len(system) :]
    while tokens > room:
        after = next(
            (position for position, one in enumerate(turns) if position and one["role"] == "user"),
            None,
        )
        if after is None:
            raise UsageError(
                f"the last message, with its system text, has {tokens} tokens, and only {room} fit "
                "the context beside the answer; shorten it, or lower max_new_tokens."
            )
        turns = turns[after:]
        tokens = count([*system, *turns])
    left_out = len(messages) - len(system) - len(turns)
    notice = (
        f"the first {left_out} messages were left out: the conversation has {whole} tokens, and "
        f"{room} fit the context beside the answer."
    )
    return [*system, *turns], notice
