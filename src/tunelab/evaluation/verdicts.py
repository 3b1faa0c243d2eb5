"""What the judge of a run found: the verdicts on its claims, and comparisons nobody claimed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunelab.config import Claim
from tunelab.evaluation.comparisons import Comparison, count_tests, read_comparison
from tunelab.evaluation.slices import SliceScore, read_slice_score
from tunelab.evaluation.statistics.estimates import Bound

# The note on a claim that was not there, or was another, when the first answers came.
CHANGED = "this claim was written or changed after answers of this run were known"
# The families of tests: what the study claimed before the run, and what is compared besides.
CLAIMED = "claims"
EXPLORATORY = "exploratory"


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim, its verdict, and why. ``values`` are left's and right's own, where they have one.

    ``bounds`` tell where a value was measured at a limit and is a bound. ``notes`` are what a
    reader must know beside the verdict, such as that the two are models of other families.
    ``rows`` are some of those on which the two differ, for people to read, ``differing`` counts
    all of them; ``files`` hold all of them. ``noun`` is what the metric counts: row, prompt …
    """

    claim: Claim
    verdict: str
    why: str
    comparison: Comparison
    values: tuple[float | None, float | None]
    rows: tuple[Mapping[str, Any], ...] = ()
    differing: int = 0
    files: tuple[str, ...] = ()
    bounds: tuple[Bound | None, Bound | None] = (None, None)
    notes: tuple[str, ...] = ()
    noun: str = "row"

    def to_dict(self) -> dict[str, Any]:
        """The claim and its verdict as JSON values, without the rows behind it."""
        return {
            **self.claim.model_dump(),
            "verdict": self.verdict,
            "why": self.why,
            "left_value": self.values[0],
            "right_value": self.values[1],
            "left_bound": self.bounds[0],
            "right_bound": self.bounds[1],
            "notes": list(self.notes),
            "difference": self.comparison.difference.to_dict(),
            "p_corrected": self.comparison.p_corrected,
            "family": CLAIMED,
            "files": list(self.files),
        }


@dataclass(frozen=True)
class Verdicts:
    """All that the judge found.

    ``claims`` are one family of tests. ``comparisons``, each fine-tuned model against each that
    is not, and ``methods``, the fine-tuned ones against each other, are exploratory and another
    family. ``slices`` are the scores of parts of the rows, each tested against the rest: a third.
    """

    claims: tuple[ClaimVerdict, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    methods: tuple[Comparison, ...] = ()
    slices: tuple[SliceScore, ...] = ()

    @property
    def tests(self) -> dict[str, int]:
        """The number of tests that the correction covers, for each family."""
        return {
            CLAIMED: count_tests(one.comparison for one in self.claims),
            EXPLORATORY: count_tests((*self.comparisons, *self.methods)),
        }

    @property
    def slice_tests(self) -> int:
        """The number of tests of parts that their correction covers.

        Of two parts, one against the other is one test, which stands at both.
        """
        found = {
            (one.slice, one.classifier, round(abs(one.difference.value or 0.0), 12), p_value)
            for one in self.slices
            if (p_value := one.difference.p_value) is not None
        }
        return len(found)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values; :func:`read_verdicts` makes the same of it again."""
        return {
            "tests": self.tests,
            "claims": [
                {
                    **one.to_dict(),
                    "compared": one.comparison.metric,
                    "noun": one.noun,
                    "rows": list(one.rows),
                    "differing": one.differing,
                }
                for one in self.claims
            ],
            "comparisons": [one.to_dict() | {"family": EXPLORATORY} for one in self.comparisons],
            "methods": [one.to_dict() | {"family": EXPLORATORY} for one in self.methods],
            "slices": [one.to_dict() for one in self.slices],
        }


def read_verdicts(record: Mapping[str, Any]) -> Verdicts:
    """What :meth:`Verdicts.to_dict` gave."""

    def comparisons(name: str) -> tuple[Comparison, ...]:
        return tuple(
            read_comparison({key: value for key, value in one.items() if key != "family"})
            for one in record[name]
        )

    return Verdicts(
        claims=tuple(map(_read_claim, record["claims"])),
        comparisons=comparisons("comparisons"),
        methods=comparisons("methods"),
        # Verdicts of an older version have none.
        slices=tuple(map(read_slice_score, record.get("slices", ()))),
    )


def _read_claim(values: Mapping[str, Any]) -> ClaimVerdict:
    claim = Claim(**{key: values[key] for key in Claim.model_fields})
    return ClaimVerdict(
        claim=claim,
        verdict=values["verdict"],
        why=values["why"],
        comparison=read_comparison(
            {
                "left": claim.left,
                "right": str(claim.right),
                "metric": values["compared"],
                "difference": values["difference"],
                "p_corrected": values["p_corrected"],
            }
        ),
        values=(values["left_value"], values["right_value"]),
        rows=tuple(values["rows"]),
        differing=values["differing"],
        files=tuple(values["files"]),
        bounds=(values["left_bound"], values["right_bound"]),
        notes=tuple(values["notes"]),
        noun=values["noun"],
    )
