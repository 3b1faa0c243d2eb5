"""What one classifier answered to rows: all that its metrics are computed from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunelab.errors import UsageError
from tunelab.evaluation.parsing.answers import FAILED, ParsedAnswer, parse_answer

if TYPE_CHECKING:
    import pandas as pd


# The column of a table that holds ``Generated.first_tokens``.
FIRST_TOKENS = "first_token_logprobs"
# The column that holds the group of each row.
GROUP = "group"


@dataclass(frozen=True)
class Generated:
    """Answers in words. ``labels`` are parsed from them, or None for the reason in ``reasons``.

    ``stopped`` says which answers ended by themselves; the others were cut at their limit.
    ``tokens`` counts those of the text that was kept, None where that was not counted.
    ``first_tokens``: (rows, labels), of a hosted model: the log-probability of the tokens that
    begin each label, in nats, where the answer names it; None where the server did not give it.
    """

    answers: tuple[str, ...]
    labels: tuple[str | None, ...]
    reasons: tuple[str | None, ...]
    stopped: tuple[bool, ...]
    tokens: tuple[int, ...] | None
    first_tokens: tuple[tuple[float | None, ...], ...] | None = None


@dataclass(frozen=True)
class Likelihoods:
    """How likely each label is after each text, in nats, summed over its tokens.

    ``logprobs``: (rows, labels). ``empty``: (labels,), after an empty text. ``tokens``: (labels,),
    the tokens of each label. ``forced`` says for each row whether the true label is what the
    model says under teacher forcing.
    """

    logprobs: tuple[tuple[float, ...], ...]
    empty: tuple[float, ...]
    tokens: tuple[int, ...]
    forced: tuple[bool, ...]


@dataclass(frozen=True)
class Given:
    """Labels from a classifier that writes no text.

    ``probabilities``: (rows, labels), each row with the sum 1; None where it has none.
    """

    labels: tuple[str, ...]
    probabilities: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True)
class Predictions:
    """Rows with their true labels, and what a classifier answered, in each way that it has.

    ``groups``: the group that each row belongs to, such as its author, or None for a row alone;
    None where the study names none.
    """

    labels: tuple[str, ...]
    texts: tuple[str, ...]
    truth: tuple[str, ...]
    generated: Generated | None = None
    likelihoods: Likelihoods | None = None
    given: Given | None = None
    groups: tuple[str | None, ...] | None = None


def parse_all(
    answers: Sequence[str],
    labels: Sequence[str],
    *,
    stopped: Sequence[bool],
    failed: Sequence[bool] | None = None,
    **columns: Any,
) -> Generated:
    """Parse every answer; ``columns`` are the other fields of :class:`Generated`.

    ``failed`` says which rows have no answer, as the request for it failed.
    """
    parsed = [
        ParsedAnswer(None, FAILED) if lost else parse_answer(answer, labels, stopped=ended)
        for answer, ended, lost in zip(
            answers, stopped, failed or [False] * len(answers), strict=True
        )
    ]
    return Generated(
        answers=tuple(answers),
        labels=tuple(entry.label for entry in parsed),
        reasons=tuple(entry.reason for entry in parsed),
        stopped=tuple(stopped),
        **columns,
    )


def read_predictions(table: "pd.DataFrame", where: str) -> Predictions:
    """The predictions of one model from a table that a run stored; answers are parsed anew.

    Raises:
        UsageError: columns are missing or hold something else.
    """
    try:
        labels = tuple(str(label) for label in table["labels"].iloc[0])
        generated = likelihoods = given = None
        if table["answer"].notna().all():
            generated = parse_all(
                [str(answer) for answer in table["answer"]],
                labels,
                stopped=tuple(bool(value) for value in table["stopped"]),
                failed=[value == FAILED for value in table.get("reason", [])],
                tokens=_tokens(table),
                first_tokens=_first_tokens(table),
            )
        if table["logprobs"].notna().all():
            likelihoods = Likelihoods(
                logprobs=tuple(tuple(map(float, row)) for row in table["logprobs"]),
                empty=tuple(map(float, table["empty_logprobs"].iloc[0])),
                tokens=tuple(map(int, table["label_tokens"].iloc[0])),
                forced=tuple(bool(value) for value in table["forced"]),
            )
        if generated is None and likelihoods is None:
            given = _given(table)
        texts, truth = tuple(map(str, table["text"])), tuple(map(str, table["truth"]))
        groups = _groups(table)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UsageError(
            f"{where} holds no predictions that could be scored again ({error}); name a "
            "predictions.parquet that a run wrote."
        ) from None
    strange = sorted(set(truth) - set(labels))
    if strange:
        raise UsageError(f"{where} holds the label {strange[0]!r}, which is not one of its labels.")
    return Predictions(labels, texts, truth, generated, likelihoods, given, groups)


def _groups(table: "pd.DataFrame") -> tuple[str | None, ...] | None:
    """The group of each row; None where no row has one, as in older tables."""
    if GROUP not in table or table[GROUP].isna().all():
        return None
    return tuple(None if value is None or value != value else str(value) for value in table[GROUP])


def _given(table: "pd.DataFrame") -> Given:
    """Labels without text; a row without a label is an error."""
    if table["predicted"].isna().any():
        raise ValueError("a row has no label")
    probabilities = None
    if table["probabilities"].notna().all():
        probabilities = tuple(tuple(map(float, row)) for row in table["probabilities"])
    return Given(tuple(map(str, table["predicted"])), probabilities)


def _tokens(table: "pd.DataFrame") -> tuple[int, ...] | None:
    """Tokens of the kept texts. Older tables count what was cut off behind a line as well."""
    counts = table["answer_tokens"]
    if "tokens_counted" not in table or counts.isna().any():
        return None
    return tuple(int(value) for value in counts)


def _first_tokens(table: "pd.DataFrame") -> tuple[tuple[float | None, ...], ...] | None:
    """Log-probabilities that a hosted model gave; a label that it did not give has None."""
    if FIRST_TOKENS not in table or table[FIRST_TOKENS].isna().any():
        return None
    return tuple(
        tuple(None if value is None or value != value else float(value) for value in row)
        for row in table[FIRST_TOKENS]
    )


def read_models(table: "pd.DataFrame", where: str) -> dict[str, Predictions]:
    """The predictions of each model of a table, by name; a table of one model is called ``where``.

    Raises:
        UsageError: as :func:`read_predictions`.
    """
    if "run" not in table.columns:
        return {where: read_predictions(table, where)}
    return {
        str(name): read_predictions(rows.reset_index(drop=True), f"{where}, {name}")
        for name, rows in table.groupby("run", sort=False)
    }
