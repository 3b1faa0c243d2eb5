"""A bar of rows writes a number by itself, not glued to a unit."""

import re

import pytest

from tunelab.progress import row_bar


@pytest.mark.parametrize("total", [None, 10])
def test_a_number_is_not_glued_to_its_unit(
    total: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with row_bar("rows labelled", total) as bar:
        bar.update(3)
        bar.refresh()
    told = capsys.readouterr().err
    assert "rows labelled" in told
    # Rates, such as 3.10row/s, are written so by tqdm.
    assert not re.search(r"\drow(?!/s)", told)
