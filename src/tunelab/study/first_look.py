"""Look at a file of labelled texts, and propose a study for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from tunelab.data.checks import check
from tunelab.data.column_guess import propose_columns
from tunelab.data.examples import SPLITS, Dataset, label_counts
from tunelab.data.readers import read_rows
from tunelab.data.scripts import script_shares
from tunelab.data.sources import open_source, source_kind
from tunelab.data.splitting import complete_splits
from tunelab.errors import UsageError
from tunelab.evaluation.statistics.power import power_of_rows
from tunelab.study.opening import merge_sections, read_preset

# Rows by which the columns are told.
_ROWS_OF_COLUMNS = 5_000
# A study that is proposed takes at most so many rows, so that it ends within minutes.
MOST = {"train": 900, "validation": 150, "test": 300}
# The preset that a proposed study starts from.
PRESET = "own"
# A label with fewer training rows is named as rare.
RARE = 8
# Tokens a second on two cores with AVX2: fine-tuning SmolLM2-135M with LoRA and an encoder of 22 M
# parameters, and asking SmolLM2.
_TRAINED_PER_SECOND = 220.0
_ENCODER_PER_SECOND = 900.0
_ASKED_PER_SECOND = 700.0
_START_SECONDS = 60.0
# UTF-8 bytes of a token of SmolLM2: of text in Latin letters, and of any other.
_LATIN_BYTES, _OTHER_BYTES = 3.5, 1.7


@dataclass(frozen=True)
class FirstLook:
    """What a file holds, and the study that fits it.

    ``source`` is the file or folder. ``labels`` counts the rows of each label in the whole data.
    ``rows`` counts the rows of each split, drawn ones included; ``sample`` those that the study
    takes. ``seconds`` estimates how long the study takes on two cores; ``decides`` is the smallest
    difference of accuracies that its test rows decide in half of all studies, None where they
    decide none.
    """

    source: str
    columns: tuple[str, ...]
    text: str
    label: str
    other_labels: tuple[str, ...]
    labels: Mapping[str, int]
    rare: tuple[str, ...]
    rows: Mapping[str, int]
    sample: Mapping[str, int]
    drawn: tuple[str, ...]
    scripts: Mapping[str, float]
    characters: tuple[int, int]
    repeated: int
    conflicting: int
    blank: int
    max_length: int
    seconds: float
    decides: float | None
    notes: tuple[str, ...]


def look_at(
    source: str, *, text: str | None = None, label: str | None = None, seed: int = 42
) -> FirstLook:
    """Read a file or a folder, find its columns, count its labels, and size a study for it.

    ``text`` and ``label`` name the columns; those that are not named are proposed from names and
    values.

    Raises:
        UsageError: the file cannot be read, or no column looks like texts, or like labels.
    """
    columns, text, label, others = _columns(source, text, label)
    dataset = open_source(source, text=text, label=label)
    given = [split for split in SPLITS if dataset.splits[split]]
    report = check(dataset)
    dataset = complete_splits(dataset, seed)
    rows = [row for split in SPLITS for row in dataset.splits[split]]
    texts = [row.text for row in rows]
    sizes = {split: len(dataset.splits[split]) for split in SPLITS}
    sample = {split: min(MOST[split], sizes[split]) for split in SPLITS}
    counts = label_counts(rows, dataset.labels)
    longest = _longest_tokens(texts)
    room = max(16, *(_tokens(name) for name in dataset.labels))
    instruction = 30 + sum(_tokens(name) + 1 for name in dataset.labels)
    return FirstLook(
        source=source,
        columns=columns,
        text=text,
        label=label,
        other_labels=others,
        labels=counts,
        rare=_rare(dataset),
        rows=sizes,
        sample=sample,
        drawn=tuple(split for split in SPLITS if split not in given and sizes[split]),
        scripts=script_shares(texts),
        characters=(int(median(map(len, texts))), max(map(len, texts))),
        repeated=report.repeated["train"],
        conflicting=report.conflicting,
        blank=sum(report.blank.values()),
        max_length=_round_up(instruction + longest + room, 32),
        seconds=_seconds(sample, texts, instruction),
        decides=power_of_rows(sample["test"]).decides,
        notes=tuple(dataset.notes),
    )


def _columns(
    source: str, text: str | None, label: str | None
) -> tuple[tuple[str, ...], str, str, tuple[str, ...]]:
    """All columns, that of the texts, that of the labels, and others that could hold labels."""
    kind = source_kind(source)
    if kind not in ("file", "folder"):
        raise UsageError(f"{source} is not a file or a folder; name a file with texts and labels.")
    some = list(islice(_some_rows(Path(source).expanduser()), _ROWS_OF_COLUMNS))
    names = tuple(dict.fromkeys(str(name) for row in some for name in row))
    for option, given in (("text", text), ("label", label)):
        if given is not None and given not in names:
            from tunelab.registry import unknown

            raise UsageError(f"--{option}: {unknown('column', given, names)}")
    proposal = propose_columns(some)
    if text is None:
        text = proposal.text
        if text == label:
            text = propose_columns(_without(label, some)).text
    candidates = [one for one in (proposal.label, *proposal.others) if one and one != text]
    others = tuple(candidates[1:]) if label is None else ()
    label = label or next(iter(candidates), None)
    if text is None or label is None or text == label:
        problem = proposal.problem or "The columns of the texts and of the labels are not clear."
        advice = (
            f" Name both: tunelab init {source} --text COLUMN --label COLUMN."
            if proposal.nameable
            else ""
        )
        raise UsageError(f"{source}: {problem.rstrip('.')}.{advice}")
    return names, text, label, others


def _without(column: str | None, rows: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    return ({name: value for name, value in row.items() if name != column} for row in rows)


def _some_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    if path.is_dir():
        from tunelab.data.folder_source import split_files

        path = split_files(path)["train"][0]
    return (row for _, row in read_rows(path))


def _rare(dataset: Dataset) -> tuple[str, ...]:
    counts = label_counts(dataset.splits["train"], dataset.labels)
    return tuple(label for label, count in counts.items() if count < RARE)


def _tokens(text: str) -> float:
    """About how many tokens of SmolLM2 a text has, without opening the tokenizer."""
    latin = sum(character < "\u0250" for character in text)
    return latin / _LATIN_BYTES + (len(text.encode()) - latin) / _OTHER_BYTES


def _longest_tokens(texts: Iterable[str]) -> float:
    """The tokens that 98 of 100 texts have at most, 400 at the most."""
    sizes = sorted(map(_tokens, texts))
    return min(400.0, sizes[int(0.98 * (len(sizes) - 1))])


def _round_up(value: float, step: int) -> int:
    return int(-(-value // step) * step)


def _seconds(sample: Mapping[str, int], texts: list[str], instruction: float) -> float:
    """How long the study takes on two cores: training, asking twice, and the start."""
    mean = sum(min(400.0, _tokens(text)) for text in texts) / len(texts) + 6
    preset = read_preset(PRESET)
    training = preset["training"]
    epochs, batch_size = int(training["epochs"]), int(training["batch_size"])
    behind = instruction / batch_size
    trained = epochs * (sample["train"] + 2 * sample["validation"]) * (mean + behind)
    asked = 2 * 2 * sample["test"] * (mean + 6)
    encoder = sum(
        float(entry["epochs"]) * (sample["train"] + sample["validation"] / 2) * min(256.0, mean)
        for entry in preset["classifiers"]
        if "epochs" in entry
    )
    return float(
        _START_SECONDS
        + trained / _TRAINED_PER_SECOND
        + encoder / _ENCODER_PER_SECOND
        + asked / _ASKED_PER_SECOND
    )


def propose_study(look: FirstLook, name: str) -> dict[str, Any]:
    """The preset for own data with the columns, rows and length that fit what was seen."""
    return merge_sections(
        read_preset(PRESET),
        {
            "name": name,
            "data": {
                "source": look.source,
                "text": look.text,
                "label": look.label,
                # Of a handful of rows none may be left for a split; all of none are none.
                "sample": {split: count or "all" for split, count in look.sample.items()},
            },
            "prompt": {"max_length": look.max_length},
        },
    )


def describe(look: FirstLook) -> list[str]:
    """What was seen and what is taken, a sentence each."""
    return [*first_lines(look), *last_lines(look)]


def plain_name(source: str) -> str:
    """A name for the study of a file: the file's own, in the letters that a name may have."""
    stem = Path(source).expanduser().resolve().name.split(".")[0]
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in stem)
    return plain.strip("-_")[:80] or "study"


