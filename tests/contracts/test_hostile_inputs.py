"""Every hostile input of the tables has its answer: one sentence, or no harm.

The tables are in tests/hostile, one for each surface.
"""

from importlib import import_module
from pathlib import Path

import pytest

from hostile.cases import Case, check

SURFACES = (
    *("studies", "data", "models", "adapters", "templates", "conversations"),
    *("endpoints", "runs", "exports"),
)
TABLES: dict[str, list[Case]] = {name: import_module(f"hostile.{name}").CASES for name in SURFACES}


@pytest.mark.parametrize(
    ("surface", "case"),
    [
        pytest.param(surface, case, id=f"{surface}: {case.name}")
        for surface, cases in TABLES.items()
        for case in cases
    ],
)
def test_a_hostile_input_has_its_answer(surface: str, case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_the_tables_are_long_enough() -> None:
    assert sum(map(len, TABLES.values())) >= 150
    for surface, cases in TABLES.items():
        assert len({case.name for case in cases}) == len(cases), surface
        assert len(cases) >= 20, surface
