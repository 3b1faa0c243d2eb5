"""How tokenizers cut a text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tunelab.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


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

    from tunelab.tokenizers.catalog import find
    from tunelab.tokenizers.compare import compare_text
    from tunelab.tokenizers.loading import load
    from tunelab.tokenizers.pieces import check_text

    names = [tokenizers] if isinstance(tokenizers, str) else list(tokenizers)
    if not isinstance(text, str):
        raise UsageError(f"the text must be a string, not {type(text).__name__}.")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"the tokenizer {twice[0]!r} is named twice.")
    if not names:
        raise UsageError("name at least one tokenizer, such as 'llama-3.2'.")
    try:
        check_text(text)
    except ValueError:
        raise UsageError("the text holds half a surrogate pair, not a character.") from None
    for name in names:
        find(name)
    found = compare_text([load(name) for name in names], text, seed=seed)
    return pd.DataFrame([{**one, "round_trip": one["round_trip"]["exact"]} for one in found])
