"""Which trainings still matter for the decision, and when to stop.

The race asks two questions: which classifier is best at the largest size, and from which size on
fine-tuning pays. It looks at the differences of pairs after 3, 5, 9, … draws and after all.
How its limits hold at any moment is told in :mod:`~tunelab.evaluation.label_budget.sequential`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from tunelab.evaluation.label_budget.answers import BudgetAnswers, BudgetCell
from tunelab.evaluation.label_budget.curves import in_rows
from tunelab.evaluation.label_budget.pays import GainAt, PaysFrom, gain_at, verdict_of
from tunelab.evaluation.label_budget.race_record import Gap, Race, Standing, State
from tunelab.evaluation.label_budget.sequential import (
    level_of_pair,
    looks,
    next_look,
    promising,
    sequential_limits,
)
from tunelab.evaluation.label_budget.two_way import LEVEL, known, paired
from tunelab.evaluation.label_budget.undone import limit_of, undone
from tunelab.numbers import share

MARGIN = 0.01


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
        others: those that are not, also those that are only asked; without either of them, only
            the best is asked for.
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
        undone=()
        if wanted
        else tuple(
            undone(
                answers,
                best.left,
                best.state,
                None if pays is None else (pays.state, pays.position),
            )
        ),
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
    names = answers.names
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
        upto = next_look(planned, gap.draws)
        if upto is not None and promising(samples[pair], planned, level, margin):
            cells |= {BudgetCell(name, size, draw) for name in pair for draw in range(upto)}
    cells = _to_do(answers, cells)
    state: State = "open" if cells else "left open"
    all_done = not any(
        name in answers.classifiers and BudgetCell(name, size, planned - 1) not in answers.right
        for name in left
    )
    reason = "more draws can tell" if cells or beginning else limit_of(answers, size, all_done)
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
        upto = next_look(planned, len(sample.draws))
        if upto is None or not promising(sample, planned, levels[0 if gaining else 1], 0.0):
            return ()
        cells |= {BudgetCell(name, size, draw) for name in pair for draw in range(upto)}
    return tuple(_to_do(answers, cells))


def _within(gap: Gap, margin: float) -> bool:
    return gap.low is not None and gap.high is not None and -margin < gap.low and gap.high < margin


def _cells(answers: BudgetAnswers, first: Any = None) -> Iterator[BudgetCell]:
    """All trainings of the study, draw by draw; with ``first`` those up to the first look."""
    upto = [first(planned)[0] if first else planned for planned in answers.draws]
    for draw in range(max(upto, default=0)):
        for size in reversed(range(len(answers.sizes))):
            if draw < upto[size]:
                for name in answers.classifiers:
                    yield BudgetCell(name, size, draw)


def _to_do(answers: BudgetAnswers, cells: set[BudgetCell]) -> set[BudgetCell]:
    """The trainings that were not done; what is only asked has none."""
    return {cell for cell in cells - set(answers.right) if cell.classifier not in answers.asked}


def _in_order(cells: set[BudgetCell]) -> list[BudgetCell]:
    """Draw by draw, so that stopping in between leaves pairs complete."""
    return sorted(cells, key=lambda cell: (cell.draw, -cell.size, cell.classifier))


def _state(state: State, begin: Sequence[BudgetCell]) -> State:
    return "open" if begin and state == "left open" else state


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
