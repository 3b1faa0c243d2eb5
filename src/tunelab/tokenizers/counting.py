"""Count tokens of many texts, in bounded memory and on every core."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tunelab.tokenizers.loading import FastTokenizer
from tunelab.tokenizers.pieces import check_text
from tunelab.tokenizers.reading import read_lines
from tunelab.tokenizers.words import count_words

Observer = Callable[[list[int], list[list[int]]], None]

# Characters of text that are tokenized together.
_BATCH = 1 << 19


@dataclass
class FileCount:
    """What one pass over texts counts. ``tokens`` has an entry for each tokenizer."""

    texts: int = 0
    words: int = 0
    characters: int = 0
    bytes: int = 0
    tokens: list[int] = field(default_factory=list)


def count_tokens(tokenizer: FastTokenizer, texts: Sequence[str]) -> list[int]:
    """Tokens of every text, without control tokens.

    Raises:
        ValueError: a text holds half a surrogate pair.
    """
    for text in texts:
        check_text(text)
    lengths: list[int] = []
    for batch in _batches(texts):
        lengths += _count_batch(tokenizer, batch)
    return lengths


def count_texts(
    tokenizers: Sequence[FastTokenizer],
    texts: Iterable[str],
    *,
    observe: Observer | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> FileCount:
    """Count texts with several tokenizers in one pass, in memory that does not grow.

    ``observe`` is called with the words of every text of a batch and, for each tokenizer, its
    tokens; ``advance`` with the UTF-8 bytes of the batch when it is done.
    """
    found = FileCount(tokens=[0] * len(tokenizers))
    for batch in _batches(texts):
        size = sum(len(text.encode("utf-8")) for text in batch)
        words = [count_words(text) for text in batch]
        lengths = [_count_batch(tokenizer, batch) for tokenizer in tokenizers]
        found.texts += len(batch)
        found.words += sum(words)
        found.characters += sum(map(len, batch))
        found.bytes += size
        found.tokens = [
            before + sum(new) for before, new in zip(found.tokens, lengths, strict=True)
        ]
        if observe is not None:
            observe(words, lengths)
        advance(size)
    return found


def count_file(
    tokenizers: Sequence[FastTokenizer],
    path: Path,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> FileCount:
    """Count the lines of a UTF-8 file, each as a text of its own without its line end.

    Raises:
        UsageError: the file is missing or not UTF-8.
    """
    return count_texts(tokenizers, read_lines(path), advance=advance)


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text) + 16
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _count_batch(tokenizer: FastTokenizer, batch: list[str]) -> list[int]:
    # `len` of an encoding reads its length alone; its ids would be copied into Python.
    with every_core():
        encodings = tokenizer.backend.encode_batch_fast(batch, add_special_tokens=False)
    return [len(encoding) for encoding in encodings]


@contextmanager
def every_core() -> Iterator[None]:
    """Let the `tokenizers` library use all cores, whatever the environment says.

    It reads TOKENIZERS_PARALLELISM at every call.
    """
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
