"""The settings of the app."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class AppSettings:
    """``runs``: the folder of the run folders. ``labels``: that of the labelling projects.
    ``scratch``: the app's own folder for uploads and
    downloads. ``models``: names or folders that are offered besides those that tunelab knows.
    ``max_upload``: bytes of an upload at most. ``queue``: how many requests may wait.
    """

    runs: Path
    scratch: Path
    labels: Path = Path("labels")
    models: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 7860
    password: str | None = field(default=None, repr=False)
    max_upload: int = 20_000_000
    queue: int = 16
    device: str = "auto"
