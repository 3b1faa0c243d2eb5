"""All that a label budget shows, and the same in sentences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

from tunelab.evaluation.label_budget.answers import BudgetAnswers
from tunelab.evaluation.label_budget.crossing import Crossing, crossing
from tunelab.evaluation.label_budget.curves import CurvePoint, asked_accuracy, curve
from tunelab.evaluation.label_budget.pays import PaysFrom, pays_from
from tunelab.evaluation.label_budget.power_law import Extrapolation, extrapolated
from tunelab.evaluation.label_budget.race_record import Race
from tunelab.evaluation.statistics.estimates import Estimate
from tunelab.numbers import count, counted, interval, mean_count, number

# What twice as many labels would bring is told.
_FACTOR = 2.0
# Reasons for trainings that were left out, and crossings, that sentences tell of.
_TOLD = 4


@dataclass(frozen=True)
class BudgetSize:
    """A size of the study.

    ``per_class``: the rows of a label as the study has them, or all. ``rows_a_label``: the mean
    over the labels. ``rows``: of one draw. ``draws``: how many the study asks for. ``short``:
    labels that have fewer rows, with their rows.
    """

    per_class: int | str
    rows_a_label: float
    rows: int
    draws: int
    short: Mapping[str, int]

    @property
    def in_words(self) -> str:
        """The size for a column of a table: 64, or all with the mean."""
        return (
            f"all ({rows_in_words(self.rows_a_label)})"
            if self.per_class == "all"
            else str(self.per_class)
        )


@dataclass(frozen=True)
class LeftOut:
    """Trainings of one classifier and size that were not done, and why."""

    classifier: str
    per_class: int | str
    trainings: int
    reason: str


@dataclass(frozen=True)
class Asked:
    """A classifier that is asked as it is, which no label changes.

    ``name`` says the way of answering where it has several. ``accuracy`` has an interval over test
    rows. ``crossing``: where the classifier that is best at the largest size overtakes it, None
    where no training was done.
    """

    name: str
    accuracy: Estimate
    crossing: Crossing | None


@dataclass(frozen=True)
class PaysByMode:
    """The verdict on fine-tuning where fine-tuned models answer in another ``way``."""

    way: str
    pays: PaysFrom


@dataclass(frozen=True)
class LabelBudget:
    """How accuracy grows with the labelled rows, and from how many fine-tuning pays.

    ``tuned`` and ``others`` are the classifiers of which weights of a network were trained, and
    those of which none were. ``rows`` are the test rows; ``done`` of the ``planned`` trainings were
    done. ``crossings`` are those of all pairs, ``extrapolations`` those of all classifiers.
    ``pays`` is None where there is only one of the two groups, ``race`` where the study does all
    trainings. ``asked`` are those that are only asked, which ``pays`` compares with as well;
    ``by_mode`` has the verdicts by the further ways in which language models answer. ``groups``
    counts the groups of test rows, None where all rows are independent. ``sentences`` say it in
    words, ``notes`` what to know beside them.
    """

    classifiers: tuple[str, ...]
    tuned: tuple[str, ...]
    others: tuple[str, ...]
    sizes: tuple[BudgetSize, ...]
    rows: int
    planned: int
    done: int
    curves: tuple[CurvePoint, ...]
    crossings: tuple[Crossing, ...]
    extrapolations: tuple[Extrapolation, ...]
    pays: PaysFrom | None
    race: Race | None
    left_out: tuple[LeftOut, ...]
    asked: tuple[Asked, ...] = ()
    by_mode: tuple[PaysByMode, ...] = ()
    groups: int | None = None
    sentences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def curve(self, classifier: str) -> tuple[CurvePoint, ...]:
        """The points of one classifier, smallest size first."""
        return tuple(point for point in self.curves if point.classifier == classifier)

    @property
    def best(self) -> CurvePoint | None:
        """The point with the highest accuracy at the largest size that was measured."""
        measured = [point for point in self.curves if point.accuracy.value is not None]
        largest = max((point.size for point in measured), default=0.0)
        return max(
            (point for point in measured if point.size == largest),
            key=lambda point: point.accuracy.value or 0.0,
            default=None,
        )

    @property
    def crossed(self) -> tuple[Crossing, ...]:
        """Where the classifier that is best at the largest size overtakes another one."""
        best = self.best
        return tuple(
            one
            for one in self.crossings
            if one.course == "crosses" and best is not None and one.second == best.classifier
        )

    def more_labels(self, classifier: str | None) -> str | None:
        """What more labels would bring to a classifier; None for one that is not in the budget."""
        return next(
            (one.sentence for one in self.extrapolations if one.classifier == classifier), None
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values; :func:`read_budget` makes the same of it again."""
        return asdict(self)


