"""Sets of labels that hold the true one as often as wanted (split conformal prediction).

A label's score says how badly it fits a text. The scores of the true labels of validation rows
have a quantile, and a label of a new text is in its set where its score is at most that. Where
the new texts are drawn as the validation rows were, the sets hold the true label at least as often
as wanted, whatever the classifier is worth; a bad one has large sets. Rows that belong together are
not drawn so: of them one row of each group is taken, and the promise is for one row of a new group.

Source: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005; Sadinle, Lei and
Wasserman, Least Ambiguous Set-Valued Classifiers with Bounded Error Levels, 2019 (LAC); Romano,
Sesia and Candès, Classification with Valid and Adaptive Coverage, 2020 (APS).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunelab.evaluation.probabilities import as_table
from tunelab.evaluation.review.rows import AskedRows, one_of_each
from tunelab.evaluation.review.threshold import share_of
from tunelab.evaluation.statistics.estimates import Estimate
from tunelab.numbers import counted

# Rows of a label below which its own coverage is not told.
FEWEST_OF_LABEL = 20

# Scores of all labels: probabilities (rows, labels) and uniform numbers (rows,) to (rows, labels).
Scores = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class LabelSets:
    """How the sets of one ``method`` do on test rows.

    ``limit`` is the highest score of a label in a set; None where there are too few validation
    rows, for the ``reason``. ``coverage`` is the share of sets with the true label, ``labels`` the
    same of each label with enough rows. ``mean_size`` is the mean number of labels in a set;
    ``single`` and ``empty`` are the shares of sets with one label, and with none.
    """

    method: str
    wanted: float
    limit: float | None
    coverage: Estimate
    mean_size: float | None
    single: float | None
    empty: float | None
    labels: Mapping[str, Estimate]
    reason: str | None = None


def lac_scores(probabilities: Any, uniforms: Any = None) -> Any:
    """One minus the probability of each label, array (rows, labels)."""
    import numpy as np

    return 1.0 - np.asarray(probabilities, dtype=float)


def aps_scores(probabilities: Any, uniforms: Any = None) -> Any:
    """The probability of the labels that are at least as likely as each, array (rows, labels).

    A label's own probability counts with the share of it that ``uniforms`` (rows,) leaves, which
    makes the coverage exact; it counts whole where there are none.
    """
    import numpy as np

    table = np.asarray(probabilities, dtype=float)
    order = np.argsort(-table, axis=1, kind="stable")
    totals = np.cumsum(np.take_along_axis(table, order, axis=1), axis=1)
    scores = np.empty_like(table)
    np.put_along_axis(scores, order, totals, axis=1)
    return scores if uniforms is None else scores - np.asarray(uniforms)[:, None] * table


# Methods by name; the first gives the smallest sets, the second evener ones over hard and easy.
METHODS: Mapping[str, Scores] = {"lac": lac_scores, "aps": aps_scores}


def conformal_limit(scores: Sequence[float], coverage: float) -> float | None:
    """The score that a share of ``coverage`` of new rows does not exceed, of rows' true labels.

    None where there are too few rows: then only sets of all labels would do.

    Raises:
        ValueError: ``coverage`` is not between 0 and 1.
    """
    if not 0 < coverage < 1:
        raise ValueError("the coverage must lie between 0 and 1")
    rank = math.ceil((len(scores) + 1) * coverage - 1e-9)
    return float(sorted(scores)[rank - 1]) if rank <= len(scores) else None


def label_sets(
    method: str,
    validation: AskedRows,
    test: AskedRows,
    labels: Sequence[str],
    *,
    coverage: float,
    seed: int,
) -> LabelSets:
    """Sets that are fitted on validation rows, measured on test rows.

    The probabilities are calibrated where there is a temperature. ``seed`` draws the uniform
    numbers of APS, and one row of each group of validation rows.

    Raises:
        ValueError: the probabilities are no such table.
    """
    import numpy as np

    score = METHODS[method]
    known, truth = as_table(validation.probabilities, validation.truth)
    chosen = one_of_each(validation.groups, len(truth), seed=seed)
    known, truth = known[chosen], truth[chosen]
    asked, asked_truth = as_table(test.probabilities, test.truth)
    generator = np.random.default_rng(seed)
    uniforms = generator.random(len(truth)), generator.random(len(asked_truth))
    own = score(known, uniforms[0])[np.arange(len(truth)), truth] if len(truth) else np.zeros(0)
    limit = conformal_limit(own.tolist(), coverage)
    if limit is None:
        least = math.ceil(coverage / (1 - coverage) - 1e-9)
        what = "validation row" if len(validation.truth) == len(truth) else "validation group"
        reason = f"{counted(len(truth), what)} of at least {least}"
    elif not len(asked_truth):
        reason = "there are no test rows"
    else:
        # The rounding of a sum may not push a label out that stands exactly at the limit.
        inside = score(asked, uniforms[1]) <= limit + 1e-12
        hits = inside[np.arange(len(asked_truth)), asked_truth]
        sizes = inside.sum(axis=1)
        return LabelSets(
            method=method,
            wanted=coverage,
            limit=limit,
            coverage=share_of(hits.tolist(), "", test.groups),
            mean_size=float(sizes.mean()),
            single=float((sizes == 1).mean()),
            empty=float((sizes == 0).mean()),
            labels={
                label: _of_label(hits, asked_truth == column, test.groups)
                for column, label in enumerate(labels)
            },
        )
    return LabelSets(
        method, coverage, limit, Estimate(None, None, None, reason), None, None, None, {}, reason
    )


def _of_label(hits: Any, own: Any, groups: Sequence[object] | None) -> Estimate:
    rows = int(own.sum())
    if rows < FEWEST_OF_LABEL:
        few = f"{counted(rows, 'test row')} of at least {FEWEST_OF_LABEL}"
        return Estimate(None, None, None, few)
    found = None if groups is None else [one for one, of in zip(groups, own, strict=True) if of]
    return share_of(hits[own].tolist(), "", found)