def first_lines(look: FirstLook) -> list[str]:
    """What was seen in the file: rows, columns, texts."""
    middle, longest = look.characters
    scripts = ", ".join(f"{name} {share:.0%}" for name, share in list(look.scripts.items())[:4])
    lines = [
        f"{look.source}: {sum(look.rows.values()):,} rows; columns: {', '.join(look.columns)}.",
        f"Texts: column {look.text!r}, {middle:,} characters in the median, {longest:,} at most"
        + (f"; letters: {scripts}." if scripts else "; no letters."),
        f"Labels: column {look.label!r}, {len(look.labels)} different ones.",
    ]
    if look.other_labels:
        names = ", ".join(look.other_labels[:5])
        lines.append(f"Other columns that could be the labels: {names} (--label COLUMN).")
    return [*lines, *look.notes]


def last_lines(look: FirstLook) -> list[str]:
    """What to know before a run: rare labels, faults, splits, what the test rows decide."""
    lines = []
    if look.rare:
        names = ", ".join(look.rare[:8]) + (" and more" if len(look.rare) > 8 else "")
        lines.append(f"Few training rows, so hard to learn and to measure: {names}.")
    faults = [
        f"{count:,} {name}"
        for count, name in (
            (look.repeated, "repeated"),
            (look.conflicting, "with several labels"),
            (look.blank, "blank"),
        )
        if count
    ]
    if faults:
        lines.append(f"Faulty texts, left out of training: {', '.join(faults)}.")
    sizes = ", ".join(f"{split} {count:,}" for split, count in look.sample.items())
    drawn = f" ({' and '.join(look.drawn)} drawn from the training rows)" if look.drawn else ""
    lines.append(f"The study takes: {sizes}{drawn}.")
    return [*lines, *power_of_rows(look.sample["test"]).sentences()]
