"""Execute the notebook from its script, and write the notebook with what its cells print.

Progress bars and times of execution are left out, so that the file changes when a result does.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("llm_exploration.py")
LONGEST_CELL = 3600


def main(words: Sequence[str]) -> int:
    """Execute and write; the exit code is 1 where a cell failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the notebook to write")
    parser.add_argument("--folder", type=Path, default=Path(), metavar="DIR", help="to run in")
    arguments = parser.parse_args(words)
    short = os.environ.get("TUNELAB_NOTEBOOK") == "short"
    usual = Path("runs") / "llm_exploration-short.ipynb" if short else SCRIPT.with_suffix(".ipynb")
    out = arguments.out or usual
    # What the embedded models need comes from the package index or the cache.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    notebook, failure = execute(SCRIPT, arguments.folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    write(notebook, out)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")
    if failure:
        print(failure, file=sys.stderr)
    return 1 if failure else 0


def execute(script: Path, folder: Path) -> tuple[Any, str]:
    """The notebook with its outputs, and the error of the cell that failed, if one did."""
    import jupytext
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = jupytext.read(script)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    client = NotebookClient(
        notebook,
        timeout=LONGEST_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        # Machines that are busy with other things take their time.
        startup_timeout=600,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        return notebook, str(error)
    return notebook, ""


def write(notebook: Any, out: Path) -> None:
    """Write a notebook without progress bars, and with ids that do not change from run to run."""
    import nbformat

    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:03d}"
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    notebook.metadata.pop("jupytext", None)
    nbformat.write(notebook, out)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
