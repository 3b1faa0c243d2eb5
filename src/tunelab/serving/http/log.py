"""The log of a service: a JSON object a line, without any text of a request."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO


def write_line(event: str, values: Mapping[str, Any], stream: TextIO | None = None) -> None:
    """Write one line to ``stream``, by default standard output.

    A line that cannot be written, as its reader is gone, is lost: the service goes on.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    # In ASCII, since half a character, or standard output in another encoding, would lose the line.
    line = json.dumps({"time": now, "event": event, **values})
    try:
        target = stream or sys.stdout
        target.write(line + "\n")
        target.flush()
    except (OSError, ValueError):
        pass
