"""How tokenizers cut a text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tunelab.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from tunelab.tokenizers.loading import FastTokenizer


def tokenize(text: str, tokenizers: str | Sequence[str], *, seed: int = 42) -> "pd.DataFrame":
    """How each tokenizer cuts a text: a row for each, in the order of ``tokenizers``.

    A tokenizer is a name that tunelab knows, such as llama-3.2, the name of a model, a folder, a
    tokenizer.json, or owner/name on the Hub. Among the columns: ``tokens`` (how many),
    ``ids`` and ``pieces`` (lists with an entry for each token), ``fertility`` (tokens a word),
    ``characters_per_token``, and ``round_trip`` (whether decoding gives the text back). ``seed``
    decides the intervals.

    Raises:
        UsageError: a name is unknown or given twice, or the text holds half a surrogate pair.
        RunError: a tokenizer cannot be fetched.
    """
    import pandas as pd

    found = tokenize_rows(text, [tokenizers] if isinstance(tokenizers, str) else tokenizers, seed)
    return pd.DataFrame([{**one, "round_trip": one["round_trip"]["exact"]} for one in found])


def tokenize_rows(text: str, names: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """The rows of :func:`tokenize` as plain values, with all of the round trip.

    Raises:
        UsageError: a name is unknown or given twice, or the text holds half a surrogate pair.
        RunError: a tokenizer cannot be fetched.
    """
    from tunelab.tokenizers.compare import compare_text
    from tunelab.tokenizers.pieces import check_text

    if not isinstance(text, str):
        raise UsageError(f"the text must be a string, not {type(text).__name__}.")
    try:
        check_text(text)
    except ValueError:
        raise UsageError(
            "the text holds half a surrogate pair and is not valid UTF-8; remove it."
        ) from None
    return compare_text(open_tokenizers(names), text, seed=seed)


def open_tokenizers(names: Sequence[str]) -> "list[FastTokenizer]":
    """Tokenizers by their names, all of which are looked up before the first one is opened.

    Raises:
        UsageError: there are none, or a name is unknown or given twice.
        RunError: a tokenizer cannot be fetched.
    """
    from tunelab.tokenizers.catalog import find
    from tunelab.tokenizers.loading import load

    if not names:
        raise UsageError("name at least one tokenizer, such as 'llama-3.2'.")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"the tokenizer {twice[0]!r} is named twice.")
    for name in names:
        find(name)
    return [load(name) for name in names]
