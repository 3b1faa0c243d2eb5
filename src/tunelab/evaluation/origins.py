"""Which model stands behind a side of a comparison, and whether two sides are of one origin."""

from dataclasses import dataclass

from tunelab.models.lineage import Lineage, known_lineage, other_origin, short_model_name
from tunelab.runs.results import Result


@dataclass(frozen=True)
class Origin:
    """A side's name in the run, its model's own name, and where that model comes from.

    ``lineage`` is None where it is not known, and for what is no language model. ``trained``:
    whether this run trained it.
    """

    name: str
    model: str
    lineage: Lineage | None
    trained: bool = False


def lineage_of(result: Result) -> Lineage | None:
    """Where the model of a result comes from, by its record or by the catalog."""
    found: Lineage | None = result.values.get("lineage")
    return found or known_lineage(str(result.values["model"]))


def apart(left: Origin, right: Origin) -> str | None:
    """What differs between two sides besides training, in words; None where nothing is known to.

    Models of other families, sizes or architectures were not made from one another.
    """
    if not other_origin(left.lineage, right.lineage):
        return None
    both = f"{_in_words(left)} and {_in_words(right)}"
    families = {(side.lineage or {}).get("family") for side in (left, right)}
    return (
        f"{both}, of two model families"
        if len(families) == 2
        else f"{both}, of two sizes or architectures"
    )


def _in_words(side: Origin) -> str:
    model = short_model_name(side.model)
    return side.name if model == side.name else f"{side.name} is {model}"
