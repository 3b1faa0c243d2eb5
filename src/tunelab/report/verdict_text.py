"""A claim's numbers and its test, as a reader sees them."""

from collections.abc import Mapping
from typing import Any

from tunelab.evaluation.claims import signed_margin
from tunelab.evaluation.verdicts import CHANGED, CLAIMED, EXPLORATORY, ClaimVerdict, Verdicts
from tunelab.numbers import (
    UNDEFINED,
    Unit,
    counted,
    number,
    p_value,
    signed,
    signed_interval,
    with_unit,
)
from tunelab.study.judging.claim_metrics import claim_metrics

# An odds ratio, or its inverse, beyond which it says no more than that one side is nearly alone.
_LARGEST_EFFECT = 100.0


def unit_of(metric: str) -> Unit:
    """What a metric of claims counts or measures."""
    # The package that brought a metric may be gone since the run.
    about = claim_metrics().get(metric)
    return about.unit if about is not None else "number"


def correction_in_words(verdicts: Verdicts) -> str:
    """Which tests the correction of each family covers, as a sentence or two."""
    claimed, explored = verdicts.tests[CLAIMED], verdicts.tests[EXPLORATORY]
    told = []
    if claimed:
        changed = any(CHANGED in one.notes for one in verdicts.claims)
        when = "" if changed else "were written before the run and "
        told.append(f"The claims {when}are one family: Holm's correction over {_tests(claimed)}.")
    if explored:
        told.append(
            "The comparisons that nobody claimed are exploratory and another family: Holm's "
            f"correction over {_tests(explored)}."
        )
    return " ".join(told) or "No difference was tested."


def values_in_words(judged: ClaimVerdict) -> str:
    """Both sides' values, the difference with its interval, and what is claimed of it."""
    claim, difference = judged.claim, judged.comparison.difference
    unit = unit_of(claim.metric)
    left = f"{claim.left} {_value(judged.values[0], judged.bounds[0], unit)}"
    right = f"{claim.right} {_value(judged.values[1], judged.bounds[1], unit)}"
    if not isinstance(claim.right, str):
        right = f"against {with_unit(claim.right, unit)}"
    text = f"{judged.comparison.metric}: {left}, {right}."
    if difference.value is not None:
        bound = f"{difference.bound} " if difference.bound else ""
        text += f" Difference {bound}{signed(difference.value, unit)}"
        if difference.low is not None and difference.low != difference.high:
            ends = signed_interval(difference.low, difference.high, unit)
            text += f" (95 % interval {ends})"
        text += f"; claimed is one {_claimed(claim.relation, claim.margin, unit)}."
    return text


def how_tested(judged: ClaimVerdict) -> str:
    """The test, why the verdict is what it is, and how many rows it rests on."""
    difference, noun = judged.comparison.difference, judged.noun
    parts = []
    if difference.p_value is not None:
        corrected = judged.comparison.p_corrected
        parts.append(
            f"{difference.test}, {_p(difference.p_value)}, corrected {_p(corrected)}; {judged.why}."
        )
    else:
        parts.append(f"Reason: {judged.why}.")
    effect = _effect(judged)
    if effect:
        parts.append(effect)
    if difference.rows:
        rows = f"It rests on {counted(difference.rows, noun)}"
        if difference.rows_needed is not None:
            rows += (
                f"; {counted(difference.rows_needed, noun)} would decide a difference like this "
                "one (power 80 %, uncorrected)"
            )
        parts.append(f"{rows}.")
    return " ".join(parts)


def row_value(row: Mapping[str, Any], side: str, metric: str) -> str:
    """The value of a row behind a claim, on the ``left`` or the ``right``."""
    unit = unit_of(metric)
    value = row[f"{side}_value"]
    shown = f"{value:,.0f}" if float(value).is_integer() else with_unit(value, unit)
    if not row.get(f"{side}_cut"):
        return shown
    return f"at least {shown}" if unit == "mean_count" else f"{shown} of what was kept"


def difference_in_words(verdict: Mapping[str, Any]) -> str:
    """The difference of a stored verdict, for a line of a table."""
    difference, unit = verdict["difference"], unit_of(verdict["metric"])
    bound = difference.get("bound")
    return f"{bound} " * bool(bound) + signed(difference["value"], unit)


def interval_in_words(verdict: Mapping[str, Any]) -> str | None:
    """The interval of a stored verdict, None where it has none."""
    low, high = verdict["difference"]["low"], verdict["difference"]["high"]
    if low is None or low == high:
        return None
    return signed_interval(low, high, unit_of(verdict["metric"]))


def _tests(count: int) -> str:
    return "its one test" if count == 1 else f"its {count} tests"


def _value(value: float | None, bound: str | None, unit: Unit) -> str:
    return f"{bound} {with_unit(value, unit)}" if bound else with_unit(value, unit)


def _claimed(relation: Any, margin: float, unit: Unit) -> str:
    if relation == "about":
        return f"within ±{with_unit(margin, unit)}"
    edge = signed_margin(None, relation, margin)
    shown = signed(edge, unit) if edge else "0"
    return f"{'above' if relation == 'more' else 'below'} {shown}"


def _p(value: float | None) -> str:
    shown = p_value(value)
    return f"p {shown}" if shown.startswith("<") or shown == UNDEFINED else f"p = {shown}"


def _effect(judged: ClaimVerdict) -> str:
    """The effect's size, where it tells how much the two differ.

    A ratio over a handful of rows, or of a side that missed the answer format, does not.
    """
    difference = judged.comparison.difference
    if difference.effect is None or difference.value is None or judged.notes:
        return ""
    if difference.rows and difference.p_value is None:
        return ""
    if "odds" in str(difference.effect_name):
        inverse = 1 / difference.effect if difference.effect else _LARGEST_EFFECT
        if max(difference.effect, inverse) >= _LARGEST_EFFECT:
            return ""
    shown = number(difference.effect).replace("-", "−")
    return f"Effect: {difference.effect_name} {shown}."
