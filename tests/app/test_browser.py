"""Every page in a headless browser, against the real app and a real small model."""

import http.client
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from conftest import write_model, write_rows
from labelling_page import label_together, write_texts_to_label
from served_app import HOSTILE, Visitor, browsing, served, why_no_browser

REASON = why_no_browser()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
PERSIAN_ROWS = (("خیلی خوب بود", "راضی"), ("دیر رسید (GPT)!", "ناراضی"))
PAGES = ("", "tokenize", "compare", "classify", "label", "memory", "fine-tune", "studies")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    write_model(folder / "tiny")
    write_texts_to_label(folder)
    rows = write_rows(folder / "rows.csv")
    with rows.open("a", encoding="utf-8") as file:
        file.write('"' + HOSTILE.replace('"', '""') + '",joy,x,a\n')
    return folder


@pytest.fixture(scope="module")
def address(workplace: Path) -> Iterator[str]:
    words = ("--model", str(workplace / "tiny"), "--labels", str(workplace / "labels"))
    with served(workplace / "runs", *words) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as found:
        yield found


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Any]:
    """Windows, in which nothing may have gone wrong when they are left."""
    visitors: list[Visitor] = []

    def enter(**options: Any) -> Visitor:
        visitors.append(Visitor(browser, address, **options))
        return visitors[-1]

    yield enter
    for visitor in visitors:
        assert visitor.leave() == []


def _fill(page: Any, name: str, value: object) -> None:
    field = page.locator(f"#{name} textarea, #{name} input").first
    field.fill(str(value))
    field.blur()


def _press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def _refused_visitor(visitors: Sequence[Visitor]) -> Visitor:
    """The visitor who is told that the queue is full: one is answered, one waits, others are told.

    A tiny model may have answered the first before the last has asked, so all ask again.
    """
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        for visitor in visitors:
            _press(visitor.page, "Compare")
        for visitor in visitors:
            if visitor.page.get_by_text("currently busy").count():
                return visitor
    raise AssertionError("nobody was told that the queue is full")


def _wait(page: Any, state: str) -> None:
    page.wait_for_selector(f'#run [data-state="{state}"]', timeout=240_000)


def _begin(page: Any, workplace: Path, name: str, *, epochs: float) -> None:
    """Fill the form with a file and start."""
    page.locator("#file input[type=file]").set_input_files(workplace / "rows.csv")
    page.wait_for_function("document.querySelectorAll('input[type=radio]')[1].checked")
    for field, value in (
        *(("name", name), ("epochs", epochs), ("train-rows", 0), ("test-rows", 0)),
        ("system", f"Labels are {{labels}}. {HOSTILE}"),
    ):
        _fill(page, field, value)
    page.locator("#beside input").uncheck()
    _press(page, "Start")


@pytest.fixture(scope="module")
def finished(browser: Any, address: str, workplace: Path) -> str:
    """A fine-tune from upload to report; the run's name."""
    visitor = Visitor(browser, address)
    page = visitor.open("fine-tune")
    _begin(page, workplace, "first", epochs=2)
    _wait(page, "finished")
    assert page.locator("#run svg").count() == 2
    with visitor.context.expect_page() as opened:
        page.get_by_role("link", name="Open the report").click()
    report = opened.value
    report.wait_for_load_state()
    assert "first" in report.title() + report.inner_text("body")
    # The report has an origin of its own, and no way back.
    assert report.evaluate("window.origin") == "null"
    assert report.evaluate("window.opener") is None
    report.close()
    assert visitor.leave() == []
    return "first"


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_no_page_has_a_serious_fault(visit: Any, finished: str, scheme: str, width: int) -> None:
    visitor = visit(width=width, color_scheme=scheme)
    for path in PAGES:
        page = visitor.open(path)
        if path == "tokenize":
            _press(page, "Tokenize")
            page.wait_for_selector("#measures table")
        if path == "memory":
            page.wait_for_selector("#bars .tl-bar")
        if path == "studies":
            page.wait_for_selector("#runs table")
        assert visitor.faults() == [], path
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{path} is {wide} wide"


def test_tokenize_persian_and_hostile_text(visit: Any) -> None:
    page = visit().open("tokenize")
    _press(page, "Tokenize")
    page.wait_for_selector("#pieces .tl-pieces[dir=rtl]")
    pieces = page.locator("#pieces .tl-pieces").first.locator(".tl-piece")
    assert pieces.count() > 5
    # In the order of reading, the first piece stands at the right.
    first, later = pieces.nth(0).bounding_box(), pieces.nth(4).bounding_box()
    assert first["x"] > later["x"]
    _fill(page, "text", HOSTILE)
    _press(page, "Tokenize")
    page.wait_for_selector("#pieces .tl-pieces[dir=ltr]")
    assert page.locator("#pieces .tl-piece.special").count() <= 1
    assert page.locator("#pieces img, #pieces script").count() == 0
    _fill(page, "text", "")
    _press(page, "Tokenize")
    page.get_by_role("alert").get_by_text("Write a text first").wait_for()


