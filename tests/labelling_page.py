"""Two people who label in two browsers at once, as the test of the pages drives them."""

import json
from pathlib import Path
from typing import Any

from made_labelling import HOSTILE_TEXTS, write_classified_run
from served_app import Visitor
from tunelab.guards.visible_text import has_hidden

SHOWN = HOSTILE_TEXTS[:8]


def write_texts_to_label(workplace: Path) -> None:
    """texts.jsonl in the workplace, and the run ``classified`` with a classifier."""
    write_classified_run(workplace / "runs" / "classified")
    lines = (json.dumps({"text": text}, ensure_ascii=False) for text in SHOWN)
    (workplace / "texts.jsonl").write_text("\n".join(lines), encoding="utf-8")


def _records(workplace: Path) -> list[dict[str, Any]]:
    path = workplace / "labels" / "texts" / "labels.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def _row(page: Any) -> str:
    """The row that stands on the page."""
    return str(page.locator("#row [data-choice=skip]").get_attribute("data-row"))


def _shown(page: Any) -> tuple[str, str]:
    """The text that stands on the page, and its direction."""
    text = page.locator("#row .tl-text")
    return text.inner_text(), str(text.get_attribute("dir"))


def _press(page: Any, label: str) -> None:
    page.get_by_role("group", name="Labels").get_by_role("button", name=label).click()


def _begin(page: Any, who: str) -> str:
    page.wait_for_function("document.querySelector('#project input').value == 'texts'")
    page.locator("#who input, #who textarea").first.fill(who)
    page.get_by_role("button", name="Start labelling").click()
    page.wait_for_selector("#row [data-choice=skip]")
    return _row(page)


def _next(page: Any, before: str) -> str:
    """The row after ``before``, once it stands there."""
    page.wait_for_function(
        "row => { const one = document.querySelector('#row [data-choice=skip]');"
        " return one ? one.dataset.row != row : document.querySelector('#row .tl-done'); }",
        arg=before,
    )
    return _row(page) if page.locator("#row [data-choice=skip]").count() else ""


def _start_project(page: Any, workplace: Path) -> None:
    page.get_by_role("button", name="New labelling project").click()
    page.locator("#file input[type=file]").set_input_files(workplace / "texts.jsonl")
    page.wait_for_function("document.querySelector('#text-column input').value == 'text'")
    page.locator("#name input, #name textarea").first.fill("../texts")
    page.get_by_role("button", name="Start the project").click()
    page.get_by_role("alert").get_by_text("lower-case letters").wait_for()
    page.locator("#name input, #name textarea").first.fill("texts")
    page.get_by_role("button", name="Start the project").click()
    page.get_by_text("The labelling project texts is there").wait_for()


def label_together(ann: Visitor, ben: Visitor, workplace: Path) -> None:
    """Start a project with texts.jsonl of the workplace, and label all of it, two at once."""
    page = ann.open("label")
    _start_project(page, workplace)
    first = _begin(page, "Ann")
    other = ben.open("label")
    theirs = _begin(other, "Ben")
    # Two people have different rows in front of them.
    assert first != theirs
    # A reload goes on: the same name, the same project, the same row.
    page.reload()
    page.wait_for_selector("#row [data-choice=skip]")
    assert _row(page) == first
    assert page.locator("#who input, #who textarea").first.input_value() == "Ann"
    seen = {_shown(page), _shown(other)}
    # A label by a key, one by a button, a skip, and the last one taken back.
    page.locator("h1").click()
    page.keyboard.press("1")
    second = _next(page, first)
    seen.add(_shown(page))
    _press(page, "joy")
    third = _next(page, second)
    page.keyboard.press("s")
    fourth = _next(page, third)
    page.keyboard.press("u")
    assert _next(page, fourth) == third
    assert len({first, second, third, fourth, theirs}) == 5
    assert [(one["action"], one["label"]) for one in _records(workplace)] == [
        ("label", "anger"),
        ("label", "joy"),
        ("skip", None),
        ("undo", None),
    ]
    # Both go on at once until nothing is left; every text is shown, and none runs.
    here, there = third, theirs
    while here or there:
        for view, row in ((page, here), (other, there)):
            if row:
                seen.add(_shown(view))
                _press(view, "fear")
        here, there = here and _next(page, here), there and _next(other, there)
    assert page.locator("#row img, #row script, #row iframe").count() == 0
    assert not any(has_hidden(text) for text, _ in seen)
    assert ("کتاب‌ها را می‌خوانم", "rtl") in seen
    assert any("⟨202E⟩" in text for text, _ in seen)
    assert other.evaluate("document.documentElement.scrollWidth") <= 390
    held = [one for one in _records(workplace) if one["action"] == "label"]
    # Nobody's label was lost, and no row was given to both.
    assert len({one["row"] for one in held}) == len(held) == len(SHOWN)
    assert {one["text"] for one in held} == set(SHOWN)
    assert {one["who"] for one in held} == {"Ann", "Ben"}
    # Ben labels what Ann has labelled, and they differ.
    other.get_by_role("combobox", name="Rows").click()
    other.get_by_role("option", name="Rows that others have labelled").click()
    other.wait_for_selector("#row [data-choice=skip]")
    again = _row(other)
    assert ben.faults() == []
    assert {one["who"] for one in held if one["row"] == again} == {"Ann"}
    given = next(one["label"] for one in held if one["row"] == again)
    unlike = "fear" if given != "fear" else "joy"
    _press(other, unlike)
    _next(other, again)
    other.get_by_role("button", name="Labels so far").click()
    other.get_by_role("button", name="Show agreement").click()
    other.wait_for_selector("#sums table")
    sums = other.locator("#sums").inner_text()
    assert "Agreement of two people" in sums
    assert "1 row with different labels" in sums
    assert "100 more labels would bring is not known" in sums
    other.get_by_role("button", name="Write the labels").click()
    with other.expect_download() as download:
        other.get_by_role("link", name="CSV").or_(
            other.get_by_role("button", name="CSV")
        ).first.click()
    lines = Path(download.value.path()).read_text(encoding="utf-8")
    assert lines.startswith("text,label,who,when,row,number,said,probability\n")
