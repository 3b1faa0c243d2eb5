"""Take what tells of this machine out of a bill of materials: python supply/sbom.py RAW CLEAN.

A package that was installed from a folder, as tunelab itself is, names that folder; and so does
one that came from a file of this disk.
"""

import json
import sys
from pathlib import Path
from typing import Any


def cleaned(value: Any) -> Any:
    """``value`` without references to files and without what points into this disk."""
    if isinstance(value, dict):
        return {key: cleaned(one) for key, one in value.items() if not _is_local(one)}
    if isinstance(value, list):
        return [cleaned(one) for one in value if not _is_local(one)]
    return value


def _is_local(value: Any) -> bool:
    if isinstance(value, dict):
        value = value.get("url", value.get("value", ""))
    return isinstance(value, str) and (value.startswith(("file:", "/")) or "file://" in value)


if __name__ == "__main__":
    whole = cleaned(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
