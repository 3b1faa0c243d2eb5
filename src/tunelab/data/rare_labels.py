"""Labels with so few rows that they are hardly learnt, or hardly measured."""

from collections.abc import Mapping

from tunelab.data.loading_notes import count_of, listed

# The fewest rows of a label that are common in studies of few-shot learning, such as SetFit's.
LEAST_TRAINING = 8
# A share that is measured on fewer rows has an interval of more than 60 points.
LEAST_TEST = 10


def rare_labels(
    counts: Mapping[str, Mapping[str, int]], *, train_from: int = 0, test_from: int = 0
) -> list[str]:
    """Sentences that name the labels with few rows; none where each has enough.

    Args:
        counts: rows by split and label.
        train_from: training rows of a label from which on it is named; 0 names all.
        test_from: the same of test rows.
    """
    return [
        *_few(
            counts["train"],
            LEAST_TRAINING,
            train_from,
            "training rows",
            ("what is trained hardly learns it", "what is trained hardly learns them"),
        ),
        *_few(
            counts["test"],
            LEAST_TEST,
            test_from,
            "test rows",
            (
                "how well it is recognised is hardly measured",
                "how well each is recognised is hardly measured",
            ),
        ),
    ]


def _few(
    counts: Mapping[str, int], least: int, start: int, rows: str, means: tuple[str, str]
) -> list[str]:
    rare = sorted(
        (label for label, count in counts.items() if start <= count < least),
        key=lambda label: (counts[label], label),
    )
    if not rare:
        return []
    names = listed([f"{label} ({counts[label]:,})" for label in rare])
    one = len(rare) == 1
    have = "1 label has" if one else f"{len(rare):,} of {count_of(len(counts), 'label')} have"
    return [f"{have} fewer than {least} {rows}: {names}; {means[0] if one else means[1]}."]
