"""The answers of a hosted model, as they are kept."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class HostedAnswer:
    """One answer.

    ``text`` is the answer in words, ``by_schema`` whether it came as the JSON that was asked for.
    ``seconds`` is how long its request took, with retries; ``input_tokens`` and ``output_tokens``
    what the server counted. ``first_tokens`` are as in
    :class:`tunelab.evaluation.predictions.Generated`. What the server did not give is None.
    """

    text: str
    stopped: bool
    seconds: float
    by_schema: bool
    input_tokens: int | None = None
    output_tokens: int | None = None
    first_tokens: tuple[float | None, ...] | None = None

    def to_json(self) -> str:
        """The answer as a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


def read_answer(line: str) -> HostedAnswer:
    """The answer from what :meth:`HostedAnswer.to_json` gave.

    Raises:
        ValueError: it is something else.
    """
    try:
        values = json.loads(line)
        first = values["first_tokens"]
        return HostedAnswer(
            text=str(values["text"]),
            stopped=bool(values["stopped"]),
            seconds=float(values["seconds"]),
            by_schema=bool(values["by_schema"]),
            input_tokens=_count(values["input_tokens"]),
            output_tokens=_count(values["output_tokens"]),
            first_tokens=None
            if first is None
            else tuple(None if value is None else float(value) for value in first),
        )
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no answer of a hosted model: {error}") from None


def _count(value: object) -> int | None:
    if value is not None and type(value) is not int:
        raise ValueError("a number of tokens is none")
    return value
