"""Classifiers of several runs, compared on the test rows that all the runs share."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from tunelab.errors import UsageError
from tunelab.evaluation.comparisons import Comparison, compare_pairs, count_tests
from tunelab.evaluation.metrics import Answered, Resampling, all_metrics, find_metric
from tunelab.evaluation.restricting import restricted
from tunelab.evaluation.sides import grouped_sides
from tunelab.evaluation.statistics.estimates import Bound
from tunelab.registry import check_name
from tunelab.runs.run_folder import RunFolder

# What is compared where nothing else is asked for: more metrics would be more tests to correct for.
METRICS = ("accuracy",)
# Why two are not compared: the one with fewer labels to choose from has the easier task.
OTHER_LABELS = "the two choose among different labels"

Key = tuple[str, str]


@dataclass(frozen=True)
class SharedSide:
    """A classifier of a run, and its answers to the shared rows for each training seed."""

    run: str
    name: str
    answered: tuple[Answered, ...]

    @property
    def title(self) -> str:
        """Its name among all runs."""
        return f"{self.run}/{self.name}"

    def value(self, metric: str) -> tuple[float | None, Bound | None]:
        """A metric on the shared rows, the mean over the seeds, and whether it is a bound."""
        found = [find_metric(metric).value(one) for one in self.answered]
        known = [one.value for one in found if one.value is not None]
        if not known or len(known) != len(found):
            return None, None
        return sum(known) / len(known), next((one.bound for one in found if one.bound), None)


@dataclass(frozen=True)
class SharedRows:
    """What runs share, and what their classifiers differ by there.

    ``rows`` counts the shared test rows, ``left_out`` those that each run has beside them. The
    ``comparisons`` set each classifier against each of another run; they are one family, over
    the ``tests`` of which Holm's correction goes. Without a shared row there is none.
    """

    rows: int
    left_out: Mapping[str, int]
    sides: Mapping[str, SharedSide] = field(default_factory=dict)
    comparisons: Sequence[Comparison] = ()

    @property
    def tests(self) -> int:
        """The tests that the correction covers."""
        return count_tests(self.comparisons)


def compare_runs(
    runs: Sequence[RunFolder],
    *,
    classifiers: Sequence[str] | None,
    metrics: Sequence[str],
    seed: int,
    resamples: int,
) -> SharedRows:
    """Compare the classifiers of two runs or more on the test rows that all runs share.

    Two rows are the same where text and true label are. ``classifiers`` leaves only those of
    these names.

    Raises:
        UsageError: there are fewer than two runs, one has no answers, or a name is unknown.
        RunError: a record in a folder is damaged.
    """
    for metric in metrics:
        check_name("metric", metric, all_metrics())
    if len(runs) < 2:
        raise UsageError("name two runs or more, such as runs/a and runs/b.")
    found = {
        name: {side.name: side.answered for side in grouped_sides(run)}
        for name, run in zip(run_titles(runs), runs, strict=True)
    }
    names = list(dict.fromkeys(name for sides in found.values() for name in sides))
    for name in classifiers or ():
        check_name("classifier of these runs", name, names)
    truths = {run: _truth(sides, run) for run, sides in found.items()}
    indices, rows = shared_indices(truths)
    left_out = {run: len(truth) - rows for run, truth in truths.items()}
    if not rows:
        return SharedRows(0, left_out)
    sides = [
        SharedSide(run, name, tuple(restricted(one, indices[run]) for one in answered))
        for run, members in found.items()
        for name, answered in members.items()
        if classifiers is None or name in classifiers
    ]
    by_title = {side.title: side for side in sides}

    def not_comparable(left: str, right: str) -> str | None:
        labels = (set(by_title[one].answered[0].predictions.labels) for one in (left, right))
        return None if next(labels) == next(labels) else OTHER_LABELS

    comparisons = compare_pairs(
        {title: side.answered for title, side in by_title.items()},
        [
            (left.title, right.title, metric)
            for left, right in combinations(sides, 2)
            for metric in metrics
            if left.run != right.run
        ],
        Resampling(seed, resamples),
        not_comparable=not_comparable,
    )
    return SharedRows(rows, left_out, by_title, comparisons)


def run_titles(runs: Sequence[RunFolder]) -> list[str]:
    """A name for each run: its folder's, or its path where two folders have the same.

    Raises:
        UsageError: a run is named twice.
    """
    paths = [run.folder.resolve() for run in runs]
    twice = [str(path) for path, count in Counter(paths).items() if count > 1]
    if twice:
        raise UsageError(f"the run {twice[0]} is named twice; compare different runs.")
    names = Counter(path.name for path in paths)
    return [path.name if names[path.name] == 1 else str(path) for path in paths]


def shared_indices(rows: Mapping[str, Sequence[Key]]) -> tuple[dict[str, list[int]], int]:
    """The positions of the shared rows in each run, in the same order, and how many they are.

    A row that stands twice in every run is shared twice.
    """
    counts = [Counter(keys) for keys in rows.values()]
    common = counts[0]
    for other in counts[1:]:
        common &= other
    order = [key for key in dict.fromkeys(next(iter(rows.values()))) if key in common]
    indices = {}
    for run, keys in rows.items():
        positions: dict[Key, list[int]] = defaultdict(list)
        for position, key in enumerate(keys):
            positions[key].append(position)
        indices[run] = [position for key in order for position in positions[key][: common[key]]]
    return indices, sum(common.values())


def _truth(sides: Mapping[str, Sequence[Answered]], run: str) -> list[Key]:
    """Text and true label of each test row of a run, which all its classifiers answered."""
    answered = [one for members in sides.values() for one in members]
    if not answered:
        raise UsageError(f"the run {run} has no answers yet; let it finish first.")
    return list(zip(answered[0].predictions.texts, answered[0].truth, strict=True))
