"""Export a classifier in a format, prove by its own runtime that it answers alike, and keep it."""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from tunelab.classifiers import stored
from tunelab.classifiers.measured import watch_work
from tunelab.errors import RunError, UsageError
from tunelab.guards.bounded_files import read_bounded, within
from tunelab.guards.file_modes import follow_umask
from tunelab.library_warnings import hide_library_warnings
from tunelab.numbers import counted
from tunelab.runs.folder_size import folder_bytes
from tunelab.runs.results import ADAPTER_RECORD, disk_failure, read_json, write_json, write_text
from tunelab.runs.seals import FILES, SEAL, file_hashes, find_damage, is_intact, sealed
from tunelab.serving.cards import CARD
from tunelab.serving.exported_card import proven_card
from tunelab.serving.formats.contract import (
    Format,
    Source,
    check_installed,
    choose_format,
    choose_type,
    find_format,
)
from tunelab.serving.name_lock import name_locked
from tunelab.serving.own_runtime import OwnAnswers, run_code
from tunelab.serving.proof import Proof, ask_reference, compare_answers
from tunelab.serving.proof_rows import ProofRows, rows_of_run, sample_rows

_log = logging.getLogger(__name__)

PROOF = "proof.json"
MARGIN = 0.01
_LARGEST_CARD = 1_000_000


@dataclass(frozen=True)
class Exported:
    """A folder with an exported classifier, its proof and what the format says, as JSON values."""

    format: str
    type: str
    proof: Mapping[str, Any]
    about: Mapping[str, Any] = field(default_factory=dict)


def export_classifier(
    classifier: Path,
    out: Path,
    *,
    format: str | None = None,
    type: str | None = None,
    rows: ProofRows | None = None,
    margin: float = MARGIN,
    force: bool = False,
    device: str = "cpu",
) -> Exported:
    """Write a classifier in a format, and keep it if its own runtime answers as tunelab does.

    ``format``: None for the first that can hold it; ``type`` of weights: None for the format's
    default. ``rows``: None for the test rows of its run. The accuracy may differ by ``margin``, and
    without true labels that share of the labels; with ``force`` what differs by more is kept too.
    ``device``: where the classifier is opened, which merging uses.
    A folder that already is this export is kept as it is; with other rows or another margin its
    proof is made anew.

    Raises:
        UsageError: the format cannot hold the classifier, its runtime is not installed, or ``out``
            holds something, or is no name of a folder.
        RunError: it does not answer alike, cannot be written, or another process exports to it;
            nothing stays of it. An export that was there before stays as it was.
    """
    record = stored.read_record(classifier)
    if not 0 <= margin < 1:
        raise UsageError(f"--margin is {margin:g}; it must be a share from 0 to less than 1.")
    if format is not None:
        choose_type(find_format(format), type)
        check_installed(find_format(format))
    if out.name in ("", ".."):
        raise UsageError(f"OUT is {out}; give the export a folder with a name of its own.")
    with name_locked(out):
        kept = None
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            kept = _exported_before(record, out, format, type)
            format, type = str(kept["export"]), str(kept["type"])
            known = (rows or rows_of_run(classifier) or sample_rows()).first(
                find_format(format).most_rows
            )
            if kept.get("proven_on") == _proven_on(known, margin):
                return _as_exported(kept, out, force=force)
        watch = watch_work(device)
        with hide_library_warnings():
            fitted = stored.open_classifier(classifier, device=device, dtype="float32")
            source = Source(classifier, record, fitted, device)
            chosen = choose_format(source, format)
        used = choose_type(chosen, type)
        check_installed(chosen)
        asked = (rows or rows_of_run(classifier) or sample_rows()).first(chosen.most_rows)
        _log.info(
            "exporting %s as %s (%s); asking it for %s first",
            *(fitted.name, chosen.name, used, counted(len(asked.texts), "label")),
        )
        reference = ask_reference(fitted, asked.texts)
        memory = watch()["memory_bytes"]
        fresh = out.with_name(f".{out.name}.part")
        shutil.rmtree(fresh, ignore_errors=True)
        folder = out if kept else fresh
        try:
            if kept:
                about = kept.get("about", {})
            else:
                fresh.mkdir(parents=True)
                with hide_library_warnings():
                    about = chosen.write(source, fresh, used)
            chosen = replace(chosen, code=chosen.code_for(about))
            code = f"{chosen.code}\n{chosen.prompt_ids}"
            _log.info("asking the export by its own runtime")
            found = _parsed(chosen, fitted.labels, run_code(folder, code, asked.texts))
            proof = compare_answers(
                reference,
                found,
                asked,
                margin=margin,
                allowed=chosen.types[used],
                no_probabilities=chosen.no_probabilities,
                memory_before=memory,
                bytes_before=folder_bytes(classifier) + fitted.size.model_bytes,
                bytes_after=kept["proof"]["after"]["bytes"] if kept else folder_bytes(fresh),
            )
            if proof.failed is not None and not force:
                raise RunError(
                    f"{classifier.name} as {chosen.name} ({used}) does not answer alike: "
                    f"{proof.failed}. {'The new proof' if kept else 'It'} was not kept; choose "
                    "another type, or keep it with --force."
                )
            names = list(kept[FILES]) if kept else _files_of(fresh)
            _describe(source, folder, chosen, used, proof, about, names, _proven_on(asked, margin))
            if not kept:
                follow_umask(fresh)
                if out.is_dir():
                    out.rmdir()
                fresh.replace(out)
        except Exception as error:
            if (reason := disk_failure(error)) is None:
                raise
            raise RunError(f"cannot write {out}: {reason}.") from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return Exported(chosen.name, used, proof.to_dict(), about)


