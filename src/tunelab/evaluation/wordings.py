"""A study's classifiers under each wording of its instruction, and what depends on the wording."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tunelab.evaluation.statistics.crossed import Variation
from tunelab.evaluation.statistics.estimates import Estimate


@dataclass(frozen=True)
class Worded:
    """A classifier that reads the instruction, and how its accuracy varies."""

    name: str
    variation: Variation


@dataclass(frozen=True)
class Wordings:
    """``texts`` are the wordings, the study's own first, on which claims and decision are.

    ``hanging`` says which verdicts, and whether the decision, are others under another wording;
    ``missing`` which classifiers were not asked under each.
    """

    texts: tuple[str, ...] = ()
    models: tuple[Worded, ...] = ()
    hanging: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values; :func:`read_wordings` makes the same of it again."""
        return asdict(self)


def read_wordings(record: Mapping[str, Any]) -> Wordings:
    """What :meth:`Wordings.to_dict` gave."""
    return Wordings(
        texts=tuple(record["texts"]),
        models=tuple(
            Worded(
                one["name"],
                Variation(
                    **{
                        **one["variation"],
                        "by_wording": tuple(one["variation"]["by_wording"]),
                        "over_wordings": Estimate(**one["variation"]["over_wordings"]),
                    }
                ),
            )
            for one in record["models"]
        ),
        hanging=tuple(record["hanging"]),
        missing=tuple(record["missing"]),
    )
