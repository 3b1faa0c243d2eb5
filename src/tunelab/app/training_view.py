"""Checks, masks, losses and the state of a run as HTML."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunelab.app import job
from tunelab.app.chart import line_chart
from tunelab.app.data_view import draw_notes
from tunelab.app.markup import Markup, join, link, notice, table, tag
from tunelab.app.progress import Loss, Progress, read_progress
from tunelab.prompts.viewer import reading_lines

# A share of rows that are cut, above which the page warns.
_MANY_CUT = 0.05
_MANY_LABELS = 12
_WORDS = {
    "running": "Running",
    "stopping": "Stopping",
    "stopped": "Stopped; press Continue to resume it",
    "failed": "Failed",
    "finished": "Finished",
}


def draw_checks(values: Mapping[str, Any], view: Any) -> Markup:
    """The rows of each split by label, and the faults that were counted."""
    counts = values["counts"]["sample"]
    checks, lengths = values["checks"], view.lengths
    left_out = {fault: sum(rows.values()) for fault, rows in values["dropped"].items()}
    faults = [
        {"check": "rows that repeat an earlier row", "found": sum(checks["repeated"].values())},
        {"check": "texts with more than one label", "found": checks["conflicting"]},
        {"check": "texts that are in two splits", "found": sum(checks["shared"].values())},
        {"check": "rows without a visible character", "found": sum(checks["blank"].values())},
        {"check": "pairs of nearly equal texts", "found": checks["near_duplicates"]},
        {"check": "rows left out because of the above", "found": sum(left_out.values())},
    ]
    sentence = (
        f"Length of a row: median {lengths.median} tokens, longest {lengths.longest}; "
        f"{lengths.share_cut:.1%} of the rows are cut. {lengths.trained_share:.1%} of the tokens "
        f"are trained. All rows begin with the same {lengths.shared_prefix} tokens."
    )
    parts = [
        _draw_counts(counts),
        draw_notes([*values["loading"], *values["notes"]]),
        table(faults, caption="Checks of the data"),
        tag("p", sentence, class_="tl-help"),
    ]
    if lengths.share_cut > _MANY_CUT:
        parts.append(
            notice(
                f"{lengths.share_cut:.0%} of the texts are cut to {lengths.max_length} tokens. "
                "Raise “Longest row” under More settings, so that the model reads whole texts."
            )
        )
    return join(parts)


def _draw_counts(counts: Mapping[str, Mapping[str, int]]) -> Markup:
    """Rows by label and split. Many labels are folded away below their sum."""
    splits = list(counts)
    total = {"label": "all labels", **{split: sum(counts[split].values()) for split in splits}}
    rows = [
        {"label": label, **{split: counts[split][label] for split in splits}}
        for label in counts[splits[0]]
    ]
    caption = "Rows that are used"
    if len(rows) <= _MANY_LABELS:
        return table([total, *rows], caption=caption)
    folded = tag(
        "details",
        tag("summary", f"Rows of each of the {len(rows):,} labels"),
        table(rows, caption=f"{caption}, by label"),
    )
    return join([table([total], caption=caption), folded])


def draw_masks(view: Any) -> Markup:
    """Rows token by token: what is trained stands out."""
    rows = [
        tag("div", *map(_line, reading_lines(row)), class_="tl-pieces tl-mask") for row in view.rows
    ]
    if view.answers == "head":
        # The label stands beside the row, as the model does not write it.
        rows = [
            tag("div", row, tag("p", "The head learns: ", tag("bdi", tag("code", shown.answer))))
            for row, shown in zip(rows, view.rows, strict=True)
        ]
        first = ["A linear layer on the last token learns the label; no token is trained. "]
    else:
        first = [
            tag("span", "trained", class_="tl-piece trained"),
            ": the model learns to write these tokens. ",
        ]
    legend = tag(
        "p",
        *first,
        tag("span", "control token", class_="tl-piece special"),
        ": added by the chat template. All other tokens are read, not trained.",
        class_="tl-help",
    )
    return join([tag("h3", f"The first {len(rows)} training rows, token by token"), legend, *rows])


def _line(line: Any) -> Markup:
    """A line in the direction of its letters."""
    direction = "rtl" if line.right_to_left else "ltr"
    return tag("div", *map(_piece, line.pieces), class_="tl-reading", dir=direction)


def _piece(piece: Any) -> Markup:
    kind = "trained" if piece.trained else "special" if piece.control else "read"
    words = ", ".join(
        word
        for word, is_so in (("trained", piece.trained), ("control token", piece.control))
        if is_so
    )
    ids = " ".join(map(str, piece.ids))
    title = f"{'id' if len(piece.ids) == 1 else 'ids'} {ids}" + (f", {words}" if words else "")
    shown = piece.text.replace("\n", "⏎")
    # A control token joins no letters and keeps its own direction.
    name = "bdi" if piece.control else "span"
    return tag(name, shown, class_=f"tl-piece {kind}", title=title)


def draw_run(folder: Path) -> Markup:
    """State, progress, losses and the end of the log."""
    state, progress = job.state(folder), read_progress(folder)
    return join([_state(folder, state, progress), draw_losses(progress.losses), _log(folder)])


def draw_losses(losses: Sequence[Loss]) -> Markup:
    """Loss and perplexity by step."""
    splits = ("train", "validation")
    return tag(
        "div",
        line_chart(
            "Loss (nats a token)",
            {
                split: [(loss.step, loss.loss) for loss in losses if loss.split == split]
                for split in splits
            },
            x="step",
        ),
        line_chart(
            "Perplexity",
            {
                split: [
                    (loss.step, loss.perplexity)
                    for loss in losses
                    if loss.split == split and loss.perplexity is not None
                ]
                for split in splits
            },
            x="step",
        ),
        class_="tl-charts",
    )


def _state(folder: Path, state: job.State, progress: Progress) -> Markup:
    share = 1.0 if state == "finished" else progress.share
    words: list[str] = [tag("strong", f"{folder.name}: {_WORDS[state]}")]
    if state in ("running", "stopping"):
        words.append(f" – {progress.doing}")
        if progress.epoch is not None and progress.epochs:
            words.append(f", epoch {progress.epoch:.1f} of {progress.epochs:g}")
    if state == "failed":
        words.append(f": {job.problem(folder)}")
    if state == "finished":
        words += [". ", link(f"/report/{folder.name}", "Open the report")]
    return tag(
        "div",
        tag("p", *words),
        tag(
            "div",
            tag("span", class_="tl-fill", style=f"width:{100 * share:.1f}%"),
            class_="tl-track",
            role="progressbar",
            aria_label=f"Progress of {folder.name}",
            aria_valuemin=0,
            aria_valuemax=100,
            aria_valuenow=round(100 * share),
        ),
        class_=f"tl-state tl-{state}",
        data_state=state,
    )


def _log(folder: Path) -> Markup:
    tail = job.log_tail(folder)
    if not tail:
        return Markup("")
    return tag("details", tag("summary", "Log"), tag("pre", tail, tabindex="0"))
