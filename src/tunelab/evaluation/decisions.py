"""The decision of a study: which classifier to take, how sure that is, and what would change it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from tunelab.evaluation.costs import DECIDING
from tunelab.evaluation.statistics.best import can_be_best, gain_of_group, rows_to_tell
from tunelab.evaluation.statistics.estimates import Estimate
from tunelab.numbers import Unit

# Whether fine-tuning pays, as far as the rows tell.
Pays = Literal["yes", "no", "undecided"]
# The way of answering of a language model that gives no label in most of its answers in words.
INSTEAD = "score instead of generate"


@dataclass(frozen=True)
class Candidate:
    """A classifier of the study.

    ``score`` is its value in the metric of the decision, with a 95 % interval; ``way`` the way of
    answering that it is of: generate, score, label, or :data:`INSTEAD`. ``seeds`` counts its
    trainings. ``can_be_best`` tells whether it belongs to the set that holds the best, ``p_value``
    is of "no other one is better". ``rows_needed`` test rows would tell it from the best, if the
    two differ by as much as here. ``costs`` are None where they are not known. ``breaks`` names
    each constraint that it does not keep, with its value, and ``unknown`` each that cannot be
    checked. ``constant`` marks a classifier that reads no text, ``collapse`` says how one gives one
    label to nearly all rows.
    """

    name: str
    way: str
    score: Estimate
    seeds: int
    fine_tuned: bool
    constant: bool
    collapse: str | None
    costs: Mapping[str, float | None]
    can_be_best: bool = True
    p_value: float | None = None
    rows_needed: int | None = None
    breaks: Mapping[str, float] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """The score, for comparisons among candidates."""
        return self.score.value or 0.0

    @property
    def takes_part(self) -> bool:
        """Whether it may be recommended: it tells labels apart and keeps all constraints."""
        return self.informative and not self.breaks and not self.unknown

    @property
    def informative(self) -> bool:
        """Whether its answers depend on the text."""
        return not self.constant and self.collapse is None


@dataclass(frozen=True)
class FineTuning:
    """The best fine-tuned classifier against the best that is not.

    ``gain`` is the difference, with an interval that allows for the choice of both by the same
    rows. ``pays``: yes or no where the interval leaves 0 out, else undecided.
    """

    tuned: str
    other: str
    gain: Estimate
    pays: Pays


@dataclass(frozen=True)
class Decision:
    """Which classifier to take.

    ``metric`` is compared, on ``rows`` test rows; ``title``, ``unit`` and ``best_is`` are what
    sentences need of it. ``candidates`` are in the order of their scores. ``recommended`` is the
    name of the one to take, None where there is none; ``by`` is the cost that chose it among those
    that can be the best, None where the score did. ``within`` tells that none of those keeps the
    constraints, so that it is the best of the others. ``reason`` says why nothing was tested.
    ``left_out`` are classifiers that could not be compared, with the reason. ``of_rows`` are
    sentences on what the rows can show: labels with few of them, or with nearly all.

    ``answer`` is the same in two sentences, ``notes`` what a reader must know beside them, and
    ``changes`` what could change it.
    """

    metric: str
    title: str
    unit: Unit
    best_is: Literal["high", "low"]
    rows: int
    candidates: tuple[Candidate, ...]
    constraints: Mapping[str, float]
    recommended: str | None = None
    by: str | None = None
    within: bool = False
    fine_tuning: FineTuning | None = None
    reason: str | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    of_rows: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def best(self) -> Candidate | None:
        """The classifier with the best score, of the informative ones where two share it."""
        return self.candidates[0] if self.candidates else None

    @property
    def can_be_best(self) -> tuple[Candidate, ...]:
        """The classifiers that the rows do not tell from the best."""
        return tuple(one for one in self.candidates if one.can_be_best)

    def find(self, name: str | None) -> Candidate | None:
        """The candidate of a name."""
        return next((one for one in self.candidates if one.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values; :func:`read_decision` makes the same of it again."""
        best = self.best
        return {
            **asdict(self),
            "best": None if best is None else best.name,
            "can_be_best": [one.name for one in self.can_be_best],
        }


def read_decision(record: Mapping[str, Any]) -> Decision:
    """What :meth:`Decision.to_dict` gave."""
    values = {key: record[key] for key in Decision.__dataclass_fields__}
    tuning = values["fine_tuning"]
    return Decision(
        **{
            **values,
            **{key: tuple(values[key]) for key in ("answer", "notes", "changes", "of_rows")},
            "candidates": tuple(
                Candidate(
                    **{
                        **one,
                        "score": Estimate(**one["score"]),
                        "unknown": tuple(one["unknown"]),
                    }
                )
                for one in values["candidates"]
            ),
            "fine_tuning": None
            if tuning is None
            else FineTuning(**{**tuning, "gain": Estimate(**tuning["gain"])}),
        }
    )


