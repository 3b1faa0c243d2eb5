"""What a classifier costs, for its card."""

from collections.abc import Sequence

from tunelab.evaluation.facts import doubts_of, facts_to_show
from tunelab.numbers import UNDEFINED
from tunelab.runs.results import Result


def fact_rows(name: str, results: Sequence[Result]) -> list[tuple[str, str]]:
    """What each fact is, and its value; nothing where the classifier was not measured."""
    found = next((one for one in results if one.stage == "facts" and one.name == name), None)
    if found is None:
        return []
    rows = [(fact.description, fact.show(found.values)) for fact in facts_to_show([found.values])]
    return [(title, value) for title, value in rows if value != UNDEFINED] + [
        ("note on the times", doubt) for doubt in doubts_of(found.values)
    ]
