"""Texts as sets of hashed words: enough to tell two samples apart, and not to read them."""

import re
import zlib
from collections.abc import Sequence
from typing import Any, Literal

# Buckets that words fall into. Several words share each one.
BUCKETS = 4096
# Words of a text that count, the first ones.
_LONGEST = 400
_WORD = re.compile(r"\w+")

# Words between blanks; where a script has none, letters and pairs of letters.
Unit = Literal["words", "letters"]


def hash_words(text: str, unit: Unit) -> tuple[int, ...]:
    """The buckets of a text's words, in order of their numbers, each once.

    A word in lower case falls into the bucket CRC-32 modulo :data:`BUCKETS`.
    """
    if unit == "words":
        found = _WORD.findall(text.lower())[:_LONGEST]
    else:
        letters = "".join(text.lower().split())[:_LONGEST]
        pairs = (letters[start : start + 2] for start in range(len(letters) - 1))
        found = [*letters, *pairs]
    return tuple(sorted({zlib.crc32(word.encode()) % BUCKETS for word in found}))


def as_matrix(texts: Sequence[Sequence[int]]) -> Any:
    """A sparse matrix (texts, BUCKETS) of ones where a text has a word of the bucket."""
    import numpy as np
    from scipy.sparse import csr_matrix

    lengths = [len(text) for text in texts]
    columns = np.fromiter((bucket for text in texts for bucket in text), dtype=np.int32)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    values = np.ones(len(columns))
    return csr_matrix((values, columns, starts), shape=(len(texts), BUCKETS))
