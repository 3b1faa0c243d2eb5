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
        file=sys.stderr,
        disable=not shown,
        dynamic_ncols=True,
        mininterval=1.0,
    )
