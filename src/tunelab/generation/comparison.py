"""Compare models on the same prompts, at several temperatures, with several samples."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tunelab.evaluation.statistics.bootstrap import bootstrap, limits
from tunelab.evaluation.statistics.estimates import Estimate
from tunelab.evaluation.statistics.limits import Span, at_least, exactly, limited_estimate
from tunelab.evaluation.statistics.seeds import summarize
from tunelab.generation.open_prompts import OpenPrompt
from tunelab.generation.text_measures import agreement, distinct_n, repetition, self_bleu
from tunelab.numbers import counted

# A measure of the samples of one prompt, and whether it is a share.
Measure = Callable[[OpenPrompt, Sequence["OpenAnswer"]], float | None]


@dataclass(frozen=True)
class OpenAnswer:
    """One model's answer to one prompt at one temperature; ``tokens`` are those of its text."""

    model: str
    temperature: float
    prompt: str
    sample: int
    text: str
    tokens: int
    ending: str
    first_token_seconds: float | None
    seconds_per_token: float | None

    @property
    def stopped(self) -> bool:
        """Whether the model ended by itself."""
        return self.ending in ("stop token", "stop string")

    @property
    def cut(self) -> bool:
        """Whether a limit ended it, so that the rest of the answer is not known."""
        return self.ending in ("length", "context")

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON values."""
        return asdict(self)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _right(prompt: OpenPrompt, answers: Sequence[OpenAnswer]) -> float | None:
    found = [prompt.right(answer.text) for answer in answers]
    return _mean([None if one is None else float(one) for one in found])


MEASURES: Mapping[str, tuple[str, Measure]] = {
    "open_tokens": (
        "tokens of an answer",
        lambda _, answers: _mean([float(answer.tokens) for answer in answers]),
    ),
    "open_words": (
        "words of an answer",
        lambda _, answers: _mean([float(len(answer.text.split())) for answer in answers]),
    ),
    "open_stopped": (
        "share of answers that end by themselves within the limit",
        lambda _, answers: _mean([float(answer.stopped) for answer in answers]),
    ),
    "open_right": ("share of answers with what was expected within the limit", _right),
    "open_repetition": (
        "share of an answer's 3-grams that were there before",
        lambda _, answers: _mean([repetition(answer.text) for answer in answers]),
    ),
    "open_distinct_1": (
        "distinct words over words, over the samples of a prompt",
        lambda _, answers: distinct_n([answer.text for answer in answers], 1),
    ),
    "open_distinct_2": (
        "distinct 2-grams over 2-grams, over the samples of a prompt",
        lambda _, answers: distinct_n([answer.text for answer in answers], 2),
    ),
    "open_self_bleu": (
        "BLEU of a sample against the others",
        lambda _, answers: self_bleu([answer.text for answer in answers]),
    ),
    "open_agreement": (
        "word F1 between two samples",
        lambda _, answers: agreement([answer.text for answer in answers]),
    ),
}
# Measures that are not shares. For an answer that was cut they are a lower bound.
COUNTS = ("open_tokens", "open_words")
# Measures of the whole text, from 0 to 1, which can be anything where an answer was cut.
OF_WHOLE_TEXTS = (
    "open_repetition",
    "open_distinct_1",
    "open_distinct_2",
    "open_self_bleu",
    "open_agreement",
)


def values_by_prompt(
    measure: str, prompts: Sequence[OpenPrompt], answers: Sequence[OpenAnswer]
) -> list[float | None]:
    """A measure for each prompt, over the samples of one model at one temperature."""
    of = MEASURES[measure][1]
    by_prompt: dict[str, list[OpenAnswer]] = {prompt.id: [] for prompt in prompts}
    for answer in answers:
        by_prompt[answer.prompt].append(answer)
    return [
        of(prompt, by_prompt[prompt.id]) if by_prompt[prompt.id] else None for prompt in prompts
    ]


def spans_by_prompt(
    measure: str, prompts: Sequence[OpenPrompt], answers: Sequence[OpenAnswer]
) -> list[Span | None]:
    """What is known of a measure for each prompt, where some of its answers were cut.

    What is counted within the limit by its own words (whether an answer ended, whether it holds
    what was expected) is known of every answer.
    """
    cut = {answer.prompt for answer in answers if answer.cut}
    spans: list[Span | None] = []
    for prompt, value in zip(prompts, values_by_prompt(measure, prompts, answers), strict=True):
        if value is None:
            spans.append(None)
        elif prompt.id in cut and measure in COUNTS:
            spans.append(at_least(value))
        elif prompt.id in cut and measure in OF_WHOLE_TEXTS:
            spans.append(Span(0.0, 1.0))
        else:
            spans.append(exactly(value))
    return spans


def cut_reason(answers: Sequence[OpenAnswer]) -> str:
    """How many answers were cut, as the reason why something is not known of them."""
    cut = sum(answer.cut for answer in answers)
    return f"{cut} of {counted(len(answers), 'answer')} of {answers[0].model} were cut at a limit"


def compare_open(
    prompts: Sequence[OpenPrompt], answers: Sequence[OpenAnswer]
) -> list[dict[str, Any]]:
    """Every measure of each model at each temperature, with its interval over prompts.

    The prompts are the sample: answers to one prompt are alike, so a prompt counts once, with the
    mean over its answers. The interval is the t interval, held to 0 and 1 for shares. Where
    answers were cut, a length is a lower bound without an interval, and a measure of whole texts
    speaks of what was kept, with the reason.
    """
    groups = list(dict.fromkeys((answer.model, answer.temperature) for answer in answers))
    found = []
    for model, temperature in groups:
        own = [one for one in answers if (one.model, one.temperature) == (model, temperature)]
        row: dict[str, Any] = {
            "model": model,
            "temperature": temperature,
            "prompts": len({one.prompt for one in own}),
            "samples": max(one.sample for one in own) + 1,
        }
        for name in MEASURES:
            bounds = (-math.inf, math.inf) if name in COUNTS else (0.0, 1.0)
            values = values_by_prompt(name, prompts, own)
            spans = [span for span in spans_by_prompt(name, prompts, own) if span is not None]
            if all(span.known for span in spans):
                found_value = _estimate(values, bounds)
            elif name in COUNTS:
                found_value = limited_estimate(spans, cut_reason(own))
            else:
                reason = f"of the text that was kept: {cut_reason(own)}"
                found_value = replace(_estimate(values, bounds), reason=reason)
            row[name] = found_value.to_dict()
        row["cut"] = sum(one.cut for one in own)
        row["answers"] = len(own)
        row["by_kind"] = {
            kind: _mean(
                [
                    value
                    for prompt, value in zip(
                        prompts, values_by_prompt("open_right", prompts, own), strict=True
                    )
                    if prompt.kind == kind
                ]
            )
            for kind in dict.fromkeys(prompt.kind for prompt in prompts)
        }
        row["first_token_seconds"] = _mean([one.first_token_seconds for one in own])
        row["seconds_per_token"] = _mean([one.seconds_per_token for one in own])
        found.append(row)
    return found


def _estimate(values: Sequence[float | None], bounds: tuple[float, float]) -> Estimate:
    return summarize(list(values), "prompt", bounds=bounds)


@dataclass(frozen=True)
class Read:
    """How likely one model found the answers of another: sums over each prompt's answers."""

    reader: str
    writer: str
    temperature: float
    prompt: str
    logprob: float
    tokens: int
    bytes: int


