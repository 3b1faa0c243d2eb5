"""Write requirements.lock: every package of the environment, pinned with the hash of its file.

python supply/lock.py REPORT LOCK, where REPORT is what `pip install --dry-run --report` writes.
The hashes are those of the files that pip takes on this kind of machine: CPython 3.11 on Linux,
x86-64. Where a file comes from is not written.
"""

import json
import sys
from pathlib import Path

_HEAD = """\
# Every package that tunelab is tested with, pinned to the file that was tested: CPython 3.11 on
# Linux, x86-64. Written by `make lock` from constraints.txt; `make lock-check` compares.
"""


def main(report: Path, lock: Path) -> None:
    """Turn pip's report into a requirements file with hashes."""
    lines = []
    for item in json.loads(report.read_text(encoding="utf-8"))["install"]:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
        # A build of its own, as PyTorch's for CPUs, goes by the version that it is a build of.
        version = version.partition("+")[0]
        lines.append(f"{name.lower().replace('_', '-')}=={version} --hash=sha256:{digest}")
    lock.write_text(_HEAD + "\n".join(sorted(lines)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
