"""Counts that a study tests claims with."""

from tunelab.registry import check_name
from tunelab.tokenizers.counting import count_tokens
from tunelab.tokenizers.loading import load
from tunelab.tokenizers.parallel import LANGUAGES, built_in


def tokens_per_sentence(tokenizer_name: str, language: str = "fa") -> list[int]:
    """Tokens of every sentence of the parallel corpus in a language, in its order.

    Control tokens are not counted. The sentences are the same for every tokenizer, so that two
    lists are pairs.

    Raises:
        UsageError: the tokenizer or the language is not known.
        RunError: the tokenizer cannot be fetched.
    """
    check_name("language", language, LANGUAGES)
    return count_tokens(load(tokenizer_name), built_in().sentences[language])
