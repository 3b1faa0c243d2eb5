"""The report in a headless browser: its charts live, nothing loaded, readable for everyone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Workspace
from served_app import Visitor, browsing, why_no_browser
from tunelab.report.build import build_report
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

REASON = why_no_browser()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture(scope="module")
def report(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seen") / "run"
    overrides = [
        *("data.sample={train: 12, validation: 3, test: 6}", "training.epochs=1"),
        "budget={per_class: [1, 2], draws: 2, classifiers: [majority]}",
    ]
    run_study(open_study(str(workspace.study), overrides), folder)
    return build_report(folder)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as found:
        yield found


def _look(browser: Any, report: Path, **options: Any) -> Visitor:
    visitor = Visitor(browser, report.parent.as_uri(), **options)
    visitor.context.set_offline(True)
    figures = visitor.open(report.name).locator("figure[data-chart]")
    for position in range(figures.count()):
        figures.nth(position).scroll_into_view_if_needed()
        figures.nth(position).locator(".vega-embed svg").wait_for()
    return visitor


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_charts_live_and_all_can_read(browser: Any, report: Path, width: int, scheme: str) -> None:
    visitor = _look(browser, report, width=width, color_scheme=scheme)
    page = visitor.page
    assert page.locator("figure[data-chart]").count() >= 4
    # The page itself never scrolls sideways; wide tables and charts do so by themselves.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert visitor.faults() == []
    assert visitor.leave() == []


def test_a_metric_is_chosen(browser: Any, report: Path) -> None:
    visitor = _look(browser, report)
    figure = visitor.page.locator("#scores figure[data-chart]").first
    bars = figure.locator(".mark-rect.role-mark path")
    before = bars.count()
    figure.locator("select").select_option(label="macro-F1")
    visitor.page.wait_for_function(
        "([element, before]) => element.querySelectorAll('.mark-rect.role-mark path').length"
        " * 4 === before",
        arg=[figure.element_handle(), before],
    )
    assert visitor.leave() == []


def test_pictures_stay_without_scripts(browser: Any, report: Path) -> None:
    visitor = Visitor(browser, report.parent.as_uri(), java_script_enabled=False)
    page = visitor.open(report.name)
    figures = page.locator("figure[data-chart]")
    assert figures.locator(".plot[role=img] svg").count() == figures.count()
    visitor.context.close()
