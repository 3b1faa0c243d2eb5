"""Answers to the same rows under several wordings, by several trainings: what varies with each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tunelab.evaluation.statistics.estimates import Estimate
from tunelab.evaluation.statistics.seeds import summarize


@dataclass(frozen=True)
class Variation:
    """The variation of an accuracy, kept apart.

    ``by_wording`` holds the accuracy under each wording, in the mean over the seeds;
    ``over_wordings`` their mean, with an interval that speaks of other wordings on these very rows.
    ``sd_wording`` is the standard deviation of an accuracy when nothing but the wording changes,
    ``sd_seed`` when nothing but the training seed does, ``sd_rows`` when the rows are others of as
    many. ``components`` are the variances of one answer, by what they belong to (wording, seed,
    row, and both or all three of them). ``reason`` says why something is None, ``note`` which
    estimates were negative and are set to 0.
    """

    by_wording: tuple[float, ...]
    over_wordings: Estimate
    sd_wording: float | None
    sd_seed: float | None
    sd_rows: float | None
    seeds: int
    rows: int
    components: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return asdict(self)


def crossed_variation(correct: Sequence[Sequence[Sequence[bool]]]) -> Variation:
    """Analyse right and wrong answers (wordings, seeds, rows) as a crossed layout, all random.

    Each answer is the mean plus effects of its wording, its seed and its row, of each two of them,
    and a residual; with one seed there is no effect of seeds. The variances come from the mean
    squares of a balanced layout with one answer in each cell. The standard deviation of an accuracy
    by the wording takes the wording's own effect and, as the rows stay, the mean over the rows of
    its effects on single rows. That of the seeds also takes what seeds do under single wordings,
    and the residual, which no layout with one answer in each cell tells from it.

    Source: Searle, Casella and McCulloch, Variance Components, 1992.

    Raises:
        ValueError: the layout is not balanced.
    """
    import numpy as np

    wordings = len(correct)
    seeds = len(correct[0]) if wordings else 0
    rows = len(correct[0][0]) if seeds else 0
    if any(len(one) != seeds or any(len(row) != rows for row in one) for one in correct):
        raise ValueError("every wording must have the same seeds and rows")
    if not rows:
        nothing = Estimate(None, None, None, "there are no answers")
        return Variation((), nothing, None, None, None, seeds, rows, {}, nothing.reason)
    table = np.asarray(correct, dtype=float).reshape(wordings, seeds, rows)
    by_wording = tuple(table.mean(axis=(1, 2)).tolist())
    mean = summarize(by_wording, "wording", bounds=(0.0, 1.0))
    if wordings < 2 or rows < 2:
        reason = f"one {'wording' if wordings < 2 else 'row'} shows no spread"
        return Variation(by_wording, mean, None, None, None, seeds, rows, {}, reason)
    found = _components(_mean_squares(table), table.shape)
    # Sums that cancel on paper leave the last digits of floating point.
    negative = [name for name, value in found.items() if value < -1e-12]
    kept = {name: max(0.0, value) for name, value in found.items()}

    def spread(of: str) -> float:
        single = kept[of] + kept.get("wording and seed", 0.0) * (of == "seed")
        on_rows = kept[f"{of} and row"] + kept.get("residual", 0.0) * (of == "seed")
        return math.sqrt(single + on_rows / rows)

    return Variation(
        by_wording=by_wording,
        over_wordings=mean,
        sd_wording=spread("wording"),
        sd_seed=spread("seed") if seeds > 1 else None,
        sd_rows=math.sqrt(kept["row"] / rows),
        seeds=seeds,
        rows=rows,
        components=kept,
        reason=None if seeds > 1 else "one seed shows no spread",
        note=f"the estimated variances of {', '.join(negative)} were negative and are set to 0"
        if negative
        else None,
    )


_EFFECTS = {
    "wording": (0,),
    "seed": (1,),
    "row": (2,),
    "wording and seed": (0, 1),
    "wording and row": (0, 2),
    "seed and row": (1, 2),
    "residual": (0, 1, 2),
}


def _mean_squares(table: Any) -> dict[str, float]:
    """The mean square of each effect that has degrees of freedom."""
    import itertools

    import numpy as np

    found = {}
    for name, axes in _EFFECTS.items():
        freedom = math.prod(table.shape[axis] - 1 for axis in axes)
        if not freedom:
            continue
        # By inclusion and exclusion: what the means over fewer of the axes do not tell.
        effect = np.zeros_like(table)
        for size in range(len(axes) + 1):
            for inside in itertools.combinations(axes, size):
                rest = tuple(axis for axis in range(3) if axis not in inside)
                effect = effect + (-1) ** (len(axes) - size) * table.mean(axis=rest, keepdims=True)
        found[name] = float((effect**2).sum()) / freedom
    return found


def _components(square: Mapping[str, float], shape: Sequence[int]) -> dict[str, float]:
    """The variances whose expected mean squares these are."""
    wordings, seeds, rows = shape
    if seeds == 1:
        rest = square["wording and row"]
        return {
            "wording": (square["wording"] - rest) / rows,
            "row": (square["row"] - rest) / wordings,
            "wording and row": rest,
        }
    rest = square["residual"]
    pairs = {
        "wording and seed": rows,
        "wording and row": seeds,
        "seed and row": wordings,
    }
    found = {name: (square[name] - rest) / others for name, others in pairs.items()}
    for name, others in (
        ("wording", seeds * rows),
        ("seed", wordings * rows),
        ("row", wordings * seeds),
    ):
        both = sum(square[pair] for pair in pairs if name in pair.split(" and "))
        found[name] = (square[name] - both + rest) / others
    return {**found, "residual": rest}