def read_budget(record: Mapping[str, Any]) -> LabelBudget:
    """What :meth:`LabelBudget.to_dict` gave, read from JSON."""
    from pydantic import TypeAdapter

    values = {key: record[key] for key in LabelBudget.__dataclass_fields__}
    return TypeAdapter(LabelBudget).validate_python(values)


def find_budget(
    answers: BudgetAnswers,
    sizes: Sequence[BudgetSize],
    *,
    tuned: Sequence[str],
    others: Sequence[str],
    race: Race | None,
    left_out: Sequence[LeftOut],
    seed: int,
    by_mode: Mapping[str, tuple[BudgetAnswers, Race | None]] | None = None,
) -> LabelBudget:
    """Everything that the answers of a label budget show.

    Args:
        answers: of the trainings that were done.
        sizes: in the order of ``answers.sizes``.
        tuned: the classifiers of which weights of a network were trained.
        others: those of which none were; those that are only asked are among the answers.
        race: what was decided, where the study stops when it is.
        left_out: the trainings that were not done.
        seed: of the resamples.
        by_mode: the answers by each further way in which language models answer, by its words, and
            what they decide.
    """
    known = [*tuned, *others]
    ordered = [name for name in answers.classifiers if name in known]
    curves = {name: curve(answers, name) for name in ordered}
    found = LabelBudget(
        classifiers=answers.classifiers,
        tuned=tuple(tuned),
        others=tuple(others),
        sizes=tuple(sizes),
        rows=next((len(right) for right in answers.right.values()), 0),
        planned=len(answers.classifiers) * sum(answers.draws),
        done=len(answers.right),
        curves=tuple(point for name in ordered for point in curves[name]),
        crossings=tuple(
            crossing(answers, *_overtaken_first(curves[one], curves[other]))
            for one, other in combinations(ordered, 2)
            if _common(curves[one], curves[other])
        ),
        extrapolations=tuple(extrapolated(answers, name, _FACTOR, seed=seed) for name in ordered),
        pays=_pays(answers, tuned, others, race),
        race=race,
        left_out=tuple(left_out),
        groups=None if answers.clusters is None else answers.clusters.count,
    )
    best = found.best
    found = replace(
        found,
        asked=tuple(
            Asked(
                name,
                asked_accuracy(answers, name),
                None if best is None else crossing(answers, name, best.classifier),
            )
            for name in answers.asked
        ),
        by_mode=tuple(
            PaysByMode(way, pays)
            for way, (others_of, decided) in (by_mode or {}).items()
            if (pays := _pays(others_of, tuned, others, decided)) is not None
        ),
    )
    return replace(found, sentences=tuple(_sentences(found)), notes=tuple(_notes(found)))


def _pays(
    answers: BudgetAnswers, tuned: Sequence[str], others: Sequence[str], race: Race | None
) -> PaysFrom | None:
    """From how many rows fine-tuning pays; after a race, by what holds at any moment."""
    rivals = [*others, *answers.asked]
    if not tuned or not rivals:
        return None
    return race.pays if race is not None else pays_from(answers, tuned, rivals)


def rows_in_words(rows: float) -> str:
    """A mean number of rows: whole where it is."""
    return count(rows) if float(rows).is_integer() else mean_count(rows)


def _common(
    one: Sequence[CurvePoint], other: Sequence[CurvePoint]
) -> list[tuple[CurvePoint, CurvePoint]]:
    """The points of two curves at the sizes that both have."""
    return [
        (left, right)
        for left, right in zip(one, other, strict=True)
        if left.accuracy.value is not None and right.accuracy.value is not None
    ]


