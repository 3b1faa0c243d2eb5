"""Every metric that a claim may name."""

from collections.abc import Mapping
from functools import cache

from tunelab.evaluation.metrics import all_metrics
from tunelab.evaluation.metrics.claimed import ClaimMetric
from tunelab.evaluation.metrics.of_rows import OfRows
from tunelab.evaluation.metrics.training_numbers import TRAINING_NUMBERS
from tunelab.generation.open_metrics import OPEN_METRICS
from tunelab.tokenizers.sentence_tokens import TOKENS, SentenceTokens


@cache
def claim_metrics() -> Mapping[str, ClaimMetric]:
    """The metrics by name: of answers, of trainings, of tokenizers and of open answers."""
    return {
        **{
            name: OfRows(id=name, unit=metric.unit, metric=metric)
            for name, metric in all_metrics().items()
        },
        **TRAINING_NUMBERS,
        TOKENS: SentenceTokens(),
        **OPEN_METRICS,
    }
