"""What a record holds of the requests to an endpoint: tokens, prices, failures, times."""

import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tunelab.classifiers.hosted.answers import HostedAnswer
from tunelab.classifiers.hosted.asking import Outcome
from tunelab.classifiers.hosted.first_tokens import MEANING
from tunelab.classifiers.hosted.settings import Prices, Settings

_MOST_FAILURES = 5
_MANY = 1000
_MILLION = 1_000_000


def describe_requests(
    settings: Settings, outcome: Outcome, rows: Sequence[HostedAnswer | None]
) -> dict[str, Any]:
    """The values of a record, as JSON. ``rows``: the answer to each row, None where it failed."""
    answers = [answer for answer in rows if answer is not None]
    seconds = sorted(answer.seconds for answer in outcome.answers.values())
    failures = Counter(outcome.failures.values()).most_common(_MOST_FAILURES)
    with_tokens = sum(answer.first_tokens is not None for answer in answers)
    return {
        "url": settings.url,
        "model": settings.model,
        "asked": outcome.asked,
        "kept_from_before": len(outcome.kept),
        "rows_failed": len(rows) - len(answers),
        "failures": dict(failures),
        "changes": outcome.manner.changes if outcome.manner else [],
        "rows_by_schema": sum(answer.by_schema for answer in answers),
        "first_token_logprobs": {"rows": with_tokens, "meaning": MEANING} if with_tokens else None,
        "seconds_per_request": None
        if not seconds
        else {
            "median": statistics.median(seconds),
            "p95": seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))],
        },
        **_usage(answers, settings.prices),
    }


def _usage(answers: Sequence[HostedAnswer], prices: Prices | None) -> dict[str, Any]:
    """Tokens and the price of a thousand rows, as if each row was asked once."""
    counted = [
        (answer.input_tokens, answer.output_tokens)
        for answer in answers
        if answer.input_tokens is not None and answer.output_tokens is not None
    ]
    if not counted:
        reason = "the server counts no tokens" if answers else "no row was answered"
        return {
            "tokens_per_thousand_rows": None,
            "price_per_thousand_rows": None,
            "price_reason": reason,
        }
    means = [sum(column) / len(counted) * _MANY for column in zip(*counted, strict=True)]
    price = None
    if prices is not None:
        price = (means[0] * prices.input + means[1] * prices.output) / _MILLION
    return {
        "tokens_per_thousand_rows": {
            "input": means[0],
            "output": means[1],
            "rows_counted": len(counted),
        },
        "price_per_thousand_rows": price,
        "price_reason": "the study names no prices" if prices is None else None,
    }
