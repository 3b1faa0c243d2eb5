"""Cells of CSV that a spreadsheet shows and does not run."""

import re
from typing import Any

_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


def csv_cell(value: Any) -> Any:
    """``value``, with an apostrophe in front where a spreadsheet would run it as a formula.

    A number stays one, be it written out or not.
    """
    if isinstance(value, str) and value.startswith(_BEGINS_A_FORMULA):
        return value if _NUMBER.fullmatch(value) else f"'{value}"
    return value
