"""Look at a file of labelled texts, and write a study for it.

Proposes the columns of the texts and of the labels, counts the labels, says what the test rows
can decide, and writes a short study file with comments. Nothing is trained or downloaded.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from tunelab.cli.arguments import add_format
from tunelab.cli.tables import print_table

_SHOWN = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab init`."""
    parser.add_argument("file", metavar="FILE", help="a labelled file, or a folder of splits")
    parser.add_argument("--text", metavar="COLUMN", help="the column of the texts")
    parser.add_argument("--label", metavar="COLUMN", help="the column of the labels")
    parser.add_argument(
        "--out", type=Path, metavar="STUDY.yaml", help="the study file (default: FILE's name)"
    )
    parser.add_argument("--force", action="store_true", help="replace a study file that is there")
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Write the study file and print what was seen."""
    from tunelab.errors import UsageError
    from tunelab.runs.results import write_text
    from tunelab.study.first_look import first_lines, last_lines, look_at, plain_name
    from tunelab.study.opening import open_study
    from tunelab.study.study_text import write_study

    out = arguments.out or Path(f"{plain_name(arguments.file)}.yaml")
    if out.suffix not in {".yaml", ".yml"}:
        raise UsageError(f"--out {out} must end with .yaml.")
    if out.exists() and not arguments.force:
        raise UsageError(f"{out} is there already; name another --out, or replace it: --force.")
    look = look_at(arguments.file, text=arguments.text, label=arguments.label)
    write_text(out, write_study(look, out.stem))
    open_study(str(out))
    rows = [
        {"label": label, "rows": count, "share": count / max(1, sum(look.labels.values()))}
        for label, count in sorted(look.labels.items(), key=lambda pair: -pair[1])
    ]
    stream = sys.stdout if arguments.format == "table" else sys.stderr
    print("\n".join(first_lines(look)), file=stream)
    shown = rows if arguments.format != "table" else rows[:_SHOWN]
    print_table(shown, arguments.format, title="labels", value={**asdict(look), "study": str(out)})
    more = [f"{len(rows) - _SHOWN} more labels."] if len(rows) > len(shown) else []
    print("\n".join([*more, *last_lines(look)]), file=stream)
    print(f"Wrote {out}. Next: tunelab run {out}", file=stream)
    return 0
