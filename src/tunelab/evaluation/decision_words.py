"""A decision in plain English: two sentences, what to know beside them, what would change them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tunelab.evaluation.costs import COSTS, DECIDING
from tunelab.evaluation.decisions import INSTEAD, Candidate, Decision
from tunelab.evaluation.label_budget.found import LabelBudget
from tunelab.numbers import count, counted, interval, number, signed, signed_interval, with_unit

# Names that a sentence holds at most.
_NAMED = 4
_COST = {cost.id: cost for cost in COSTS}
_PRICE = "price_per_1000"


def worded(decision: Decision, budget: LabelBudget | None = None) -> Decision:
    """The decision with its sentences; ``budget`` is what the label budget of the study shows."""
    taking, sure = _what_to_take(decision), _how_sure(decision)
    if _nothing_decided(decision) and decision.recommended is not None:
        answer = (sure, f"If one has to be taken now: {taking[:1].lower()}{taking[1:]}")
    else:
        answer = (taking, sure)
    return replace(
        decision,
        answer=answer,
        notes=tuple(_notes(decision, budget)),
        changes=tuple(_changes(decision, budget)),
    )


def _score_in_words(decision: Decision, candidate: Candidate) -> str:
    """A score with its interval."""
    score = candidate.score
    shown = with_unit(score.value, decision.unit)
    if score.low is None or score.high is None:
        return shown
    return f"{shown}, 95 % interval {interval(score.low, score.high, decision.unit)}"


def _costs_in_words(candidate: Candidate) -> str:
    """The known costs of a classifier, in the order in which they decide."""
    known = ((cost, candidate.costs.get(cost.id)) for cost in COSTS)
    return ", ".join(
        cost.show(value) for cost, value in known if value is not None and cost.listed(value)
    )


def _fine_tuning_in_words(decision: Decision) -> str | None:
    """Whether fine-tuning pays; None where no classifier was fine-tuned, or all were."""
    found = decision.fine_tuning
    if found is None or found.gain.value is None:
        return None
    gain = found.gain
    by = _difference(decision, found.gain.value)
    if gain.low is not None and gain.high is not None:
        by += f", 95 % interval {_ends(decision, gain.low, gain.high)}"
    compared = (
        f"{found.tuned}, the best fine-tuned classifier, against {found.other}, the best of the "
        f"others: {by}"
    )
    if found.pays == "yes":
        return f"Fine-tuning pays ({compared})."
    if found.pays == "no":
        return f"Fine-tuning does not pay here ({compared})."
    why = f"; {gain.reason}" if gain.reason else ""
    return f"Whether fine-tuning pays is not decided ({compared}{why})."


def _what_to_take(decision: Decision) -> str:
    taken, best = decision.find(decision.recommended), decision.best
    rows = counted(decision.rows, "test row")
    if best is None:
        return "No classifier can be recommended: none has answered the test rows."
    if taken is None:
        return f"No classifier can be recommended: {_why_none(decision)}."
    score = f"{decision.title} {_score_in_words(decision, taken)}"
    if decision.within:
        return (
            f"Take {taken.name} ({score}): of the classifiers that can be taken it is "
            f"{_as_chosen(decision, taken, 'the best one')}; {_why_not(best)}."
        )
    others = [one for one in decision.can_be_best if one is not taken]
    if len(decision.candidates) == 1:
        return f"Take {taken.name} ({score} on {rows}): it is the only classifier."
    if not others:
        return f"Take {taken.name} ({score} on {rows}): it is better than all others."
    if taken is best:
        first = "the one with" if not _equals(decision, taken) else "one of those with"
        chosen = _as_chosen(decision, taken, f"{first} the best {decision.title}")
        return f"Take {taken.name} ({score} on {rows}): it is {chosen}."
    chosen = _as_chosen(decision, taken, "the best one that can be taken")
    return (
        f"Take {taken.name} ({score} on {rows}): it is not shown to be worse than the best, "
        f"{best.name} ({with_unit(best.score.value, decision.unit)}), and is {chosen}."
    )


def _equals(decision: Decision, taken: Candidate) -> bool:
    """Whether another classifier that can be taken has the same score on these rows."""
    return any(
        one is not taken and one.informative and one.score.value == taken.score.value
        for one in decision.candidates
    )


def _as_chosen(decision: Decision, taken: Candidate, otherwise: str) -> str:
    """What chose it: a cost, or the score."""
    if decision.by is None:
        return otherwise
    cost = _COST[decision.by]
    value = taken.costs.get(cost.id)
    shown = "" if value is None else f" ({cost.show(value)})"
    among = (
        "those that are not shown to be worse than the best of these"
        if decision.within
        else "those that can be the best"
    )
    best = decision.best
    if best is not None and taken is best:
        return f"{otherwise} and the cheapest of {among}{shown}"
    return f"the cheapest of {among}{shown}"


def _why_none(decision: Decision) -> str:
    informative = [one for one in decision.candidates if one.informative]
    if not informative:
        return "each one gives the same label to nearly all rows"
    if not any(one.takes_part for one in informative):
        limits = ", ".join(
            f"at most {_COST[name].show(value)}" for name, value in decision.constraints.items()
        )
        return f"none is known to keep the constraints ({limits})"
    return decision.reason or "each one that may be taken is worse than one that may not be taken"


def _why_not(candidate: Candidate) -> str:
    """Why the best one is not taken."""
    if candidate.constant:
        return f"{candidate.name} has the best score and reads no text"
    if candidate.collapse is not None:
        return f"{candidate.name} has the best score, but has collapsed"
    broken = [f"{_COST[name].show(value)}" for name, value in candidate.breaks.items()]
    missing = [_COST[name].noun for name in candidate.unknown]
    if broken:
        return f"{candidate.name} is the best but breaks a constraint ({', '.join(broken)})"
    if missing:
        return (
            f"{candidate.name} is the best, but {' and '.join(missing)}, which a constraint "
            "limits, is not known of it"
        )
    return f"{candidate.name} has the best score"


def _nothing_decided(decision: Decision) -> bool:
    """Whether each of several classifiers can be the best."""
    return len(decision.can_be_best) == len(decision.candidates) > 1


def _how_sure(decision: Decision) -> str:
    inside, every = decision.can_be_best, decision.candidates
    rows = counted(decision.rows, "test row")
    if not every or len(every) == 1 or (decision.reason is not None and not decision.rows):
        return f"Nothing is compared: {decision.reason or 'there is one classifier'}."
    if _nothing_decided(decision):
        return (
            f"Nothing can be decided with {rows}: "
            + (decision.reason or f"each of the {len(every)} classifiers can be the best")
            + "."
        )
    rest = len(every) - len(inside)
    if len(inside) == 1:
        others = "the other one" if rest == 1 else f"each of the {rest} others"
        return f"This is decided: {inside[0].name} is better than {others} beyond chance (95 %)."
    return (
        f"{len(inside)} of {len(every)} classifiers can be the best on {rows}: {_names(inside)}; "
        f"the true best is among them in 95 of 100 studies."
    )


def _notes(decision: Decision, budget: LabelBudget | None) -> Iterator[str]:
    """What a reader must know beside the answer."""
    taken = decision.find(decision.recommended)
    costs = "" if taken is None else _costs_in_words(taken)
    if taken is not None and costs:
        yield f"What {taken.name} costs: {costs}."
    told = _fine_tuning_in_words(decision)
    if told is not None:
        yield told
    if budget is not None and budget.pays is not None:
        yield f"Label budget, without validation rows and over its draws: {budget.pays.sentence}"
    yield from _prices(decision)
    tested = decision.reason is None or any(one.p_value is not None for one in decision.candidates)
    inside = decision.can_be_best if tested else ()
    for one in inside:
        if one.constant and len(decision.candidates) > 1:
            yield (
                f"{one.name} gives every text the same label and is not shown to be worse than "
                "the best: it is not shown that any classifier has learned something."
            )
    for one in decision.candidates:
        if one.collapse is not None:
            yield one.collapse
        if one.breaks and one.can_be_best:
            broken = ", ".join(
                f"{_COST[name].show(value)} where {_COST[name].show(decision.constraints[name])} "
                "is allowed"
                for name, value in one.breaks.items()
            )
            yield f"{one.name} can be the best but breaks a constraint: {broken}."
        if one.unknown and one.can_be_best:
            missing = " and ".join(_COST[name].noun for name in one.unknown)
            yield f"{one.name} is not taken: {missing} is not known, which a constraint limits."
    eligible = [one for one in inside if one.takes_part]
    if len(eligible) > 1:
        yield from (f"{told[:1].upper()}{told[1:]}" for told in _unknown_costs(eligible))
    scored = [one for one in decision.candidates if one.way == INSTEAD]
    if scored:
        yield (
            f"{_names(scored)} {'is' if len(scored) == 1 else 'are'} compared by the likeliest "
            "label, as most answers in words hold no label."
        )
    for name, why in decision.left_out.items():
        yield f"{name} is not compared: {why}."
    yield from decision.of_rows


def _prices(decision: Decision) -> Iterator[str]:
    """What a price is of, where some classifiers are paid for and others are not."""
    prices = {one.name: one.costs.get(_PRICE) for one in decision.candidates}
    free = [one for one in decision.candidates if prices[one.name] == 0]
    if free and (len(free) < len(prices) or _PRICE in decision.constraints):
        yield (
            "A price is what a provider is paid for answers: nothing for those of "
            f"{_names(free)}; what this machine costs is not counted."
        )


def _unknown_costs(candidates: Sequence[Candidate]) -> Iterator[str]:
    """Costs that could not be weighed, of some candidates or of all."""
    unmeasured = []
    for cost in DECIDING:
        of = [one for one in candidates if one.costs.get(cost.id) is None]
        if len(of) == len(candidates):
            unmeasured.append(cost.noun)
        elif of:
            yield f"{cost.noun} is not known of {_names(of)}, which may be cheaper than it seems."
    if unmeasured:
        yield f"not measured and so not weighed: {' and '.join(unmeasured)}."


def _changes(decision: Decision, budget: LabelBudget | None) -> Iterator[str]:
    """What could change the answer."""
    best, inside = decision.best, decision.can_be_best
    if best is None:
        return
    taken = decision.find(decision.recommended)
    other = taken if taken is not None and taken is not best else None
    if other is None:
        other = next((one for one in inside if one is not best), None)
    if other is not None and other.can_be_best and len(inside) > 1:
        if other.rows_needed is None:
            yield (
                f"More test rows: {best.name} and {other.name} are equal on these, so that it is "
                "not known how many would show a difference."
            )
        else:
            apart = _difference(decision, best.value - other.value).lstrip("+−")
            yield (
                f"More test rows: about {count(other.rows_needed)} would decide between "
                f"{best.name} and {other.name} with a power of 80 %, if they differ by as much as "
                f"here ({apart})."
            )
    single = [one for one in inside if one.fine_tuned and one.seeds == 1]
    several = [one for one in decision.candidates if one.seeds > 1]
    if single:
        yield (
            f"More seeds: {_names(single)} {'was' if len(single) == 1 else 'were'} trained with "
            "one seed, and another seed can give another order."
        )
    if several:
        yield (
            f"Other seeds: {_names(several)} {'counts' if len(several) == 1 else 'count'} with "
            "the mean over the seeds in each row; the tests hold for these trainings on other "
            "test rows."
        )
    more = None if budget is None else budget.more_labels(best.name)
    if more is not None:
        yield more
        return
    yield (
        "More labelled rows: whether they would change the answer is not known, as every "
        "classifier was fitted to the same rows."
    )


def _difference(decision: Decision, value: float) -> str:
    """A difference: in points of a share, else in the metric's unit."""
    if decision.unit in ("number", "share"):
        return f"{_sign(value)}{abs(100 * value):.1f} points"
    return signed(value, decision.unit)


def _ends(decision: Decision, low: float, high: float) -> str:
    if decision.unit in ("number", "share"):
        ends = (f"{_sign(value)}{abs(100 * value):.1f}" for value in (low, high))
        return " to ".join(ends)
    return signed_interval(low, high, decision.unit)


def _sign(value: float) -> str:
    return "+" if value > 0 else "−" if value < 0 else ""


def _names(candidates: Sequence[Candidate]) -> str:
    names = [one.name for one in candidates]
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {number(len(names) - _NAMED)} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
