"""What Fine-tune shows of its data before anything runs: columns, labels, and the instruction."""

from collections.abc import Sequence

from tunelab.app.markup import Markup, join, notice, tag
from tunelab.app.uploads import Labels, Upload
from tunelab.data.column_guess import is_like_ids
from tunelab.prompts.conversation import LABELS_FIELD, write_instruction

_MOST_LABELS = 20
_MOST_NOTES = 20
_LONGEST_INSTRUCTION = 700


def draw_upload(name: str, upload: Upload) -> Markup:
    """The size of a file, and which columns were proposed or why none was."""
    rows = "1 row" if upload.rows == 1 else f"{upload.rows:,} rows"
    columns = "1 column" if len(upload.columns) == 1 else f"{len(upload.columns):,} columns"
    proposal = upload.proposal
    words = [tag("bdi", tag("strong", name), dir="ltr"), f": {rows}, {columns}. "]
    if proposal.problem is not None:
        return join([tag("p", *words), notice(proposal.problem)])
    words += [
        *("Proposed: the texts are in ", _quoted(proposal.text), ", the labels in "),
        *(_quoted(proposal.label), ". "),
    ]
    if proposal.others:
        others = [part for other in proposal.others[:4] for part in (", ", _quoted(other))][1:]
        words += ["Also possible for the labels: ", *others, "."]
    return tag("p", *words)


def draw_labels(label: str, labels: Labels) -> Markup:
    """Each label with its number of rows, or a warning where they tell rows apart."""
    counts = labels.counts
    if is_like_ids(counts):
        return notice(
            f"The column {label!r} has {len(counts):,} different values in "
            f"{sum(counts.values()):,} rows. These look like ids or texts, not labels; choose "
            "another column."
        )
    shown = list(counts.items())[:_MOST_LABELS]
    chips = [tag("li", tag("bdi", name), " ", tag("small", f"{rows:,}")) for name, rows in shown]
    more = len(counts) - len(shown)
    if more:
        chips.append(tag("li", f"and {more:,} more"))
    number = "1 label" if len(counts) == 1 else f"{len(counts):,} labels"
    return join(
        [
            tag("p", f"{number}, with their rows:"),
            tag("ul", *chips, class_="tl-chips"),
            draw_notes(labels.notes),
        ]
    )


def draw_notes(notes: Sequence[str]) -> Markup:
    """What is unusual about the data, a sentence each."""
    shown = [tag("li", sentence, dir="auto") for sentence in notes[:_MOST_NOTES]]
    if len(notes) > _MOST_NOTES:
        shown.append(tag("li", f"and {len(notes) - _MOST_NOTES:,} more"))
    if not shown:
        return Markup("")
    return tag("div", tag("ul", *shown), class_="tl-notice tl-note", role="status")


def draw_instruction(system: str, labels: list[str]) -> Markup:
    """The instruction as the model reads it, and a word if it leaves the labels out."""
    written = write_instruction(system, labels)
    if len(written) > _LONGEST_INSTRUCTION:
        written = written[:_LONGEST_INSTRUCTION] + " …"
    parts = [tag("p", "The model reads:"), tag("blockquote", written, dir="auto")]
    if LABELS_FIELD not in system:
        parts.append(
            notice(
                f"The instruction does not contain {LABELS_FIELD}, so the model is not told which "
                "labels there are.",
                "note",
            )
        )
    return join(parts)


def _quoted(name: str | None) -> Markup:
    return tag("bdi", tag("code", name))
