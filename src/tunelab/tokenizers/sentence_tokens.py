"""The tokens of parallel sentences: the metric by which claims compare tokenizers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunelab.config import Claim
from tunelab.evaluation.metrics.claimed import ClaimMetric, Own
from tunelab.evaluation.statistics.comparison import compare_means
from tunelab.evaluation.statistics.estimates import Difference, undefined
from tunelab.numbers import Unit
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder, token_counts

TOKENS = "tokens"
TABLE = "tokens.parquet"


@dataclass(frozen=True, kw_only=True)
class SentenceTokens(ClaimMetric):
    """Tokens of the sentences of a claim's language; the sides are tokenizers."""

    id: str = TOKENS
    unit: Unit = "mean_count"
    noun: str = "sentence"

    def label(self, claim: Claim) -> str:
        """The metric with the language."""
        return f"{self.id}, {claim.language}"

    def value(self, run: RunFolder, claim: Claim, name: str) -> Own:
        """The mean over the sentences."""
        counts = token_counts(run, claim.language).get(name)
        return (sum(counts) / len(counts) if counts else None), None

    def compare(self, run: RunFolder, claim: Claim, margin: float) -> Difference:
        """The paired t test over sentences."""
        counts = token_counts(run, claim.language)
        missing = [name for name in (claim.left, str(claim.right)) if name not in counts]
        if missing:
            return undefined(f"{missing[0]} was not counted in {claim.language}", margin)
        return compare_means(counts[claim.left], counts[str(claim.right)], margin=margin)

    def files(
        self, run: RunFolder, claim: Claim, names: Sequence[str]
    ) -> Iterator[tuple[Result, str]]:
        """The counts of both tokenizers."""
        for result in run.tokenized:
            values = result.values
            if values.get("language") == claim.language and values["tokenizer"] in names:
                yield result, TABLE