def _overtaken_first(one: Sequence[CurvePoint], other: Sequence[CurvePoint]) -> tuple[str, str]:
    """The names of two classifiers, the one that is better at the largest size last."""
    left, right = _common(one, other)[-1]
    names = (left.classifier, right.classifier)
    return names if (left.accuracy.value or 0) <= (right.accuracy.value or 0) else names[::-1]


def _sentences(found: LabelBudget) -> Iterator[str]:
    """From how many labels it pays, what is best, what crosses, and what more would bring."""
    if found.pays is not None:
        yield found.pays.sentence
    best = found.best
    if best is None:
        yield "Nothing can be told of the label budget: no training was done."
        return
    shown = number(best.accuracy.value)
    if best.accuracy.low is not None:
        shown += f", 95 % interval {interval(best.accuracy.low, best.accuracy.high)}"
    yield (
        f"With {rows_in_words(best.size)} rows a label, the most that were measured, "
        f"{best.classifier} has the highest accuracy ({shown}; {counted(best.draws, 'draw')})."
    )
    if found.race is not None:
        yield from (one.sentence for one in found.race.questions if one.question == "best")
    yield from _of_asked(found)
    yield from (one.sentence for one in found.crossed[:_TOLD])
    told = found.more_labels(best.classifier)
    if told is not None:
        yield told


def _of_asked(found: LabelBudget) -> Iterator[str]:
    """What needs no labels, and from how many on the best classifier is better than that."""
    rivals = sorted(found.asked, key=lambda one: -(one.accuracy.value or 0.0))
    if rivals:
        best, shown = rivals[0], number(rivals[0].accuracy.value)
        if best.accuracy.low is not None:
            shown += f", 95 % interval {interval(best.accuracy.low, best.accuracy.high)}"
        most = "" if len(rivals) == 1 else ", the highest of those that are only asked"
        yield f"Without any training {best.name} has an accuracy of {shown}{most}."
        if best.crossing is not None:
            yield best.crossing.sentence
    for one in found.by_mode:
        told = one.pays.sentence
        yield f"Where fine-tuned models answer by another way ({one.way}): {told}"


def _notes(found: LabelBudget) -> Iterator[str]:
    if found.groups is not None:
        yield (
            f"{counted(found.rows, 'test row')} belong together in "
            f"{counted(found.groups, 'group')}: draws, intervals and tests are of groups."
        )
    if any(size.draws == 2 for size in found.sizes):
        yield (
            "Two draws do not show how much draws vary, so that what rests on them has no "
            "interval: take three draws or more."
        )
    if found.left_out:
        missing = sum(one.trainings for one in found.left_out)
        reasons = list(dict.fromkeys(one.reason.rstrip(".") for one in found.left_out))
        more = f"; {len(reasons) - _TOLD} more reasons" if len(reasons) > _TOLD else ""
        yield (
            f"{count(missing)} of {counted(found.planned, 'training')} of the label budget "
            f"{'was' if missing == 1 else 'were'} not done: {'; '.join(reasons[:_TOLD])}{more}."
        )
    for size in found.sizes:
        if size.short:
            named = ", ".join(
                f"{label[:60]} ({rows})" for label, rows in [*size.short.items()][:_TOLD]
            )
            more = f" and {len(size.short) - _TOLD} more" if len(size.short) > _TOLD else ""
            yield (
                f"At {size.per_class} rows a label, labels with fewer rows give all that they "
                f"have: {named}{more}. The mean is {rows_in_words(size.rows_a_label)} rows a label."
            )
    if any(size.per_class == "all" for size in found.sizes):
        yield (
            "All rows are one draw, so that its interval is over test rows alone; they have the "
            "labels' own proportions, and the smaller sizes as many rows of each label."
        )
    if found.race is not None:
        yield (
            "Trainings were chosen by what was answered before. What the race decides allows for "
            "that; the intervals of the curves, the crossings and the gain of more labels do not."
        )
