"""Run folders: those that the report and the app open, and those that a study goes on in."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile.cases import Case, harmless, refused
from hostile.data import repeated_text
from tunelab.app.names import classifier_names, report_path, run_folder, run_names
from tunelab.app.studies import overview
from tunelab.report.build import build_report
from tunelab.runs.results import Result, complete_result, read_json, read_table, save_result
from tunelab.runs.run_folder import read_run
from tunelab.runs.stages import locked, replace_folder, run_stage

_RECORD = {"version": 1, "stage": "prepare", "name": "data", "hash": "h", "status": "complete"}
_INDEX = {"stages": [], "prepare": "prepare/data", "failures": [], "study_hash": "x"}


def write_run(folder: Path) -> Path:
    """A run folder in which nothing but the preparation has finished."""
    stage = folder / "prepare" / "data"
    stage.mkdir(parents=True)
    (stage / "result.json").write_text(json.dumps(_RECORD))
    (folder / "study.yaml").write_text("name: x\n")
    (folder / "environment.json").write_text("{}")
    (folder / "run.json").write_text(json.dumps(_INDEX))
    return folder


def _spoiled(
    spoil: Callable[[Path], Any], use: Callable[[Path], Any] = read_run
) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        run = write_run(folder / "runs" / "run")
        (folder / "secret.json").write_text(json.dumps({"password": "hunter2"}))
        (folder / "outside").mkdir()
        spoil(run)
        return use(run)

    return give


def _write(name: str, content: str | bytes) -> Callable[[Path], Any]:
    return lambda run: (run / name).write_bytes(
        content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    )


def _index(**changes: Any) -> Callable[[Path], Any]:
    return _write("run.json", json.dumps({**_INDEX, **changes}))


def _record(**changes: Any) -> Callable[[Path], Any]:
    return _write("prepare/data/result.json", json.dumps({**_RECORD, **changes}))


def _link(name: str, target: str) -> Callable[[Path], Any]:
    def spoil(run: Path) -> None:
        path = run / name
        if path.exists():
            path.unlink()
        path.symlink_to(target)

    return spoil


def _pipe(name: str) -> Callable[[Path], Any]:
    def spoil(run: Path) -> None:
        (run / name).unlink()
        os.mkfifo(run / name)

    return spoil


def _stage(run: Path) -> Any:
    def work(folder: Path) -> dict[str, Any]:
        _write_letter(folder)
        return {}

    return run_stage(run, "train", "lora", {}, work)


def _write_letter(folder: Path) -> None:
    (folder / "a").write_text("x")


def _linked_stage(run: Path) -> None:
    from tunelab.config import fingerprint
    from tunelab.runs.stages import FORMAT

    hash = fingerprint({"format": FORMAT, "stage": "train", "name": "lora"})
    (run / "train").mkdir()
    (run / "train" / f"lora-{hash[:12]}").symlink_to("../../../outside")


def _hold(run: Path) -> Any:
    with locked(run):
        return (run.parent.parent / "secret.json").read_text()


def _report(run: Path) -> Any:
    return build_report(run)


def _app_run(run: Path) -> Any:
    return run_names(run.parent)


def _linked_run(run: Path) -> None:
    write_run(run.parent.parent / "elsewhere")
    (run.parent / "linked").symlink_to("../elsewhere")


def _linked_adapter(run: Path) -> None:
    (run.parent.parent / "outside" / "tunelab.json").write_text("{}")
    (run / "adapters").mkdir()
    (run / "adapters" / "evil").symlink_to("../../../outside")


def _linked_report(run: Path) -> None:
    (run / "report.html").symlink_to("../../secret.json")


def _adapters(run: Path) -> Any:
    return replace_folder(run / "adapters" / "lora", _write_letter)


_OUT = "leads out"
_DAMAGED = "is damaged"
_HTML = "<script>alert(1)</script>"

CASES: list[Case] = [
    harmless(
        "a run of which little has finished",
        lambda run: not run.evaluated,
        _spoiled(lambda run: run),
    ),
    refused("a stage above the folder", _OUT, _spoiled(_index(stages=["../.."]))),
    refused("a stage by an absolute path", _OUT, _spoiled(_index(stages=["/etc"]))),
    refused(
        "a stage that is a link out",
        _OUT,
        _spoiled(lambda run: (_index(stages=["a"])(run), (run / "a").symlink_to("../../outside"))),
    ),
    refused(
        "a record that is a link out",
        _OUT,
        _spoiled(_link("prepare/data/result.json", "../../../../secret.json")),
    ),
    refused(
        "a table that is a link out",
        _OUT,
        _spoiled(_link("prepare/data/predictions.parquet", "/etc/passwd")),
    ),
    refused("a study that is a link out", _OUT, _spoiled(_link("study.yaml", "../../secret.json"))),
    refused(
        "an environment that is a link out",
        _OUT,
        _spoiled(_link("environment.json", "../../secret.json")),
    ),
    refused("an index that is a link out", _OUT, _spoiled(_link("run.json", "../../secret.json"))),
    refused(
        "an index that is a link to itself",
        "not a run folder",
        _spoiled(_link("run.json", "run.json")),
    ),
    refused(
        "an index that is a device", "not a run folder", _spoiled(_link("run.json", "/dev/zero"))
    ),
    refused("an index that is a pipe", "not a run folder", _spoiled(_pipe("run.json"))),
    refused(
        "an environment that is a pipe", "not a regular file", _spoiled(_pipe("environment.json"))
    ),
    refused(
        "a record that is a pipe", "not a regular file", _spoiled(_pipe("prepare/data/result.json"))
    ),
    refused(
        "figures that are a link out", _OUT, _spoiled(_link("figures", "../../outside"), _report)
    ),
    refused("stages that are a number", _DAMAGED, _spoiled(_index(stages=7))),
    refused("stages that are numbers", "is missing", _spoiled(_index(stages=[7]))),
    refused("failures that are words", _DAMAGED, _spoiled(_index(failures=["x"]))),
    refused("failures without a name", _DAMAGED, _spoiled(_index(failures=[{}]))),
    refused("an index that is a list", _DAMAGED, _spoiled(_write("run.json", "[]"))),
    refused("a deep index", _DAMAGED, _spoiled(_write("run.json", "[" * 100_000))),
    refused("a number of 10,000 digits", _DAMAGED, _spoiled(_write("run.json", "9" * 10_000))),
    refused("bytes of no text", _DAMAGED, _spoiled(_write("run.json", b"\xff\xfe"))),
    refused("a stage of NUL", _OUT, _spoiled(_index(stages=["a\0b"]))),
    refused(
        "a record that is a list", _DAMAGED, _spoiled(_write("prepare/data/result.json", "[]"))
    ),
    refused("a record of another version", "has version 99", _spoiled(_record(version=99))),
    refused("a record of a version that is a list", "has version", _spoiled(_record(version=[1]))),
    refused(
        "a study with a tag",
        "tag",
        _spoiled(_write("study.yaml", "name: !!python/name:os.system\n")),
    ),
    refused(
        "a study with anchors", "anchors", _spoiled(_write("study.yaml", "a: &a [1]\nb: *a\n"))
    ),
    refused("a record without values, to report", _DAMAGED, _spoiled(lambda run: run, _report)),
    refused(
        "a record of other values, to report",
        _DAMAGED,
        _spoiled(
            _record(
                origin=7, counts=[], checks="x", labels=None, licence=[], dropped=3, content_hash={}
            ),
            _report,
        ),
    ),
    refused(
        "a study whose keys are unknown, to report",
        "unknown key|is damaged",
        _spoiled(_write("study.yaml", "evil: 1\n"), _report),
    ),
    refused("a stage to write that is a link out", _OUT, _spoiled(_linked_stage, _stage)),
    refused(
        "adapters to write that are a link out",
        _OUT,
        _spoiled(_link("adapters", "../../outside"), _adapters),
    ),
    refused(
        "a lock that is a link out",
        "cannot lock",
        _spoiled(_link(".lock", "../../secret.json"), _hold),
    ),
    harmless(
        "a record that claims to be complete is not taken for another's",
        lambda found: found is None,
        _spoiled(lambda run: run, lambda run: complete_result(run / "prepare/data", "other")),
    ),
    harmless(
        "a damaged record is no complete one",
        lambda found: found is None,
        _spoiled(
            _write("prepare/data/result.json", "[" * 100_000),
            lambda run: complete_result(run / "prepare/data", "h"),
        ),
    ),
    refused(
        "a table that is no Parquet",
        _DAMAGED,
        lambda folder: ((folder / "a").write_bytes(b"PAR1"), read_table(folder / "a")),
    ),
    refused(
        "a table that is a bomb",
        "small file that becomes",
        lambda folder: (repeated_text(folder / "a"), read_table(folder / "a")),
    ),
    refused(
        "a table that is a device", "not a regular file", lambda _: read_table(Path("/dev/zero"))
    ),
    refused("JSON of a device", "not a regular file", lambda _: read_json(Path("/dev/zero"))),
    refused("JSON of a folder", "not a regular file", read_json),
    harmless(
        "a run elsewhere is not on the app's list",
        lambda names: names == ["run"],
        _spoiled(_linked_run, _app_run),
    ),
    refused(
        "a run elsewhere is not opened by the app",
        "choose the run",
        _spoiled(_linked_run, lambda run: run_folder(run.parent, "linked")),
    ),
    refused(
        "a run above the runs",
        "choose the run",
        _spoiled(lambda run: run, lambda run: run_folder(run.parent, "../elsewhere")),
    ),
    harmless(
        "an adapter elsewhere is not on the app's list",
        lambda names: names == [],
        _spoiled(_linked_adapter, lambda run: classifier_names(run.parent)),
    ),
    harmless(
        "a report elsewhere is not served",
        lambda path: path is None,
        _spoiled(_linked_report, lambda run: report_path(run.parent, "run")),
    ),
    harmless(
        "a damaged run does not spoil the app's list",
        lambda page: "run" in page,
        _spoiled(_index(stages=["../.."]), lambda run: overview(run.parent)),
    ),
    harmless(
        "HTML in a record is a text on the app's list",
        lambda page: "<script" not in page,
        _spoiled(
            lambda run: (
                (run / "evaluate" / "a").mkdir(parents=True),
                save_result(
                    Result(
                        "evaluate",
                        _HTML,
                        "h",
                        "complete",
                        {"scores": {"accuracy": 1.0}},
                        run / "evaluate" / "a",
                    )
                ),
                _index(stages=["evaluate/a"])(run),
            ),
            lambda run: overview(run.parent),
        ),
    ),
]
