"""Load, check, sample and encode the data of a study, and show what a model would be trained on.

--show N prints rows token by token: trained tokens on green, control tokens in blue.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tunelab.cli.arguments import add_format, add_study, split_overrides
from tunelab.cli.tables import print_table

ALL = "(all labels)"
# Labels that are shown one by one; of more, so many from either end.
_MOST_LABELS = 20
_ENDS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab prepare`."""
    add_study(parser)
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print N encoded rows")
    parser.add_argument(
        "--model",
        default=None,
        metavar="NAME",
        help="whose tokenizer (default: the first method's)",
    )
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Prepare the data and print the checks, the lengths and the rows."""
    from tunelab.errors import UsageError
    from tunelab.evaluation.statistics.power import power_of_rows
    from tunelab.runs.stages import open_folder
    from tunelab.study.choosing_cost import choosing_costs
    from tunelab.study.encoded_view import view_encoding
    from tunelab.study.label_budget.planning import make_plan
    from tunelab.study.opening import open_study
    from tunelab.study.prepare import prepare

    if arguments.show < 0:
        raise UsageError("--show takes a number of rows.")
    study = open_study(arguments.study, split_overrides(arguments.overrides))
    out = arguments.out or Path("runs") / study.name
    sentences: list[str] = []
    with open_folder(out, study):
        data = prepare(study.data, seed=study.seed, out=out, tell=sentences.append)
    if arguments.format != "json":
        # Before the tokenizer is loaded: what is wrong with the data should not have to wait.
        for sentence in sentences:
            print(f"Note: {sentence}", file=sys.stderr, flush=True)
    values = data.result.values
    plan = make_plan(study, values["counts"]["sample"]["train"])
    choosing = choosing_costs(study, values["counts"]["sample"]["train"])
    # A study without a language model has no tokens to show.
    reads = arguments.model or study.methods or study.models.instruct or arguments.show
    view = None
    if reads:
        view = view_encoding(study, data, model=arguments.model, show=arguments.show)
    power = power_of_rows(len(data.splits["test"]))
    report = {
        "origin": values["origin"],
        "counts": values["counts"],
        "checks": values["checks"],
        "dropped": values["dropped"],
        "notes": sentences,
        "power": power.to_dict(),
        "budget": None
        if plan is None
        else {**plan.to_dict(), "trainings": plan.trainings, "trained_rows": plan.trained_rows},
        "choosing": choosing,
        "model": None if view is None else view.model,
        "answers": None if view is None else view.answers,
        "style": None if view is None else view.format.style,
        "prompt_hash": None if view is None else view.format.hash,
        "lengths": None if view is None else asdict(view.lengths),
        "rows": [] if view is None else [row.to_dict() for row in view.rows],
    }
    counts = label_rows(values["counts"]["sample"])
    if arguments.format == "table":
        counts = _shortened(counts)
    print_table(counts, arguments.format, title=f"{study.name}: rows", value=report)
    if arguments.format == "table":
        print_table(_faults(values), "table", title="Rows with faults, in the data as it came")
    if arguments.format != "json":
        stream = sys.stdout if arguments.format == "table" else sys.stderr
        budget = [] if plan is None else [plan.sentence(), *plan.notes()]
        print(
            "\n".join([*_sentences(values, view), *power.sentences(), *budget, *choosing]),
            file=stream,
        )
        if view is not None:
            _draw(view)
    return 0


def label_rows(counts: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """The sum and each label, the most frequent first, with the rows of each split."""
    labels = sorted(
        counts["train"],
        key=lambda label: -sum(counts[split][label] for split in counts),
    )
    every = {split: sum(of_split.values()) for split, of_split in counts.items()}
    return [
        {"label": ALL, **every},
        *(
            {"label": label, **{split: counts[split][label] for split in counts}}
            for label in labels
        ),
    ]


def _shortened(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of many labels, the most and the least frequent, and the sum of those between."""
    if len(rows) <= _MOST_LABELS + 1:
        return rows
    first, between, last = rows[: _ENDS + 1], rows[_ENDS + 1 : -_ENDS], rows[-_ENDS:]
    rest = {split: sum(row[split] for row in between) for split in rows[0] if split != "label"}
    return [*first, {"label": f"({len(between):,} more labels)", **rest}, *last]


def _faults(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line for each fault: where it was found, and how many rows were left out for it."""
    checks, dropped = values["checks"], values["dropped"]
    left_out = {fault: sum(rows.values()) for fault, rows in dropped.items()}
    found: list[tuple[str, str, Mapping[str, int | None]]] = [
        ("repeated", "rows that repeat an earlier one", checks["repeated"]),
        ("conflicting", "texts with several labels", {"train": checks["conflicting"]}),
        ("shared", "texts that are in an earlier split", checks["shared"]),
        ("blank", "rows without a visible character", checks["blank"]),
        ("", "pairs that are nearly the same", {"train": checks["near_duplicates"]}),
    ]
    return [
        {
            "fault": words,
            **{split: by_split.get(split) for split in ("train", "validation", "test")},
            "rows left out": left_out.get(key, 0) if key else None,
        }
        for key, words, by_split in found
    ]


def _sentences(values: Mapping[str, Any], view: Any) -> list[str]:
    origin = f"From {values['origin'].rstrip('.')}."
    if view is None:
        return [origin]
    lengths = view.lengths
    return [
        origin,
        f"{view.model}, {view.format.style} style: a row has {lengths.median} tokens in the "
        f"middle and {lengths.longest} at most; max_length={lengths.max_length} cuts "
        f"{lengths.share_cut:.1%} of the training rows.",
        f"Padding: {lengths.padding_to_max_length:.1%} of all tokens to max_length, "
        f"{lengths.padding_in_batches:.1%} in batches as they come, "
        f"{lengths.padding_by_length:.1%} in batches of like length.",
        f"{_trained(view)}; all rows begin with the same {lengths.shared_prefix} tokens.",
    ]


def _trained(view: Any) -> str:
    """What is trained of the rows."""
    if view.answers == "head":
        return (
            "No token is trained: a head learns which of the "
            f"{len(view.format.labels)} labels it is from the last token"
        )
    return f"{view.lengths.trained_share:.1%} of the tokens are trained"


def _draw(view: Any) -> None:
    from rich.console import Console
    from rich.markup import escape

    from tunelab.prompts.viewer import draw_row

    console = Console(stderr=False)
    for number, row in enumerate(view.rows, start=1):
        console.rule(f"row {number}: {len(row.tokens)} tokens")
        console.print(draw_row(row))
        console.print(f"[bold]assistant header[/] {escape(repr(row.header))}")
        if view.answers == "head":
            number = view.format.labels.index(row.answer) + 1
            console.print(
                f"[bold]the head learns[/] label {number} of {len(view.format.labels)}: "
                f"{escape(repr(row.answer))}, from the token "
                f"{escape(repr(row.tokens[-1].text))}",
                highlight=False,
            )
        else:
            console.print(f"[bold]trained after it[/] {escape(repr(row.answer))}")
