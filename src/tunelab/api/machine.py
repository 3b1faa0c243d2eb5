"""What this machine has, and which models tunelab knows."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def device_facts() -> dict[str, Any]:
    """The device that would be used, and what it has.

    Among the keys: device (cpu, cuda or mps), name, threads, precision (what it runs fast),
    memory and memory_free in bytes, and token: whether there is a token for the Hugging Face Hub.
    """
    from tunelab.hub import has_token
    from tunelab.models.device import device_facts as facts

    return {**facts(), "token": has_token()}


def model_catalog() -> "pd.DataFrame":
    """The models that tunelab knows by a short name: a row for each.

    Columns: name, kind (base, instruct or encoder), parameters, gated, source, licence, and
    download (bytes to fetch, where that is known).
    """
    import pandas as pd

    from tunelab.models.catalog import CATALOG

    return pd.DataFrame(
        [
            {
                "name": card.name,
                "kind": card.kind,
                "parameters": card.parameters,
                "gated": card.gated,
                "source": card.source,
                "licence": card.licence,
                "download": card.size or None,
            }
            for card in CATALOG.values()
        ]
    )
