"""Rows for several people at once, what is kept of their answers, and what a kill leaves."""

import json
import multiprocessing
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import pytest

from tunelab.errors import UsageError
from tunelab.labelling.agreement import agreements, different, kappa_of
from tunelab.labelling.project import LEASE, About, Project, start_project
from tunelab.labelling.queue import Queue, Said, SourceRow, order_rows
from tunelab.labelling.records import settled

LABELS = ("fear", "joy")
ABOUT = About(LABELS, "first / lora", "rows.csv", "2026-01-01T00:00:00Z", "No drift.", "Unknown.")


def made_queue(texts: Sequence[str]) -> Queue:
    said = Said("joy", {"fear": 0.4, "joy": 0.6})
    return order_rows(
        [SourceRow(number, text) for number, text in enumerate(texts, 1)],
        [said] * len(texts),
        LABELS,
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return start_project(tmp_path / "mine", made_queue([f"text {n}" for n in range(6)]), ABOUT)


def _id(project: Project, who: str, now: float = 0.0) -> str:
    row = project.next_row(who, now=now)
    assert row is not None
    return row.id


def _lines(project: Project) -> list[dict[str, object]]:
    content = (project.folder / "labels.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in content.split("\n")[:-1]]


def test_a_record_has_text_label_who_when_row_and_what_was_said(project: Project) -> None:
    row = _id(project, "Ann")
    project.label(" Ann ", row, "joy", now=86_400.0)
    (found,) = _lines(project)
    assert found.pop("id")
    assert found == {
        "action": "label",
        "row": row,
        "number": 1,
        "text": "text 0",
        "label": "joy",
        "who": "Ann",
        "when": "1970-01-02T00:00:00Z",
        "said": {"classifier": "first / lora", "label": "joy", "probability": 0.6},
        "undoes": None,
    }


def test_two_people_get_different_rows_and_each_keeps_theirs(project: Project) -> None:
    ann, ben = _id(project, "Ann"), _id(project, "Ben")
    assert ann != ben
    # A reload, also by another process that opens the folder anew.
    assert _id(Project(project.folder), "Ann", now=LEASE / 2) == ann
    assert _id(project, "Ben", now=LEASE / 2) == ben


def test_a_reservation_ends(project: Project) -> None:
    row = _id(project, "Ann")
    assert _id(project, "Ben", now=LEASE - 1) != row
    assert _id(project, "Cem", now=LEASE + 1) == row
    # It is Cem's now, and Ann goes on with another row.
    assert _id(project, "Ann", now=LEASE + 2) not in (row, _id(project, "Ben", now=LEASE + 2))
    # Ann's label of the row, which still stood on her page, is kept beside Cem's.
    project.label("Ann", row, "joy")
    project.label("Cem", row, "fear")
    assert project.history().labels(row) == {"Ann": "joy", "Cem": "fear"}


def test_a_skipped_row_goes_to_others(project: Project) -> None:
    row = _id(project, "Ann")
    project.skip("Ann", row)
    assert _id(project, "Ann") != row
    assert _id(project, "Ben") == row


def test_a_skip_leaves_the_own_label(project: Project) -> None:
    row = _id(project, "Ann")
    project.label("Ann", row, "joy")
    project.label("Ben", row, "fear")
    project.skip("Ann", row)
    assert project.history().labels(row) == {"Ann": "joy", "Ben": "fear"}
    project.undo("Ann")
    project.undo("Ann")
    assert project.history().labels(row) == {"Ben": "fear"}


def test_undo_is_a_record_and_the_row_comes_again(project: Project) -> None:
    first = _id(project, "Ann")
    project.label("Ann", first, "joy")
    second = _id(project, "Ann")
    project.skip("Ann", second)
    project.undo("Ann")
    assert _id(project, "Ann") == second
    project.undo("Ann")
    assert _id(project, "Ann") == first
    assert project.history().labels(first) == {}
    assert [one["action"] for one in _lines(project)] == ["label", "skip", "undo", "undo"]
    assert _lines(project)[3]["undoes"] == _lines(project)[0]["id"]
    with pytest.raises(UsageError, match="nothing of Ann to undo"):
        project.undo("Ann")


def test_undo_of_a_changed_label_brings_the_earlier_one_back(project: Project) -> None:
    row = _id(project, "Ann")
    project.label("Ann", row, "joy")
    project.label("Ann", row, "fear")
    assert project.history().labels(row) == {"Ann": "fear"}
    project.undo("Ann")
    assert project.history().labels(row) == {"Ann": "joy"}
    # A press that was sent twice is one label.
    project.label("Ann", row, "joy")
    assert len(_lines(project)) == 3


def test_second_labels_and_rows_to_settle(project: Project) -> None:
    row = _id(project, "Ann")
    assert project.next_row("Ben", "second", now=0.0) is None
    project.label("Ann", row, "joy")
    again = project.next_row("Ben", "second", now=0.0)
    assert again is not None
    assert again.id == row
    assert project.next_row("Ann", "second", now=0.0) is None
    project.label("Ben", row, "fear")
    assert project.progress().different == 1
    # It goes to the one who did not look last, and to each other person once.
    assert project.next_row("Ben", "different", now=0.0) is None
    waiting = project.next_row("Ann", "different", now=0.0)
    assert waiting is not None
    assert waiting.id == row
    project.label("Cem", row, "joy")
    assert project.progress().different == 0
    (apart,) = different(project.history(), project.rows)
    assert apart.labels == {"Ann": "joy", "Ben": "fear", "Cem": "joy"}
    assert apart.settled == "joy"


def test_agreement_is_cohens_kappa(project: Project) -> None:
    ann, ben = "jjjffj", "jjffff"
    for row, one, other in zip(project.rows, ann, ben, strict=True):
        project.label("Ann", row.id, "joy" if one == "j" else "fear")
        project.label("Ben", row.id, "joy" if other == "j" else "fear")
    (found,) = agreements(project.history(), project.rows)
    assert (found.first, found.second, found.rows, found.same) == ("Ann", "Ben", 6, 4)
    # Seen 4/6; by chance (4 · 2 + 2 · 4) / 36.
    assert found.kappa.value == pytest.approx((4 / 6 - 16 / 36) / (1 - 16 / 36))
    assert found.kappa.low is None
    assert "too few for an interval" in str(found.kappa.reason)
    many = kappa_of([("joy", "joy"), ("fear", "fear"), ("joy", "fear")] * 10)
    assert many.low is not None
    assert many.high is not None
    assert many.value is not None
    assert many.low < many.value < many.high


def test_agreement_on_one_label_alone_has_no_kappa(project: Project) -> None:
    for who in ("Ann", "Ben"):
        project.label(who, project.rows[0].id, "joy")
    (found,) = agreements(project.history(), project.rows)
    assert found.kappa.value is None
    assert found.kappa.reason


def test_more_than_half_settles() -> None:
    assert settled({}) is None
    assert settled({"a": "joy"}) == "joy"
    assert settled({"a": "joy", "b": "fear"}) is None
    assert settled({"a": "joy", "b": "fear", "c": "joy"}) == "joy"


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_half_a_last_line_counts_for_nothing_and_is_mended(project: Project, cut: int) -> None:
    for who in ("Ann", "Ben"):
        project.label(who, _id(project, who), "joy")
    path = project.folder / "labels.jsonl"
    content = path.read_bytes()
    path.write_bytes(content + content[:-cut])
    opened = Project(project.folder)
    assert opened.progress().labelled == 2
    opened.label("Cem", _id(opened, "Cem"), "fear")
    assert opened.progress().labelled == 3
    lines = path.read_bytes().split(b"\n")
    assert lines[-1] == b""
    assert all(json.loads(line) for line in lines[:-1])


def test_a_whole_last_line_without_its_end_is_kept(project: Project) -> None:
    project.label("Ann", _id(project, "Ann"), "joy")
    path = project.folder / "labels.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    opened = Project(project.folder)
    opened.label("Ben", _id(opened, "Ben"), "fear")
    assert opened.progress().people == {"Ann": 1, "Ben": 1}


@pytest.mark.parametrize("line", ["nothing", "[]", "{}", '{"id": 1}', "\udcff"])
def test_a_damaged_line_is_named(project: Project, line: str) -> None:
    project.label("Ann", _id(project, "Ann"), "joy")
    path = project.folder / "labels.jsonl"
    path.write_bytes(path.read_bytes() + line.encode("utf-8", "surrogateescape") + b"\n")
    for _ in range(2):
        with pytest.raises(UsageError, match=r"line 2 of labels\.jsonl is damaged"):
            Project(project.folder).progress()
        with pytest.raises(UsageError, match=r"line 2 of labels\.jsonl is damaged"):
            project.progress()


def test_a_file_that_was_edited_by_hand_is_read_anew(project: Project) -> None:
    first, second = project.rows[0].id, project.rows[1].id
    project.label("Ann", first, "joy")
    project.label("Ann", second, "joy")
    path = project.folder / "labels.jsonl"
    lines = path.read_text(encoding="utf-8").split("\n")
    edited = path.with_suffix(".new")
    edited.write_text("\n".join([lines[1].replace("Ann", "Annabel" * 60), ""]), encoding="utf-8")
    edited.replace(path)
    assert project.history().labels(first) == {}
    assert project.history().labels(second) == {"Annabel" * 60: "joy"}
    path.unlink()
    assert project.history().labels(second) == {}


def test_a_damaged_reservation_loses_no_label(project: Project) -> None:
    row = _id(project, "Ann")
    (project.folder / "reserved.json").write_text("[", encoding="utf-8")
    assert _id(project, "Ben") == row
    project.label("Ann", row, "joy")
    project.label("Ben", row, "joy")
    assert project.history().labels(row) == {"Ann": "joy", "Ben": "joy"}


def _work(folder: Path, who: str, shared: Project | None = None) -> None:
    project = shared or Project(folder)
    while (row := project.next_row(who)) is not None:
        project.label(who, row.id, "joy" if who == "Ann" else "fear")
        assert sum(project.progress().people.values()) > 0


def test_threads_and_processes_lose_no_label(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    start_project(folder, made_queue([f"text {n}" for n in range(60)]), ABOUT)
    other = multiprocessing.get_context("fork").Process(target=_work, args=(folder, "Ben"))
    other.start()
    # As in the app, the threads of one process share what is open.
    shared = Project(folder)
    threads = [Thread(target=_work, args=(folder, who, shared)) for who in ("Ann", "Cem")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    other.join(60)
    assert other.exitcode == 0
    project = Project(folder)
    records = _lines(project)
    # Nobody got a row that another had, and every row has its label.
    assert len(records) == len({one["row"] for one in records}) == 60
    assert project.progress().labelled == 60


@pytest.mark.parametrize(
    "who", ["", "  ", "x" * 61, "a\u202eb", "a\x00b", "a\ud800", "\u200b", None, 3]
)
def test_what_is_no_name_of_a_person(project: Project, who: str) -> None:
    with pytest.raises(UsageError, match="write your name first"):
        project.next_row(who)


def test_what_a_project_refuses(project: Project) -> None:
    row = _id(project, "Ann")
    with pytest.raises(UsageError, match="choose one of the labels"):
        project.label("Ann", row, "envy")
    with pytest.raises(UsageError, match="not in this project"):
        project.label("Ann", "../../etc/passwd", "joy")
    with pytest.raises(UsageError, match="there is a labelling project mine already"):
        start_project(project.folder, made_queue(["a"]), ABOUT)
    with pytest.raises(UsageError, match="nothing to label"):
        start_project(project.folder.parent / "none", made_queue([]), ABOUT)
    with pytest.raises(UsageError, match="there is no labelling project none"):
        Project(project.folder.parent / "none")


@pytest.mark.parametrize("line", ["{}", "[]", "3", '{"queued": {}}', '{"other": {}}', "{"])
def test_damaged_rows_are_told(project: Project, line: str) -> None:
    (project.folder / "rows.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(UsageError, match="the labelling project mine is damaged"):
        Project(project.folder)


def test_a_project_comes_back_as_it_was(project: Project) -> None:
    again = Project(project.folder)
    assert again.about == ABOUT
    assert again.rows == project.rows
