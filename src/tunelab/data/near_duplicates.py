"""Near-duplicates: pairs of texts that share most of their words' sequences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_CHUNK = 512


@dataclass(frozen=True)
class Pair:
    """Two row numbers, and the Jaccard similarity of their shingles from 0 to 1."""

    first: int
    second: int
    similarity: float


def near_duplicates(texts: Sequence[str], threshold: float = 0.5) -> list[Pair]:
    """All pairs of texts at or above a similarity, the most similar first.

    The similarity is the Jaccard index of the sets of character 5-grams within words: unlike
    words, these also match texts that differ in an ending or a spelling. It is exact.

    Source: Broder, On the resemblance and containment of documents, 1997.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    if len(texts) < 2:
        return []
    vectorizer = CountVectorizer(analyzer="char_wb", ngram_range=(5, 5), binary=True)
    try:
        shingles = vectorizer.fit_transform(texts).astype("int32")
    except ValueError:
        # No text holds a shingle.
        return []
    sizes = shingles.sum(axis=1).A1
    pairs = []
    for start in range(0, len(texts), _CHUNK):
        shared = (shingles[start : start + _CHUNK] @ shingles.T).tocoo()
        pairs += list(_above(shared, start, sizes, threshold))
    return sorted(pairs, key=lambda pair: (-pair.similarity, pair.first, pair.second))


def _above(shared: object, start: int, sizes: object, threshold: float) -> Iterator[Pair]:
    rows = shared.row + start  # type: ignore[attr-defined]
    columns, both = shared.col, shared.data  # type: ignore[attr-defined]
    similarity = both / (sizes[rows] + sizes[columns] - both)  # type: ignore[index]
    kept = (rows < columns) & (similarity >= threshold)
    for row, column, value in zip(rows[kept], columns[kept], similarity[kept], strict=True):
        yield Pair(int(row), int(column), float(value))
