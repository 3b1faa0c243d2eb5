"""How tokenizers cut a text, and how they compare over languages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tunelab.api.tables import as_html, as_text
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


@dataclass(frozen=True)
class TokenizerComparison:
    """Tokenizers on the same sentences in several languages.

    ``languages``: a row for each tokenizer and language, with its tokens, its fertility (tokens a
    word) and its premium: the tokens over those of ``base`` on the same sentences. ``pairs``: a row
    for each two tokenizers and language; ``p_adjusted`` is corrected over all pairs and languages.
    ``spellings``: what a change of the spelling does to the Persian sentences, a row for each
    tokenizer and change; empty where the corpus has no Persian. ``sentences`` counts those of each
    language.
    """

    languages: "pd.DataFrame"
    pairs: "pd.DataFrame"
    spellings: "pd.DataFrame" = field(repr=False)
    base: str
    sentences: int

    def __repr__(self) -> str:
        """The languages as a table of text."""
        return as_text(self.languages)

    def _repr_html_(self) -> str:
        return as_html(self.languages)


def compare_tokenizers(
    tokenizers: Sequence[str], corpus: str = "parallel", *, seed: int = 42
) -> TokenizerComparison:
    """Compare tokenizers on the same sentences in several languages.

    ``corpus``: parallel, which comes with tunelab, flores=FOLDER or udhr=FOLDER. ``seed`` decides
    the intervals.

    Raises:
        UsageError: a name is unknown or given twice, or the folder is missing.
        RunError: a tokenizer cannot be fetched.
    """
    import pandas as pd

    from tunelab.tokenizers.compare import compare_parallel
    from tunelab.tokenizers.parallel import open_corpus
    from tunelab.tokenizers.persian import compare_changes

    parallel, opened = open_corpus(corpus), open_tokenizers(tokenizers)
    found = compare_parallel(opened, parallel, seed=seed)
    languages = [
        {"tokenizer": row["tokenizer"], "language": code}
        | {key: value for key, value in measured.items() if not isinstance(value, dict)}
        for row in found
        for code, measured in row["languages"].items()
    ]
    persian = parallel.sentences.get("fa", [])
    return TokenizerComparison(
        languages=pd.DataFrame(languages),
        pairs=pd.DataFrame([pair for row in found for pair in row["pairs"]]),
        spellings=pd.DataFrame(compare_changes(opened, persian, seed=seed)),
        base=found[0]["base"],
        sentences=parallel.rows,
    )


def tokenize_rows(text: str, names: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """The rows of :func:`tokenize` as plain values, with the details of the round trip.

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
