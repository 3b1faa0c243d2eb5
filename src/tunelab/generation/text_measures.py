"""Measures of the texts of answers."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

# Words of which a repetition is made.
REPEATED = 3


def words(text: str) -> list[str]:
    """Words and single marks, in lower case."""
    return re.findall(r"\w+(?:['’]\w+)*|[^\w\s]", text.casefold())


def distinct_n(texts: Sequence[str], n: int) -> float | None:
    """Distinct n-grams over all n-grams of several texts; None where there is no n-gram.

    Source: Li et al., A Diversity-Promoting Objective Function for Neural Conversation Models,
    2016, https://arxiv.org/abs/1510.03055.
    """
    grams = [gram for text in texts for gram in _grams(words(text), n)]
    return len(set(grams)) / len(grams) if grams else None


def repetition(text: str) -> float | None:
    """Share of a text's 3-grams that were there before in it; None for fewer than four words.

    Source: Welleck et al., Neural Text Generation with Unlikelihood Training, 2020,
    https://arxiv.org/abs/1908.04319 (seq-rep-n).
    """
    grams = _grams(words(text), REPEATED)
    return 1 - len(set(grams)) / len(grams) if len(grams) > 1 else None


def self_bleu(texts: Sequence[str]) -> float | None:
    """Mean BLEU of each text against the others, from 0 to 1; None for fewer than two.

    High means that the texts are alike. BLEU is sacrebleu's for sentences, with exponential
    smoothing and effective order.

    Source: Zhu et al., Texygen, 2018, https://arxiv.org/abs/1802.01886.
    """
    if len(texts) < 2 or not any(words(text) for text in texts):
        return None
    from sacrebleu.metrics.bleu import BLEU

    bleu = BLEU(effective_order=True)
    scores = []
    for position, text in enumerate(texts):
        others = [other for number, other in enumerate(texts) if number != position]
        scores.append(bleu.sentence_score(text, others).score / 100)
    return min(1.0, sum(scores) / len(scores))


def agreement(texts: Sequence[str]) -> float | None:
    """Mean word F1 over all pairs of texts; None for fewer than two texts.

    The F1 is that of two bags of words, as in SQuAD: Rajpurkar et al., 2016,
    https://arxiv.org/abs/1606.05250.
    """
    pairs = [_overlap(words(a), words(b)) for a, b in combinations(texts, 2)]
    return sum(pairs) / len(pairs) if pairs else None


def _overlap(left: Sequence[str], right: Sequence[str]) -> float:
    if not left or not right:
        return float(not left and not right)
    shared = sum((Counter(left) & Counter(right)).values())
    return 2 * shared / (len(left) + len(right))


def _grams(parts: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(parts[start : start + n]) for start in range(len(parts) - n + 1)]