def test_a_download_is_asked_for(visit: Any) -> None:
    page = visit().open("tokenize")
    missing = page.get_by_label(re.compile("to download"))
    if missing.count() == 0:
        pytest.skip("every tokenizer is on this machine")
    missing.first.check()
    _press(page, "Tokenize")
    page.get_by_text("Nothing is downloaded until you press").wait_for()
    assert re.fullmatch(r"Download \d+ MB", page.locator("#download").inner_text())
    missing.first.uncheck()
    _press(page, "Tokenize")
    page.wait_for_selector("#measures table")
    assert page.locator("#download").count() == 0 or page.locator("#download").is_hidden()


def test_the_form_follows_a_persian_file(visit: Any, workplace: Path) -> None:
    rows = [f"{n},{text} {n},{label}" for n in range(20) for text, label in PERSIAN_ROWS]
    file = workplace / "نظرها.csv"
    file.write_text("\n".join(["شناسه,متن,برچسب", *rows]), encoding="utf-8")
    page = visit(width=390).open("fine-tune")
    page.locator("#file input[type=file]").set_input_files(file)
    facts = page.locator("#data-facts")
    facts.get_by_text("40 rows, 3 columns").wait_for()
    fields = ("text-column", "label-column", "train-rows", "test-rows")
    values = [page.locator(f"#{name} input").first.input_value() for name in fields]
    assert values == ["متن", "برچسب", "0", "0"]
    _fill(page, "system", "برچسب متن را بنویس: {labels}.")
    facts.get_by_text("برچسب متن را بنویس: راضی, ناراضی.").wait_for()
    _fill(page, "train-rows", 2)
    _press(page, "Check the data")
    page.wait_for_selector("#masks .tl-reading[dir=rtl]")
    # The instruction, the text and the answer.
    assert page.locator("#masks .tl-mask").first.locator("[dir=rtl]").count() == 3
    box = page.locator("#masks [dir=rtl]").first
    first, last = box.locator("span").nth(0), box.locator("span").nth(3)
    assert first.bounding_box()["x"] > last.bounding_box()["x"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_compare_side_by_side(visit: Any) -> None:
    page = visit().open("compare")
    _fill(page, "prompt", HOSTILE)
    page.get_by_text("System prompt and settings").click()
    _fill(page, "system", HOSTILE)
    right = page.get_by_label("Right: model")
    right.click()
    page.get_by_role("option", name="tiny").first.click()
    page.get_by_label("Right: chat template").uncheck()
    _press(page, "Compare")
    page.get_by_text("tokens", exact=False).get_by_text("without chat template").wait_for()
    for side in ("left", "right"):
        assert page.locator(f"#{side} textarea").input_value()


def test_classify_a_text_and_a_file(visit: Any, finished: str, workplace: Path) -> None:
    page = visit().open("classify")
    page.get_by_text("first / lora").first.wait_for()
    _fill(page, "text", HOSTILE)
    page.get_by_label("Compare with the model before fine-tuning").check()
    _press(page, "Classify")
    page.wait_for_selector("#labels section:nth-of-type(2)")
    shares = page.locator("#labels section").nth(1).locator(".tl-value").all_inner_texts()
    assert sum(float(share.rstrip("%")) for share in shares) == pytest.approx(100, abs=0.2)
    page.get_by_role("tab", name="A file").click()
    page.locator("#file input[type=file]").set_input_files(workplace / "rows.csv")
    page.wait_for_function("document.querySelector('[aria-label=\"Column of the texts\"]').value")
    _press(page, "Label the file")
    page.wait_for_selector("#labelled table")
    assert page.locator("#labelled img, #labelled script").count() == 0
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the labelled file").or_(
            page.get_by_role("link", name="Download the labelled file")
        ).first.click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("row,text,")
    assert len(lines) == 74


def test_two_people_label_at_once(visit: Any, workplace: Path) -> None:
    label_together(visit(), visit(width=390), workplace)


def test_memory_follows_the_form(visit: Any) -> None:
    page = visit().open("memory")
    page.wait_for_selector("#bars .tl-bar")
    before = page.locator("#bars .tl-strong .tl-value").first.inner_text()
    field = page.get_by_label("Batch size")
    field.fill("64")
    field.blur()
    page.wait_for_function(
        "text => document.querySelector('#bars .tl-strong .tl-value').innerText != text", arg=before
    )
    assert page.locator("#fits tbody tr").count() == 6