def _parsed(chosen: Format, labels: tuple[str, ...], found: OwnAnswers) -> OwnAnswers:
    """The answers with their labels as tunelab reads them, where the code gives raw ones."""
    if chosen.parse is None or found.answers is None:
        return found
    parse = chosen.parse
    read = tuple(parse(answer, labels) for answer in found.answers)
    return OwnAnswers(**{**vars(found), "labels": read})


def _exported_before(
    classifier: Mapping[str, Any], out: Path, format: str | None, type: str | None
) -> dict[str, Any]:
    """The record of the export of this classifier to this folder.

    Raises:
        UsageError: it holds something else.
        RunError: a file of an export was changed since.
    """
    path = out / ADAPTER_RECORD
    record = read_json(path) if path.is_file() else None
    if isinstance(record, dict) and SEAL in record:
        damaged = find_damage(out, record[FILES]) if is_intact(record) else path
        if damaged is not None:
            raise RunError(f"{damaged} is missing or was changed; remove {out} and export again.")
        same = SEAL in classifier and record.get("adapter") == classifier[SEAL]
        named = format in (None, record.get("export"))
        if same and named and type in (None, record.get("type")) and "proof" in record:
            return record
    raise UsageError(f"{out} holds something already; name a folder that does not exist.")


def _as_exported(record: Mapping[str, Any], out: Path, *, force: bool) -> Exported:
    """An export that was proven before on the same rows.

    Raises:
        RunError: its proof failed, and it was kept by force.
    """
    failed = record["proof"]["failed"]
    if failed is not None and not force:
        raise RunError(
            f"{out} holds this export, and its proof failed: {failed}. Remove it and choose "
            "another type, or continue with --force."
        )
    return Exported(record["export"], record["type"], record["proof"], record.get("about", {}))


def _proven_on(rows: ProofRows, margin: float) -> dict[str, Any]:
    """What tells a proof on other rows or with another margin from this one."""
    content = json.dumps([rows.texts, rows.truth]).encode("ascii")
    return {"rows": sha256(content).hexdigest(), "margin": margin}


def _files_of(folder: Path) -> list[str]:
    """The files of an export, with those that describe it."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return sorted(found | {CARD, PROOF})


def _card_of(folder: Path) -> str:
    """The card of a classifier; empty where it has none that can be read as one."""
    try:
        return read_bounded(within(folder, folder / CARD), _LARGEST_CARD).decode("utf-8")
    except (OSError, UsageError, UnicodeDecodeError):
        return ""


def _describe(
    source: Source,
    folder: Path,
    chosen: Format,
    type: str,
    proof: Proof,
    about: Mapping[str, Any],
    names: Sequence[str],
    proven_on: Mapping[str, Any],
) -> None:
    name = source.folder.resolve().name
    write_text(
        folder / CARD,
        proven_card(
            _card_of(source.folder),
            name=name,
            labels=source.fitted.labels,
            format=chosen,
            type=type,
            proof=proof,
            note=str(about.get("note", "")),
        ),
    )
    write_json(folder / PROOF, proof.to_dict())
    exported = {
        "version": 1,
        "exported_from": name,
        "adapter": source.record.get(SEAL),
        "export": chosen.name,
        "type": type,
        "labels": list(source.fitted.labels),
        "about": dict(about),
        "proof": proof.to_dict(),
        "proven_on": dict(proven_on),
    }
    write_json(folder / ADAPTER_RECORD, sealed(exported, file_hashes(folder, names)))
