"""Progress on standard error, where results never go."""

import sys
from typing import Any


def row_bar(title: str, total: int | None = None, *, shown: bool = True) -> Any:
    """A bar that counts rows, as a context; without a ``total`` it has no end."""
    from tqdm import tqdm

    return tqdm(
        total=total,
        desc=title,
        unit="row",
        # Without a total the library writes its unit next to the number: "0row".
        bar_format=None if total is not None else "{desc}: {n_fmt} [{elapsed}, {rate_fmt}]",
        file=sys.stderr,
        disable=not shown,
        dynamic_ncols=True,
        mininterval=1.0,
    )