def test_studies_and_their_reports(visit: Any, finished: str) -> None:
    page = visit().open("studies")
    page.wait_for_selector("#runs table")
    assert "Report of first" in page.locator("#runs").inner_text()
    page.get_by_role("combobox", name="Run").click()
    page.get_by_role("option", name="first").click()
    page.wait_for_selector("#scores table")
    assert "lora" in page.locator("#scores").inner_text()


@contextmanager
def _long_run(visitor: Visitor, workplace: Path, name: str) -> Iterator[Any]:
    page = visitor.open("fine-tune")
    _begin(page, workplace, name, epochs=400)
    _wait(page, "running")
    try:
        yield page
    finally:
        if page.locator("#stop").is_visible():
            page.locator("#stop").click()
        _wait(page, "stopped")


def test_reload_second_user_stop_and_go_on(visit: Any, workplace: Path) -> None:
    visitor, other = visit(), visit()
    with _long_run(visitor, workplace, "long") as page:
        page.wait_for_selector("#run svg")
        page.reload()
        _wait(page, "running")
        page.wait_for_selector("#run svg")
        # Somebody else sees the run, works meanwhile, and cannot start a second one.
        theirs = other.open("fine-tune")
        _wait(theirs, "running")
        _begin(theirs, workplace, "second", epochs=1)
        theirs.get_by_role("alert").get_by_text("The run long is still running").wait_for()
        elsewhere = other.open("tokenize")
        _press(elsewhere, "Tokenize")
        elsewhere.wait_for_selector("#measures table")
        page.locator("#stop").click()
        _wait(page, "stopped")
        page.locator("#go-on").click()
        _wait(page, "running")
    assert not (workplace / "runs" / "second").exists()


def test_a_hostile_name_and_a_broken_file(visit: Any, workplace: Path) -> None:
    page = visit().open("fine-tune")
    for name in ("../../etc/passwd", "<script>alert(1)</script>"):
        _fill(page, "name", name)
        _press(page, "Start")
        page.get_by_role("alert").get_by_text("lower-case letters, digits and hyphens").wait_for()
    broken = workplace / "broken.csv"
    broken.write_text('text,label\n"<b>x</b>,joy\n', encoding="utf-8")
    page.locator("#file input[type=file]").set_input_files(broken)
    page.get_by_role("alert").get_by_text("broken.csv").wait_for()
    # It stays the data that were asked for: nothing is trained on other ones.
    _fill(page, "name", "broken")
    _press(page, "Start")
    page.locator("#message").get_by_role("alert").get_by_text("broken.csv").wait_for()
    found = {path.name for path in (workplace / "runs").iterdir()}
    assert found <= {"classified", "first", "long"}


def _get(address: str, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    with closing(connection):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_doors_that_are_shut(address: str, finished: str, workplace: Path) -> None:
    for path in (
        *("/report/..%2F..%2Fetc%2Fpasswd", "/report/%2Fetc%2Fpasswd", "/report/none"),
        *("/gradio_api/file=/etc/passwd", f"/gradio_api/file={workplace}/rows.csv"),
        f"/gradio_api/file={workplace}/runs/first/study.yaml",
        *("/gradio_api/proxy=http://127.0.0.1:1/", "/monitoring", "/docs", "/openapi.json"),
    ):
        status, body = _get(address, path)
        assert status in (403, 404), (path, status)
        assert b"root:" not in body
    assert _get(address, "/", Host="evil.example")[0] == 421
    assert _get(address, "/", Origin="http://evil.example")[0] == 403
    status, body = _get(address, "/report/first")
    assert status == 200
    assert b"<html" in body


def test_password_size_and_a_full_queue(browser: Any, workplace: Path) -> None:
    words = ("--queue", "1", "--max-upload", "0.002", "--model", str(workplace / "tiny"))
    secret = {"TUNELAB_APP_PASSWORD": "a long password"}
    with served(workplace / "runs", *words, environment=secret) as address:
        assert _get(address, "/")[0] == 401
        assert _get(address, "/report/first", Authorization="Basic YTpi")[0] == 401
        arguments = subprocess.run(["ps", "ax"], capture_output=True, text=True, check=True).stdout
        assert "a long password" not in arguments
        login = {"username": "me", "password": "a long password"}
        visitors = [Visitor(browser, address, http_credentials=login) for _ in range(3)]
        for visitor in visitors:
            page = visitor.open("compare")
            page.get_by_text("System prompt and settings").click()
            page.get_by_role("spinbutton", name="Longest answer (tokens)").fill("512")
        refused = _refused_visitor(visitors)
        page = refused.open("fine-tune")
        page.locator("#file input[type=file]").set_input_files(workplace / "rows.csv")
        page.get_by_text("exceed the maximum allowed size").first.wait_for()
        for visitor in visitors:
            visitor.context.close()
