"""Near-duplicates: pairs of texts that share most of their words' sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Rows, and candidate pairs, that are compared at once: they bound the memory.
_ROWS = 512
_PAIRS = 65_536


@dataclass(frozen=True)
class Pair:
    """Two row numbers, and the Jaccard similarity of their shingles from 0 to 1."""

    first: int
    second: int
    similarity: float


def near_duplicates(texts: Sequence[str], threshold: float = 0.5) -> list[Pair]:
    """All pairs of texts at or above a similarity, the most similar first.

    The similarity is the Jaccard index of the sets of character 5-grams within words: unlike
    words, these also match texts that differ in an ending or a spelling. It is exact. Only pairs
    that share one of their rarest shingles are compared, since no other pair can reach the
    threshold; 20,000 short texts take seconds at a threshold of 0.8.

    Source: Broder, On the resemblance and containment of documents, 1997; the choice of pairs:
    Bayardo, Ma and Srikant, Scaling up all pairs similarity search, 2007.
    """
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer

    if len(texts) < 2:
        return []
    vectorizer = CountVectorizer(analyzer="char_wb", ngram_range=(5, 5), binary=True)
    try:
        shingles = vectorizer.fit_transform(texts).astype("int32").tocsr()
    except ValueError:
        # No text holds a shingle.
        return []
    sizes = np.diff(shingles.indptr)
    rarest = _rarest(shingles, sizes, threshold)
    pairs: list[Pair] = []
    for start in range(0, len(texts), _ROWS):
        candidates = (rarest[start : start + _ROWS] @ rarest.T).tocoo()
        upper = candidates.row + start < candidates.col
        pairs += _compare(
            shingles, sizes, candidates.row[upper] + start, candidates.col[upper], threshold
        )
    return sorted(pairs, key=lambda pair: (-pair.similarity, pair.first, pair.second))


def _rarest(shingles: Any, sizes: Any, threshold: float) -> Any:
    """The matrix with only those shingles of each row of which a similar row must have one.

    A similar row shares at least ``threshold * size`` shingles. If it had none of the rarest
    ``size - threshold * size + 1``, too few would be left to share.
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    counts = np.bincount(shingles.indices, minlength=shingles.shape[1])
    rank = np.empty(shingles.shape[1], dtype=np.int32)
    rank[np.argsort(counts, kind="stable")] = np.arange(shingles.shape[1], dtype=np.int32)
    ranked = csr_matrix((shingles.data, rank[shingles.indices], shingles.indptr), shingles.shape)
    ranked.sort_indices()
    # The tolerance only lets more pairs through to the exact comparison.
    kept = sizes - np.ceil(threshold * sizes - 1e-9).astype(int) + 1
    position = np.arange(ranked.nnz) - np.repeat(ranked.indptr[:-1], sizes)
    first = position < np.repeat(kept, sizes)
    starts = np.concatenate([[0], np.cumsum(np.minimum(kept, sizes))])
    return csr_matrix((ranked.data[first], ranked.indices[first], starts), shingles.shape)


def _compare(shingles: Any, sizes: Any, rows: Any, columns: Any, threshold: float) -> list[Pair]:
    import numpy as np

    pairs = []
    for start in range(0, len(rows), _PAIRS):
        one, other = rows[start : start + _PAIRS], columns[start : start + _PAIRS]
        both = np.asarray(shingles[one].multiply(shingles[other]).sum(axis=1)).ravel()
        similarity = both / (sizes[one] + sizes[other] - both)
        near = similarity >= threshold
        pairs += [
            Pair(int(first), int(second), float(value))
            for first, second, value in zip(one[near], other[near], similarity[near], strict=True)
        ]
    return pairs