def perplexities(
    reads: Sequence[Read], *, seed: int, resamples: int = 2000
) -> list[dict[str, Any]]:
    """Perplexity of every reader on every writer's answers, with intervals over prompts.

    Perplexity is per token of the reader, so readers with other tokenizers are compared by
    ``bits_per_byte``. The interval is BCa over prompts.
    """
    import numpy as np

    found = []
    keys = list(dict.fromkeys((one.reader, one.writer, one.temperature) for one in reads))
    for reader, writer, temperature in keys:
        own = [
            one
            for one in reads
            if (one.reader, one.writer, one.temperature) == (reader, writer, temperature)
        ]
        table: dict[str, list[float]] = {}
        for one in own:
            sums = table.setdefault(one.prompt, [0.0, 0.0, 0.0])
            sums[0] -= one.logprob
            sums[1] += one.tokens
            sums[2] += one.bytes
        numbers = np.asarray(list(table.values()), dtype=float)

        def statistics(weights: Any, numbers: Any = numbers) -> Any:
            nats, tokens, size = (np.asarray(weights, dtype=float) @ numbers).T
            return np.stack([nats / tokens, nats / size / math.log(2)], axis=1)

        rows = len(numbers)
        low: list[float | None] = [None, None]
        high: list[float | None] = [None, None]
        values = statistics(np.ones((1, rows)))[0].tolist()
        reason = "one prompt shows no spread" if rows < 2 else None
        if rows > 1:
            samples = bootstrap(
                np.ones(rows), statistics, rows=rows, seed=seed, resamples=resamples
            )
            for position, sample in enumerate(samples):
                if sample.degenerate:
                    reason = "all resamples give the same value"
                else:
                    low[position], high[position] = limits(sample)
        perplexity = Estimate(
            math.exp(values[0]),
            None if low[0] is None else math.exp(low[0]),
            None if high[0] is None else math.exp(high[0]),
            reason,
        )
        found.append(
            {
                "reader": reader,
                "writer": writer,
                "temperature": temperature,
                "perplexity": perplexity.to_dict(),
                "bits_per_byte": Estimate(values[1], low[1], high[1], reason).to_dict(),
                "prompts": rows,
            }
        )
    return found
