"""When to ask a person, in sentences."""

from collections.abc import Iterator

from tunelab.evaluation.review.conformal import LabelSets
from tunelab.evaluation.review.record import Review
from tunelab.evaluation.review.risk_coverage import Caught
from tunelab.numbers import counted, interval, number, share

# The share of rows that a sentence on what a person finds speaks of, as nearly as there is one.
_TOLD = 0.2


def advice(review: Review) -> str:
    """What to send to a person, and what is right of the rest; or why nothing is promised."""
    wanted, kept = share(review.threshold.accuracy), review.kept
    rows = counted(review.test_rows, "test row")
    if kept is None:
        return f"No threshold promises {wanted} right answers: {review.threshold.reason}."
    if kept.accuracy.value is None:
        return (
            f"The threshold for {wanted} right answers ({number(review.threshold.value)}) keeps "
            f"none of {rows}: send all to a person."
        )
    right = (
        f"{share(kept.accuracy.value)}, {interval(kept.accuracy.low, kept.accuracy.high, 'share')}"
    )
    sent = kept.rows - kept.kept
    threshold = number(review.threshold.value)
    if not sent:
        return (
            f"No answer needs a person for {wanted} right ones: of all {rows} it is right in "
            f"{right}."
        )
    if not review.threshold.value:
        return (
            f"Send the {share(sent / kept.rows)} whose answer is not the likeliest label to a "
            f"person ({sent:,} of {rows}): the rest is right in {right}."
        )
    other = (
        f", and {review.other:,} whose answer is not the likeliest label" if review.other else ""
    )
    return (
        f"Send the {share(sent / kept.rows)} least sure to a person ({sent:,} of {rows}, those "
        f"below a probability of {threshold}{other}): the rest is right in {right}."
    )


def promise(review: Review) -> str:
    """The accuracy that the validation rows do promise where they do not promise the wanted one."""
    if review.threshold.value is not None:
        return ""
    found = [one for one, value in review.thresholds if value is not None]
    rows = counted(review.rows, "validation row")
    if not found:
        return f"The {rows} promise no accuracy of 50 % or more."
    return f"The highest accuracy that the {rows} promise is {share(max(found))}."


def finds(review: Review) -> str:
    """What a person finds in the least sure rows; empty where there are no wrong ones."""
    told = _told(review)
    if told is None or not told.wrong:
        return ""
    return (
        f"Reviewing the {told.rows:,} least sure of {told.of:,} finds {told.found:.0f} of "
        f"{counted(told.wrong, 'error')}; {told.rows:,} at random would find "
        f"{told.at_random:.0f}."
    )


def sureness(review: Review) -> str:
    """What the temperature does."""
    found = review.temperature
    rows = counted(review.rows, "validation row")
    if found.value is None:
        return f"Its probabilities stay as they are: {found.reason} ({rows})."
    way = "too sure" if found.value > 1 else "not sure enough"
    return (
        f"Its probabilities are {way}: a temperature of {number(found.value)}, fitted to {rows}, "
        f"brings the calibration error on the test rows from {number(review.error_before)} to "
        f"{number(review.error_after)}."
    )


def sets_in_words(sets: LabelSets) -> str:
    """How large the label sets are, and how often they hold the true label."""
    name = sets.method.upper()
    if sets.mean_size is None:
        return f"Label sets ({name}): none, as there are {sets.reason}."
    return (
        f"Label sets for {share(sets.wanted)} ({name}): {number(sets.mean_size)} labels in the "
        f"mean, one label in {share(sets.single)}; they hold the true label in "
        f"{share(sets.coverage.value)} of the test rows "
        f"({interval(sets.coverage.low, sets.coverage.high, 'share')})."
    )


def togetherness(review: Review) -> str:
    """What is promised of rows that belong together."""
    if review.groups is None:
        return ""
    return (
        f"The {counted(review.rows, 'validation row')} are of {review.groups:,} groups: threshold "
        "and label sets are fitted to one row of each, and what they promise holds for one row of "
        "a new group. The intervals of the test rows are over groups."
    )


def doubt(review: Review) -> str:
    """That the training saw the validation rows, where it did."""
    if not review.validated:
        return ""
    return (
        "Its training chose the weights of the lowest loss on the validation rows, so that what is "
        "fitted to them may promise a little too much. The numbers of the test rows do not depend "
        "on that."
    )


def sentences(review: Review) -> Iterator[str]:
    """All of it, the advice first."""
    yield from filter(
        None,
        (
            advice(review),
            promise(review),
            finds(review),
            sureness(review),
            *map(sets_in_words, review.sets),
            togetherness(review),
            doubt(review),
        ),
    )


def _told(review: Review) -> Caught | None:
    return min(
        review.caught, key=lambda one: abs(one.rows - _TOLD * review.test_rows), default=None
    )
