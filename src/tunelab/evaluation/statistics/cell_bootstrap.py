"""Resample rows that are counted in cells: by true label and by the answers given."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tunelab.evaluation.statistics.bootstrap import Bootstrap, bootstrap
from tunelab.evaluation.statistics.clusters import Clusters
from tunelab.evaluation.statistics.confusion_counts import Counts, Statistic

# Hits that a label without any is given in the bootstrap; see count_bootstrap.
_HIDDEN_HITS = 0.25
# Labels that are given so many; more of them share the hits of this number. With 77 labels in 160
# rows, a model that is nearly always wrong would else be credited with ten times its hits.
_MOST_HIDDEN = 6


def count_bootstrap(
    statistics: Sequence[Statistic],
    cells: Sequence[Sequence[int]],
    counts: Sequence[int],
    labels: int,
    *,
    seed: int,
    resamples: int,
    grouped: Any = None,
) -> list[Bootstrap]:
    """Statistics of rows that are counted in cells, each resampled.

    A cell is (true label, predicted one), or (true label, left's, right's) for the difference;
    ``labels`` stands for an unparsed answer. The value of each is that of the rows drawn from.

    A label whose few rows are all missed has an F1 of 0 in every resample, as if that were
    certain. The resamples therefore draw from rows among which such a label has a fraction of a
    hit: without it, macro-F1 with four rows of the rarest label is covered in 92 % of studies.
    More than six such labels share the hits of six.

    ``grouped``: (groups, cells), the rows of each group in each cell, where groups are drawn.
    """
    smoothed = _with_hidden_hits(cells, counts, labels)
    if grouped is not None:
        kinds, times = _kinds(grouped, cells, counts, labels, list(smoothed))
        return bootstrap(
            times,
            of_cells(statistics, list(smoothed), labels),
            rows=int(times.sum()),
            seed=seed,
            resamples=resamples,
            units=kinds,
        )
    return bootstrap(
        list(smoothed.values()),
        of_cells(statistics, list(smoothed), labels),
        rows=int(sum(counts)),
        seed=seed,
        resamples=resamples,
    )


def of_cells(
    statistics: Sequence[Statistic], cells: Sequence[Sequence[int]], labels: int
) -> Callable[[Any], Any]:
    """The function from weights (samples, cells) to the statistics, (samples, statistics).

    Of three columns it gives left's value minus right's.
    """
    import numpy as np

    def values(weights: Any) -> Any:
        sides = [
            np.stack([statistic.of(counts) for statistic in statistics], axis=1)
            for counts in counts_of_sides(weights, cells, labels)
        ]
        return sides[0] - sides[1] if len(sides) > 1 else sides[0]

    return values


def counts_of_sides(weights: Any, cells: Sequence[Sequence[int]], labels: int) -> list[Counts]:
    """The confusion matrices of left and, where there are three columns, of right."""
    import numpy as np

    table, weights = np.asarray(cells, dtype=int), np.asarray(weights, dtype=float)
    return [Counts(weights, table[:, 0], column, labels) for column in table[:, 1:].T]


def _with_hidden_hits(
    cells: Sequence[Sequence[int]], counts: Sequence[int], labels: int
) -> dict[tuple[int, ...], float]:
    seen = {tuple(cell): float(count) for cell, count in zip(cells, counts, strict=True)}
    smoothed = dict(seen)
    for cell, hit, part in _hidden_hits(cells, counts, labels):
        smoothed[hit] = smoothed.get(hit, 0.0) + part * seen[cell]
    return smoothed


def _hidden_hits(
    cells: Sequence[Sequence[int]], counts: Sequence[int], labels: int
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], float]]:
    """A cell of a label that is always missed, the hit beside it, and which part of it is one."""
    seen = {tuple(cell): float(count) for cell, count in zip(cells, counts, strict=True)}
    of_label: dict[int, dict[tuple[int, ...], float]] = {}
    for cell, count in seen.items():
        of_label.setdefault(cell[0], {})[cell] = count
    for side in range(1, len(cells[0])):
        missed = [
            (label, own)
            for label, own in of_label.items()
            if label < labels and all(cell[side] != label for cell in own)
        ]
        hits = _HIDDEN_HITS * min(1.0, _MOST_HIDDEN / max(1, len(missed)))
        for label, own in missed:
            support = sum(own.values())
            for cell in own:
                yield cell, (*cell[:side], label, *cell[side + 1 :]), hits / support


def _kinds(
    grouped: Any,
    cells: Sequence[Sequence[int]],
    counts: Sequence[int],
    labels: int,
    smoothed: Sequence[tuple[int, ...]],
) -> tuple[Any, Any]:
    """Groups that are alike, (kinds, smoothed cells), and how many there are of each kind."""
    import numpy as np

    kinds, times = np.unique(np.asarray(grouped, dtype=float), axis=0, return_counts=True)
    column = {cell: position for position, cell in enumerate(smoothed)}
    row = {tuple(cell): position for position, cell in enumerate(cells)}
    spread = np.zeros((len(row), len(column)))
    for cell, position in row.items():
        spread[position, column[cell]] = 1.0
    for cell, hit, part in _hidden_hits(cells, counts, labels):
        spread[row[cell], column[hit]] += part
    return kinds @ spread, times


def count_grouped(
    cells: Sequence[tuple[int, ...]],
    labels: Sequence[str],
    clusters: Clusters | None,
    truth: Sequence[str],
    *answers: Sequence[str | None],
) -> Any:
    """The rows of each group in each cell, (groups, cells); None where rows are independent."""
    import numpy as np

    if clusters is None:
        return None
    order: dict[str | None, int] = {label: position for position, label in enumerate(labels)}
    order[None] = len(labels)
    column = {cell: position for position, cell in enumerate(cells)}
    table = np.zeros((clusters.count, len(cells)))
    rows = zip(truth, *answers, strict=True)
    at = [column[tuple(order[value] for value in row)] for row in rows]
    np.add.at(table, (clusters.index, at), 1.0)
    return table


def count_cells(
    labels: Sequence[str], truth: Sequence[str], *answers: Sequence[str | None]
) -> tuple[list[tuple[int, ...]], list[int]]:
    """The distinct rows as indices of labels, in order, and how many rows each stands for."""
    if any(len(guesses) != len(truth) for guesses in answers):
        lengths = ", ".join(str(len(guesses)) for guesses in answers)
        raise ValueError(f"{len(truth)} true labels and {lengths} predicted ones")
    order: dict[str | None, int] = {label: position for position, label in enumerate(labels)}
    if not set(truth) <= order.keys():
        raise ValueError("a true label is not among the labels")
    order[None] = len(labels)
    try:
        counted = Counter(
            tuple(order[value] for value in row) for row in zip(truth, *answers, strict=True)
        )
    except KeyError as error:
        raise ValueError(f"the label {error} is not among the labels") from None
    cells = sorted(counted)
    return cells, [counted[cell] for cell in cells]