def weigh(
    decision: Decision,
    values: Mapping[str, Sequence[float]],
    *,
    seed: int,
    doubt: str | None,
    groups: Sequence[object] | None = None,
) -> Decision:
    """Test the candidates of a decision, and choose among them.

    Args:
        decision: with candidates whose sets and constraints are not filled in yet.
        values: of each candidate by name, a number for each row, the mean over its seeds.
        seed: of the random signs of the tests.
        groups: (rows,), which rows belong together; None where all are independent.
        doubt: why the candidates cannot be compared, or None where they can.
    """
    sign = 1.0 if decision.best_is == "high" else -1.0
    signed = {name: [sign * value for value in row] for name, row in values.items()}
    ranked = sorted(decision.candidates, key=lambda one: (-sign * one.value, not one.informative))
    checked = [_checked(one, decision.constraints) for one in ranked]
    if not checked:
        return replace(decision, reason=doubt or "no classifier has answered the test rows")
    if doubt is not None:
        return replace(decision, candidates=tuple(checked), reason=doubt)
    checked, reason = _tested(checked, signed, seed, groups)
    chosen, by = _choose([one for one in checked if one.can_be_best])
    within = False
    if chosen is None and any(one.can_be_best and one.informative for one in checked):
        # Constraints forbid the best: the same question, asked of those that keep them. Not taken
        # is what is worse than a classifier that reads no text.
        others = [one for one in checked if one.takes_part or not one.informative]
        if others:
            others, _ = _tested(others, signed, seed, groups)
        chosen, by = _choose([one for one in others if one.can_be_best])
        within = chosen is not None
    return replace(
        decision,
        candidates=tuple(checked),
        recommended=None if chosen is None else chosen.name,
        by=by,
        within=within,
        fine_tuning=_fine_tuning(checked, signed, sign, seed, groups),
        reason=reason,
    )


def _checked(candidate: Candidate, constraints: Mapping[str, float]) -> Candidate:
    """With the constraints that it breaks, and those that cannot be checked."""
    known = {name: candidate.costs.get(name) for name in constraints}
    return replace(
        candidate,
        breaks={
            name: value
            for name, value in known.items()
            if value is not None and value > constraints[name]
        },
        unknown=tuple(name for name, value in known.items() if value is None),
    )


def _tested(
    ranked: Sequence[Candidate],
    values: Mapping[str, Sequence[float]],
    seed: int,
    groups: Sequence[object] | None,
) -> tuple[list[Candidate], str | None]:
    """The candidates, best first, with the set of those that can be the best."""
    found = can_be_best([values[one.name] for one in ranked], seed=seed, groups=groups)
    best = values[ranked[0].name]
    return [
        replace(
            one,
            can_be_best=inside,
            p_value=p_value,
            rows_needed=rows_to_tell(best, values[one.name], groups) if position else None,
        )
        for position, (one, inside, p_value) in enumerate(
            zip(ranked, found.inside, found.p_values, strict=True)
        )
    ], found.reason


def _choose(candidates: Sequence[Candidate]) -> tuple[Candidate | None, str | None]:
    """The cheapest of the candidates that may be taken, and the cost that chose it.

    Costs decide in the order of :data:`tunelab.evaluation.costs.DECIDING`: those within a fifth of
    the lowest, or so low that it hardly matters, go on to the next cost, and one whose cost is not
    known counts as dearer than those whose cost is. What no cost decides, the score does.
    """
    left = [one for one in candidates if one.takes_part]
    by = None
    for cost in DECIDING:
        known = {one.name: value for one in left if (value := one.costs[cost.id]) is not None}
        if len(left) < 2 or not known:
            continue
        limit = cost.like(min(known.values()))
        cheap = [one for one in left if one.name in known and known[one.name] <= limit]
        if len(cheap) < len(left):
            left, by = cheap, cost.id
    return (left[0] if left else None), by


def _fine_tuning(
    ranked: Sequence[Candidate],
    values: Mapping[str, Sequence[float]],
    sign: float,
    seed: int,
    groups: Sequence[object] | None,
) -> FineTuning | None:
    """The best fine-tuned classifier against the best other one; None where there are not both."""
    tuned = [one for one in ranked if one.fine_tuned]
    others = [one for one in ranked if not one.fine_tuned]
    if not tuned or not others:
        return None
    gain = gain_of_group(
        [values[one.name] for one in tuned],
        [values[one.name] for one in others],
        seed=seed,
        groups=groups,
    )
    pays: Pays = "undecided"
    if gain.low is not None and gain.high is not None:
        pays = "yes" if gain.low > 0 else "no" if gain.high < 0 else "undecided"
    # In the metric's own direction: of one where low is good, a gain is a lower value.
    shown = Estimate(tuned[0].value - others[0].value, gain.low, gain.high, gain.reason)
    if sign < 0 and gain.low is not None and gain.high is not None:
        shown = replace(shown, low=-gain.high, high=-gain.low)
    return FineTuning(tuned[0].name, others[0].name, shown, pays)
