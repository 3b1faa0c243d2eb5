"""What few test rows cannot show, in words."""

from collections import Counter
from collections.abc import Sequence

from tunelab.numbers import counted

# Test rows below which a report says that they are few: an accuracy of 0.5 on 100 rows has an
# interval of ten points on either side.
FEW_ROWS = 100
# Names of labels that a sentence holds at most.
_NAMED = 5
# Test rows of a label below which a mean over few labels has no interval. In simulated studies of
# three labels, one of them with 1, 2, 3 and 6 rows, the bootstrap of macro-F1 covers 63 to 66, 82
# to 89, 88 to 95 and 96 to 97 %: resampling cannot show what so few rows happen not to hold. Of
# many labels each weighs little, and what one lacks another has.
_LEAST_OF_LABEL = 3
_FEW_LABELS = 10


def macro_doubt(truth: Sequence[str], answers: Sequence[Sequence[str | None]]) -> str | None:
    """Why models cannot be compared in macro-F1 on these rows, or None where they can.

    Macro-F1 weighs all labels alike. One row that decides a label's F1 decides as much as a
    hundred of another label; and a label that no row has, once answered, enters one model's mean
    and not the other's.
    """
    doubt = single_row_doubt("macro-F1", truth)
    if doubt is not None:
        return doubt
    support = Counter(truth)
    given = [{label for label in column if label is not None} for column in answers]
    foreign = sorted(set().union(*given) - set(support))
    if foreign and any(not set(foreign) <= own for own in given):
        return (
            f"macro-F1 is a mean over other labels for each of them: {named(foreign)}, which no "
            "test row has, was answered by some"
        )
    return None


def single_row_doubt(metric: str, truth: Sequence[str]) -> str | None:
    """Why a mean over labels does not compare models, where a label has one row; else None."""
    rare = [label for label, rows in Counter(truth).items() if rows == 1]
    if not rare:
        return None
    return (
        f"{metric} counts {named(rare)}, with one test row, as much as each other label; one row "
        "measures no label"
    )


def mean_interval_doubt(metric: str, truth: Sequence[str]) -> str | None:
    """Why a mean over labels has no interval on these rows, or None where it has."""
    support = Counter(truth)
    rare = sorted(label for label, rows in support.items() if rows < _LEAST_OF_LABEL)
    if not rare or len(support) > _FEW_LABELS:
        return None
    return (
        f"{metric} counts all labels alike, and its interval needs {_LEAST_OF_LABEL} test rows of "
        f"each label: {named(rare)} {'has' if len(rare) == 1 else 'have'} fewer"
    )


def macro_labels(support: Sequence[tuple[str, int]]) -> str | None:
    """Which labels macro-F1 does not measure, or with one row; None where there are none.

    ``support`` holds each label of the study with its test rows.
    """
    absent = [label for label, rows in support if rows == 0]
    single = [label for label, rows in support if rows == 1]
    parts = []
    if absent:
        parts.append(
            f"{counted(len(absent), 'label')} of {len(support)} ({named(absent)}) "
            f"{'has' if len(absent) == 1 else 'have'} no test row and "
            f"{'is' if len(absent) == 1 else 'are'} not measured"
        )
    if single:
        parts.append(
            f"{counted(len(single), 'label')} ({named(single)}) "
            f"{'has' if len(single) == 1 else 'have'} one test row, on which all of "
            f"{'its' if len(single) == 1 else 'their'} F1 depends"
        )
    return "; ".join(parts) or None


def named(labels: Sequence[str]) -> str:
    """Some labels by name, and how many more there are."""
    shown = ", ".join(labels[:_NAMED])
    more = len(labels) - _NAMED
    return f"{shown} and {more:,} more" if more > 0 else shown
