"""What a metric is: its words, its value and interval, and how two models are compared in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tunelab.evaluation.predictions import Predictions
from tunelab.evaluation.statistics.clusters import Clusters, clusters_of
from tunelab.evaluation.statistics.estimates import Difference, Estimate
from tunelab.evaluation.statistics.limits import Span
from tunelab.numbers import Unit

# What a metric reads: the labels that a model is scored by (those of its first way of answering),
# the labels of its answers in words, its label probabilities, or the text that it wrote.
Evidence = Literal["labels", "answers", "likelihoods", "text"]


@dataclass(frozen=True)
class Answered:
    """One classifier's answers.

    ``predicted`` are the labels of its first way of answering, ``scored`` the likeliest ones, or
    None where it was not asked for them. ``name`` is what messages call it. ``ends`` is how an
    answer ends that ends by itself, in words, None where that is not known. ``tokenizer`` tells
    tokenizers apart, None where it is not known.
    """

    predictions: Predictions
    predicted: tuple[str | None, ...]
    scored: tuple[str | None, ...] | None
    name: str = ""
    ends: str | None = None
    tokenizer: str | None = None

    @property
    def writes(self) -> bool:
        """Whether it writes text, from which its label is read."""
        return self.predictions.generated is not None

    @property
    def truth(self) -> tuple[str, ...]:
        """The true labels."""
        return self.predictions.truth

    @cached_property
    def clusters(self) -> Clusters | None:
        """Which rows belong together; None where all are independent."""
        return clusters_of(self.predictions.groups)


@dataclass(frozen=True)
class Resampling:
    """How intervals by resampling are drawn; metrics with a formula ignore it."""

    seed: int = 0
    resamples: int = 5000


def no_reason(sides: Sequence[Answered]) -> str | None:
    """The doubt of a metric that has none."""
    return None


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric. :mod:`tunelab.evaluation.metrics.constructors` makes most of them.

    Attributes:
        id: its name in studies and in files for programs.
        title: its name for readers.
        description: what it measures, for the documentation.
        value: of one model, without an interval; None with a reason where it is not defined.
        estimate: the value with its 95 % interval.
        compare: left minus right, tested against a margin; right is a model that answered the
            same rows, or a number.
        rows: what is known of each row's value, to show rows on which two models differ; None
            where the model was not asked for what the metric reads.
        mean_of_rows: whether the value is the mean of the values of ``rows``. Where it is not,
            ``compare`` leaves a ``standard_error`` in the details of its difference, by which
            several training seeds are compared.
        reads: the evidence that it is computed from.
        unit: how it is printed.
        best: whether high or low values are good.
        headline: whether the first tables show it and models are compared in it; other metrics
            are in results.parquet and in the table of all scores.
        chart: whether the bar chart of scores shows it.
        limits: the least and the highest value that it can have.
        doubt: why some models cannot be compared in it, or None where they can.
        censored: why values of rows are known as bounds only, or None where all are known.
        hub_type: its name in the metadata of a card on the Hugging Face Hub, None for none.
    """

    id: str
    title: str
    description: str
    value: Callable[[Answered], Estimate]
    estimate: Callable[[Answered, Resampling], Estimate]
    compare: Callable[[Answered, Answered | float, float, Resampling], Difference]
    rows: Callable[[Answered], Sequence[Span] | None]
    mean_of_rows: bool
    reads: Evidence = "labels"
    unit: Unit = "number"
    best: Literal["high", "low"] = "high"
    headline: bool = False
    chart: bool = False
    limits: tuple[float, float] = (0.0, 1.0)
    doubt: Callable[[Sequence[Answered]], str | None] = no_reason
    censored: Callable[[Sequence[Answered]], str | None] = no_reason
    hub_type: str | None = None
