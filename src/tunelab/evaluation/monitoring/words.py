"""What was found in words, the answer first."""

import math
from collections.abc import Iterator, Sequence

from tunelab.evaluation.drift.compared import in_words
from tunelab.evaluation.monitoring.monitored import Monitored, WindowDrift
from tunelab.numbers import counted

# Windows that a sentence names.
_NAMED = 4
_NORMAL = 1.96
# Labelled rows that give any accuracy within 5 points, in an interval of 95 %.
_ROWS = 385


def told(monitored: Monitored) -> tuple[str, ...]:
    """The verdict, what it rests on, what could not be seen, and what to do."""
    return tuple(_sentences(monitored))


def _sentences(found: Monitored) -> Iterator[str]:
    windows = counted(len(found.windows), "window")
    corrected = f"{counted(found.tests, 'test')}, corrected together"
    if not found.tests:
        yield f"Nothing is tested in {windows}: {_why_untested(found.windows)}."
        return
    if found.changed:
        names = _named([one.window.name for one in found.changed])
        yield (
            f"{counted(len(found.changed), 'window')} of {len(found.windows)} "
            f"{'differs' if len(found.changed) == 1 else 'differ'} from the training and the test "
            f"of the classifier ({corrected}): {names}."
        )
        first = found.changed[0]
        for sentence in in_words(first.drift):
            yield f"{first.window.name}: {sentence}"
        yield _what_to_do(found.changed[-1])
    else:
        yield f"No change is shown in {windows} ({corrected})."
    if found.untested and len(found.untested) < len(found.windows):
        names = _named([one.window.name for one in found.untested])
        yield f"Not tested: {names}, as {_why_untested(found.untested)}."
    changes = [one.detectable for one in found.windows if one.detectable is not None]
    if changes:
        smallest, largest = _points(min(changes)), _points(max(changes))
        reach = smallest if smallest == largest else f"{smallest} to {largest}, by window,"
        yield (
            f"If the share of one label changes by {reach} percentage points, the test of a window "
            "finds it with a chance of 80 %; smaller changes can be missed."
        )
    if all(one.window.texts is None for one in found.windows):
        yield (
            "Only the answers are tested, as the log holds no texts; tunelab serve --record keeps "
            "their hashed words, which is enough to test the texts too."
        )


def _why_untested(windows: Sequence[WindowDrift]) -> str:
    reasons = {one.drift.labels.untested or one.drift.texts.reason or "" for one in windows}
    if len(reasons) == 1:
        return reasons.pop()
    return "there are too few texts; choose a larger --window"


def _what_to_do(last: WindowDrift) -> str:
    there = last.window.rows
    rows = min(_ROWS, there)
    width = _NORMAL * 0.5 / math.sqrt(rows)
    what = f"draw {rows:,} texts of it at random" if rows < there else f"take its {rows:,} texts"
    keep = (
        "" if last.window.readable else "; this log does not keep the texts: --record-as texts does"
    )
    return (
        f"To measure the accuracy in the last such window ({last.window.name}), {what}, label "
        f"them, and run tunelab evaluate: that gives it within {_points(width)} points{keep}. If "
        "it is lower than on the test rows, train again with these texts among the training rows."
    )


def _points(change: float) -> str:
    return f"{100 * change:.0f}"


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    rest = len(names) - _NAMED
    return shown if rest <= 0 else f"{shown} and {rest} more"
