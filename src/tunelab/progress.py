"""Progress on standard error, where results never go."""

import sys
from typing import Any


def row_bar(title: str, total: int | None = None, *, shown: bool = True, unit: str = "row") -> Any:
    """A bar that counts rows, or another ``unit``, as a context; it may have no end (``total``)."""
    from tqdm import tqdm

    return tqdm(
        total=total,
        desc=title,
        unit=unit,
        # Without a total the library writes its unit next to the number: "0row".
        bar_format=None if total is not None else "{desc}: {n_fmt} [{elapsed}, {rate_fmt}]",
        file=sys.stderr,
        disable=not shown,
        dynamic_ncols=True,
        mininterval=1.0,
    )
