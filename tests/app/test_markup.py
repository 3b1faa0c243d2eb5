"""Everything that a page shows is escaped, and charts tell themselves in words."""

from tunelab.app.chart import line_chart
from tunelab.app.markup import Markup, notice, share_bar, table, tag


def test_text_never_becomes_markup() -> None:
    evil = '<script>alert(1)</script>" onload="x'
    for made in (
        tag("p", evil, title=evil),
        table([{evil: evil, "b": evil}], caption=evil),
        notice(evil),
        share_bar(evil, 0.5, evil),
        line_chart(evil, {evil: [(0, 1.0), (1, 2.0)]}, x=evil),
    ):
        assert "<script" not in made
        assert '" onload' not in made
    assert tag("p", Markup("<b>x</b>")) == "<p><b>x</b></p>"
    assert tag("p", None, class_="a", hidden=None, aria_label="c") == (
        '<p class="a" aria-label="c">–</p>'
    )


def test_numbers_of_a_table() -> None:
    made = table([{"name": "a", "n": 1234, "x": 0.5, "none": None, "yes": True}], caption="c")
    for part in ("1,234", "0.500", "<td>–</td>", "<td>yes</td>", 'scope="row"', "<caption>c"):
        assert part in made
    assert table([], caption="c") == ""


def test_a_chart_in_words_and_within_its_frame() -> None:
    made = line_chart(
        "Loss", {"train": [(0, 2.0), (10, 0.5)], "validation": [(5, 1.0)], "no": []}, x="step"
    )
    assert 'aria-label="Loss: train from 2.000 at step 0 to 0.500 at step 10; validation' in made
    assert made.count("<polyline") == 2
    points = made.split('points="')[1].split('"')[0].split()
    for point in points:
        x, y = map(float, point.split(","))
        assert 0 <= x <= 480
        assert 0 <= y <= 260
    assert line_chart("Loss", {"train": []}, x="step") == ""
    # One point, and points of one value, have a scale too.
    assert "<circle" in line_chart("Loss", {"train": [(3, 0.0)]}, x="step")
