"""Which trainings a label budget has: each classifier, on each draw of each size."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tunelab.config import Size
from tunelab.evaluation.label_budget.answers import BudgetCell
from tunelab.numbers import count, counted, mean_count

# Labels that a sentence names.
_NAMED = 4
_TWO_DRAWS = (
    "Two draws do not show how much draws vary, so that nothing has an interval and nothing is "
    "decided: take three draws or more, or one, whose intervals are over test rows alone."
)


@dataclass(frozen=True)
class BudgetPlan:
    """The trainings of a label budget.

    For each of ``sizes``, the rows of a label as the study has them: ``draws``, ``rows_a_label``,
    the mean over the labels, ``rows`` of one draw, and ``short``, the labels that have fewer rows
    than that, with their rows. ``asked``: the classifiers of the study that are asked as they are,
    with which the others are compared.
    """

    classifiers: tuple[str, ...]
    sizes: tuple[Size, ...]
    draws: tuple[int, ...]
    rows_a_label: tuple[float, ...]
    rows: tuple[int, ...]
    short: tuple[Mapping[str, int], ...]
    asked: tuple[str, ...] = ()
    shown_rows: tuple[str, ...] = ()

    def cells(self) -> Iterator[BudgetCell]:
        """All trainings, draw by draw, so that each draw is complete before the next begins."""
        for draw in range(max(self.draws)):
            for size, draws in enumerate(self.draws):
                if draw < draws:
                    for classifier in self.classifiers:
                        yield BudgetCell(classifier, size, draw)

    @property
    def trainings(self) -> int:
        """How many trainings there are."""
        return len(self.classifiers) * sum(self.draws)

    @property
    def trained_rows(self) -> int:
        """The training rows of all trainings together; each is read once in an epoch."""
        each = sum(rows * draws for rows, draws in zip(self.rows, self.draws, strict=True))
        return each * len(self.classifiers)

    def named(self, cell: BudgetCell) -> str:
        """The name of a training's stage."""
        return f"{cell.classifier}-{self.sizes[cell.size]}-draw{cell.draw + 1}"

    def in_words(self, cell: BudgetCell) -> str:
        """A training as a person reads it."""
        return f"{cell.classifier}, {self.size_in_words(cell.size)}, draw {cell.draw + 1}"

    def size_in_words(self, size: int) -> str:
        """A size: 64 rows a label, or all rows."""
        return size_in_words(self.sizes[size])

    def sentence(self) -> str:
        """How much there is to train."""
        most = "" if len(set(self.draws)) == 1 else "up to "
        return (
            f"The label budget has {counted(self.trainings, 'training')}: "
            f"{counted(len(self.classifiers), 'classifier')}, "
            f"{counted(len(self.sizes), 'size')}, {most}{counted(max(self.draws), 'draw')} of each "
            f"size. Together they read {count(self.trained_rows)} training rows in an epoch."
            + (
                f" They are compared with {', '.join(self.asked)}, asked once."
                if self.asked
                else ""
            )
        )

    def notes(self) -> list[str]:
        """Too few draws, and the labels that have fewer rows than a size asks for."""
        few = max(self.draws) == 2
        return [
            *([_TWO_DRAWS] if few else []),
            *([_shown_rows(self.shown_rows)] if self.shown_rows else []),
            *(
                _too_few(self.size_in_words(size), short, mean_count(self.rows_a_label[size]))
                for size, short in enumerate(self.short)
                if short
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON values; :func:`read_plan` makes the same of it again."""
        return {**asdict(self), "short": [dict(short) for short in self.short]}


def _shown_rows(names: Sequence[str]) -> str:
    return (
        f"Not compared with {', '.join(names)}: labelled rows in the prompt come from all training "
        "rows, and not from those of a size."
    )


def read_plan(record: Mapping[str, Any]) -> BudgetPlan:
    """What :meth:`BudgetPlan.to_dict` gave."""
    # Older plans do not name those that are asked.
    fields = BudgetPlan.__dataclass_fields__
    return BudgetPlan(**{key: tuple(record.get(key, ())) for key in fields})


def size_in_words(size: Size) -> str:
    """A size of the study's ``budget.per_class``."""
    return "all rows" if size == "all" else f"{counted(size, 'row')} a label"


def _too_few(size: str, short: Mapping[str, int], mean: str) -> str:
    named = [f"{label[:60]} ({rows})" for label, rows in short.items()]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return (
        f"At {size}, {'a label has' if len(named) == 1 else 'labels have'} fewer training rows and "
        f"{'gives' if len(named) == 1 else 'give'} all of them: "
        f"{', '.join(named[:_NAMED])}{more}; the mean is {mean} rows a label."
    )
