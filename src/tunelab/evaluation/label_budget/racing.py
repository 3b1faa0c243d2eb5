"""Which trainings still matter for the decision, and when to stop.

The race asks two questions: which classifier is best at the largest size, and from which size on
fine-tuning pays. It looks at the differences of pairs after 3, 5, 9, … draws and after all. At
each look the limits of a difference take their share of the level for the draws, so that all looks
together keep it, however often and at whatever moment the race is looked at. Between two looks
nothing new is decided.

There are two sources of chance. Draws come one after another; test rows are one fixed sample that
all draws are asked, whose error is the same at every look and needs no share. With at most some ten
draws, confidence sequences that assume nothing but bounded values are wider than any difference
that occurs, which is why the limits over draws are Student's, for the mean over hundreds of rows.

Sources: Jennison and Turnbull, Interim Analyses: The Repeated Confidence Interval Approach, 1989;
Howard et al., Time-uniform, Nonparametric, Nonasymptotic Confidence Sequences, 2021 (limits that
hold at any time); Lan, Simon and Halperin, Stochastically Curtailed Tests in Long-Term Clinical
Trials, 1982 (stopping what will not be decided, which cannot make a decision wrong).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

from tunelab.evaluation.label_budget.answers import BudgetAnswers, BudgetCell
from tunelab.evaluation.label_budget.curves import in_rows
from tunelab.evaluation.label_budget.pays import (
    GainAt,
    Limits,
    PaysFrom,
    fixed_limits,
    gain_at,
    limits_of_one_draw,
    verdict_of,
)
from tunelab.evaluation.label_budget.two_way import LEVEL, Sample, known, paired, two_way
from tunelab.numbers import counted, share

MARGIN = 0.01
# Draws before which no variance of draws is told.
FIRST_LOOK = 3
# A pair is given up where all draws would decide it with a smaller probability.
LEAST_POWER = 0.1

# "open": more trainings can decide it. "left open": no training that the study asks for is likely
# to.
State = Literal["decided", "open", "left open"]


@dataclass(frozen=True)
class Standing:
    """How a question stands.

    ``question`` is "best" (which classifier is best at the largest size) or "pays" (from which
    size on fine-tuning pays). ``sentence`` tells the answer, or why there is none.
    """

    question: Literal["best", "pays"]
    state: State
    sentence: str


@dataclass(frozen=True)
class Gap:
    """Accuracy of ``first`` minus that of ``second``, with an interval that holds at any moment.

    ``size`` in rows a label, ``draws`` that both have done. ``low`` and ``high`` are None while too
    few draws are done.
    """

    first: str
    second: str
    size: float
    draws: int
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Undone:
    """Trainings of one classifier and size that are not needed, and why."""

    classifier: str
    size: float
    cells: tuple[BudgetCell, ...]
    reason: str


@dataclass(frozen=True)
class Race:
    """What is decided, and what to do next.

    ``next`` are the trainings to do before the race is looked at again, in the order in which to
    do them; empty when it is over. ``best`` is the classifier that is better than all others at the
    largest size, None where that is not decided; ``alike`` are those that were found to be within
    ``margin`` of each other, with all others below. ``left`` are the classifiers that can still be
    the best. ``pays`` is the verdict on fine-tuning, None where the study has only one of the two
    groups. ``undone`` are the trainings that will not be done, once the race is over. ``gaps`` are
    those of all pairs at the largest size. ``guarantee`` says what holds, and of what.
    """

    best: str | None
    alike: tuple[str, ...]
    left: tuple[str, ...]
    pays: PaysFrom | None
    questions: tuple[Standing, ...]
    next: tuple[BudgetCell, ...]
    undone: tuple[Undone, ...]
    gaps: tuple[Gap, ...]
    done: int
    planned: int
    alpha: float
    margin: float
    guarantee: str

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return not self.next

    def to_dict(self) -> dict[str, Any]:
        """The race as JSON values."""
        return asdict(self) | {"over": self.over}


def looks(planned: int) -> tuple[int, ...]:
    """After how many draws a race is looked at: 3, 5, 9, 15, … and all.

    A look shortly before the last one would cost its share of the level for little.
    """
    found = []
    look = FIRST_LOOK
    while look <= 0.75 * planned:
        found.append(look)
        look = math.ceil(look * 5 / 3)
    return (*found, planned)


def race(
    answers: BudgetAnswers,
    *,
    tuned: Sequence[str] = (),
    others: Sequence[str] = (),
    alpha: float = LEVEL,
    margin: float = MARGIN,
) -> Race:
    """What the trainings done so far decide, and which ones to do next.

    First every classifier does its draws up to the first look, at every size. Then draws go where
    a question is open and they are likely to decide it: at the largest size to the classifiers that
    can still be the best, and from the largest size down to those of the two groups that decide
    whether fine-tuning pays. The same answers give the same race. It never asks for more than the
    trainings of the study.

    Args:
        answers: what was done.
        tuned: the classifiers that are fine-tuned.
        others: those that are not; without either of them, only the best is asked for.
        alpha: of each of the two questions, the probability of a wrong answer at any moment.
        margin: classifiers that differ by less are about the same.

    Raises:
        ValueError: there is no such classifier, there are no sizes, or a number is out of range.
    """
    known(answers, *tuned, *others)
    if both := sorted(set(tuned) & set(others)):
        raise ValueError(f"{', '.join(both)} cannot be fine-tuned and not fine-tuned")
    if not answers.sizes or not answers.classifiers:
        raise ValueError("a race needs a size and a classifier")
    if not 0 < alpha < 1 or not 0 <= margin < 1:
        raise ValueError("alpha lies between 0 and 1, and the margin is at least 0 and below 1")
    begin = [cell for cell in _cells(answers, looks) if cell not in answers.right]
    best = _best(answers, alpha, margin, bool(begin))
    pays = _pays(answers, tuned, others, alpha) if tuned and others else None
    wanted = begin or _in_order({*best.cells, *(pays.cells if pays else ())})
    standings = [Standing("best", _state(best.state, begin), best.sentence)]
    if pays is not None:
        standings.append(Standing("pays", _state(pays.state, begin), pays.verdict.sentence))
    return Race(
        best=best.name,
        alike=best.alike,
        left=best.left,
        pays=pays.verdict if pays else None,
        questions=tuple(standings),
        next=tuple(wanted),
        undone=() if wanted else tuple(_undone(answers, best, pays)),
        gaps=best.gaps,
        done=sum(cell in answers.right for cell in _cells(answers)),
        planned=sum(1 for _ in _cells(answers)),
        alpha=alpha,
        margin=margin,
        guarantee=_guarantee(answers, alpha),
    )


@dataclass(frozen=True)
class _Best:
    """The question of the best: its answer so far, and the trainings that could decide it."""

    name: str | None
    alike: tuple[str, ...]
    left: tuple[str, ...]
    state: State
    sentence: str
    gaps: tuple[Gap, ...]
    cells: tuple[BudgetCell, ...]


@dataclass(frozen=True)
class _Pays:
    """The question of fine-tuning; ``position`` is that of the size that it stands at."""

    verdict: PaysFrom
    state: State
    position: int
    cells: tuple[BudgetCell, ...]


def _best(answers: BudgetAnswers, alpha: float, margin: float, beginning: bool) -> _Best:
    size = len(answers.sizes) - 1
    planned, rows_a_label = answers.draws[size], answers.sizes[size]
    names = answers.classifiers
    if len(names) == 1:
        sentence = f"{names[0]} is the only classifier."
        return _Best(names[0], (), names, "decided", sentence, (), ())
    level = level_of_pair(alpha, len(names))
    limits = sequential_limits(planned)
    samples, gaps = {}, {}
    for first, second in combinations(names, 2):
        sample = paired(answers, first, second, size)
        if sample is None or not sample.values.shape[1]:
            continue
        low, high = limits(sample, level, level)
        value = float(sample.values.mean())
        samples[first, second] = sample
        gaps[first, second] = Gap(first, second, rows_a_label, len(sample.draws), value, low, high)
    beaten = {gap.second for gap in gaps.values() if gap.low is not None and gap.low > 0}
    beaten |= {gap.first for gap in gaps.values() if gap.high is not None and gap.high < 0}
    left = tuple(name for name in names if name not in beaten)
    shown = tuple(gaps.values())
    if len(left) == 1:
        sentence = f"{left[0]} is the best classifier at {in_rows(rows_a_label)}."
        return _Best(left[0], (), left, "decided", sentence, shown, ())
    inside = {pair: gap for pair, gap in gaps.items() if pair[0] in left and pair[1] in left}
    if left and all(
        pair in inside and _within(inside[pair], margin) for pair in combinations(left, 2)
    ):
        sentence = (
            f"{_listed(left)} are about the same at {in_rows(rows_a_label)}: they differ by less "
            f"than {share(margin)}, and all others are below."
        )
        return _Best(None, left, left, "decided", sentence, shown, ())
    cells: set[BudgetCell] = set()
    for pair, gap in inside.items():
        if _within(gap, margin):
            continue
        upto = _next_look(planned, gap.draws)
        if upto is not None and _promising(samples[pair], planned, level, margin):
            cells |= {BudgetCell(name, size, draw) for name in pair for draw in range(upto)}
    cells -= set(answers.right)
    state: State = "open" if cells else "left open"
    all_done = all(BudgetCell(name, size, planned - 1) in answers.right for name in left)
    reason = "more draws can tell" if cells or beginning else _limit(answers, size, all_done)
    several = _listed(left) if left else "All classifiers"
    sentence = f"{several} can each be the best at {in_rows(rows_a_label)}: {reason}."
    return _Best(None, (), left, state, sentence, shown, tuple(cells))


def _pays(
    answers: BudgetAnswers, tuned: Sequence[str], others: Sequence[str], alpha: float
) -> _Pays:
    gains = tuple(
        gain_at(
            answers,
            tuned,
            others,
            size,
            limits=sequential_limits(answers.draws[size]),
            alpha=alpha,
        )
        for size in range(len(answers.sizes))
    )
    verdict = verdict_of(gains)
    for size in reversed(range(len(gains))):
        if (low := gains[size].gain.low) is not None and low > 0:
            continue
        cells = _towards(answers, tuned, others, size, gains[size], alpha)
        if cells:
            return _Pays(verdict, "open", size, cells)
        settled = verdict.verdict != "undecided"
        return _Pays(verdict, "decided" if settled else "left open", size, ())
    return _Pays(verdict, "decided", 0, ())


def _towards(
    answers: BudgetAnswers,
    tuned: Sequence[str],
    others: Sequence[str],
    size: int,
    gain: GainAt,
    alpha: float,
) -> tuple[BudgetCell, ...]:
    """The trainings at one size that can show a gain, or a loss, none where it is settled."""
    if gain.tuned is None or gain.other is None or gain.gain.value is None:
        return ()
    if gain.gain.high is not None and gain.gain.high < 0:
        return ()
    # Below the largest size only a gain changes the verdict.
    largest = size == len(answers.sizes) - 1
    if gain.gain.value <= 0 and not largest:
        return ()
    planned = answers.draws[size]
    limits = sequential_limits(planned)
    levels = alpha / 2 / len(tuned), alpha / 2 / len(others)
    gaining = gain.gain.value > 0
    pairs = (
        [(gain.tuned, other) for other in others]
        if gaining
        else [(one, gain.other) for one in tuned]
    )
    cells: set[BudgetCell] = set()
    for pair in pairs:
        sample = paired(answers, *pair, size)
        if sample is None:
            return ()
        low, high = limits(sample, *levels)
        if (low is not None and low > 0) if gaining else (high is not None and high < 0):
            continue
        upto = _next_look(planned, len(sample.draws))
        if upto is None or not _promising(sample, planned, levels[0 if gaining else 1], 0.0):
            return ()
        cells |= {BudgetCell(name, size, draw) for name in pair for draw in range(upto)}
    return tuple(cells - set(answers.right))


def level_of_pair(alpha: float, classifiers: int) -> float:
    """The one-sided level of each pair, so that the wrong one is named with less than ``alpha``.

    Only pairs with the one that is truly the best can go wrong, and only in one direction. Of two
    classifiers that are equally good either could be named, so each has half.
    """
    return alpha / max(2, classifiers - 1)


def sequential_limits(planned: int) -> Limits:
    """Limits of a difference that hold at all looks of so many planned draws.

    At each look the draws have an equal share of the level and the rows all of it: the rows are
    one sample, looked at again and again. Limits of earlier looks stay.
    """
    moments = looks(planned)

    def limits(sample: Sample, low: float, high: float) -> tuple[float | None, float | None]:
        if sample.values.shape[1] < 2:
            return None, None
        if planned == 1:
            return fixed_limits(sample, low, high)
        found: list[tuple[float, float]] = []
        for moment in moments:
            # A look is at the first draws, in whichever order they were done.
            if sample.draws[:moment] != tuple(range(moment)):
                break
            means = two_way([sample.first(moment)])
            middle = float(means.means[0])
            reaches = [
                means.reach(level=2 * level / len(moments), rows_level=2 * level)
                for level in (low, high)
            ]
            found.append(
                (middle - reaches[0], middle + reaches[1])
                if max(reaches) >= 1e-12
                else limits_of_one_draw(sample, low, high)
            )
        if not found:
            return None, None
        lower, upper = max(one for one, _ in found), min(one for _, one in found)
        return (lower, upper) if lower <= upper else found[-1]

    return limits


def _promising(sample: Sample, planned: int, level: float, margin: float) -> bool:
    """Whether all draws would decide a pair with a probability that is worth them.

    With all draws the mean moves from where it is now as far as the variance of draws lets it, and
    the limits shrink to what the rows leave.
    """
    from scipy.special import ndtr, stdtrit

    done = len(sample.draws)
    if done >= planned:
        return False
    if done < 2:
        return True
    found = two_way([sample])
    value = float(found.means[0])
    one_draw = max(0.0, float(found.by_draws[0, 0])) * done
    rest = float(found.residual[0]) / found.rows
    shrink = 1 / done - 1 / planned
    by_rows = max(0.0, float(found.by_rows[0, 0]) - rest * shrink)
    of_draws = stdtrit(planned - 1, 1 - level / len(looks(planned))) ** 2 * one_draw / planned
    quantile = float(stdtrit(found.rows - 1, 1 - level)) ** 2
    # Rows without a difference leave what Tango's interval of them leaves.
    reach = max(math.sqrt(of_draws + quantile * by_rows), quantile / (found.rows + quantile))
    moves = math.sqrt(max(1e-18, (one_draw + rest) * shrink))
    told = ndtr((value - reach) / moves) + ndtr((-value - reach) / moves)
    if margin > reach:
        told += max(
            0.0, ndtr((margin - reach - value) / moves) - ndtr((reach - margin - value) / moves)
        )
    return bool(told >= LEAST_POWER)


def _within(gap: Gap, margin: float) -> bool:
    return gap.low is not None and gap.high is not None and -margin < gap.low and gap.high < margin


def _next_look(planned: int, done: int) -> int | None:
    return next((look for look in looks(planned) if look > done), None)


def _cells(answers: BudgetAnswers, first: Any = None) -> Iterator[BudgetCell]:
    """All trainings of the study, draw by draw; with ``first`` those up to the first look."""
    upto = [first(planned)[0] if first else planned for planned in answers.draws]
    for draw in range(max(upto, default=0)):
        for size in reversed(range(len(answers.sizes))):
            if draw < upto[size]:
                for name in answers.classifiers:
                    yield BudgetCell(name, size, draw)


def _in_order(cells: set[BudgetCell]) -> list[BudgetCell]:
    """Draw by draw, so that stopping in between leaves pairs complete."""
    return sorted(cells, key=lambda cell: (cell.draw, -cell.size, cell.classifier))


def _state(state: State, begin: Sequence[BudgetCell]) -> State:
    return "open" if begin and state == "left open" else state


def _undone(answers: BudgetAnswers, best: _Best, pays: _Pays | None) -> Iterator[Undone]:
    """What the race leaves out, for each classifier and size."""
    for size in reversed(range(len(answers.sizes))):
        for name in answers.classifiers:
            cells = tuple(
                cell
                for draw in range(answers.draws[size])
                if (cell := BudgetCell(name, size, draw)) not in answers.right
            )
            if cells:
                reason = _why(answers, size, name, best, pays)
                yield Undone(name, answers.sizes[size], cells, reason)


def _why(answers: BudgetAnswers, size: int, name: str, best: _Best, pays: _Pays | None) -> str:
    largest = size == len(answers.sizes) - 1
    if largest and name not in best.left:
        return "another classifier is better at the largest size"
    if largest and best.state == "decided":
        return "which classifier is best is decided"
    if largest:
        return _limit(answers, size, False)
    if pays is None or size > pays.position or pays.state == "decided":
        return "no open question needs more draws of this size"
    if size == pays.position:
        return _limit(answers, size, False)
    return "whether fine-tuning pays at fewer labels hangs on a larger size that is not decided"


def _limit(answers: BudgetAnswers, size: int, all_done: bool) -> str:
    rows = counted(next(iter(answers.right.values())).shape[0] if answers.right else 0, "test row")
    if all_done:
        return f"all {counted(answers.draws[size], 'draw')} and {rows} do not tell them apart"
    return f"more draws are not likely to tell, as the {rows} stay the same"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def _guarantee(answers: BudgetAnswers, alpha: float) -> str:
    if answers.draws[-1] == 1:
        return (
            f"In at most {share(alpha)} of studies with other test rows a classifier that is not "
            "the best is named best; the training rows count as given, as there is one draw."
        )
    return (
        f"In at most {share(alpha)} of studies with other draws and other test rows a classifier "
        "that is not the best is named best, at whatever moment one looks; the same holds for "
        "the verdict on fine-tuning."
    )
