"""Methods side by side: the table, the front, the contrasts, the drawings, the page."""

import xml.etree.ElementTree as ET
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from conftest import Workspace
from tunelab import registry
from tunelab.errors import UsageError
from tunelab.evaluation.pareto import pareto_front
from tunelab.report.build import build_report
from tunelab.report.contrasts import contrasts_of
from tunelab.report.drawings import draw_method
from tunelab.report.figures import trade_offs
from tunelab.report.methods_table import methods_of
from tunelab.runs.run_folder import RunFolder, read_run
from tunelab.study.judging.stage import judge
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

_METHODS = "[{name: lora, r: 4}, {name: ia3}, {name: prompt_tuning}, {name: prefix_tuning}]"


@pytest.fixture(scope="module")
def folder(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("methods") / "run"
    overrides = [
        "data.sample={train: 12, validation: 3, test: 6}",
        "training.epochs=1",
        "training.seeds=[1, 2]",
        f"methods={_METHODS}",
    ]
    run_study(open_study(str(workspace.study), overrides), out)
    return out


@pytest.fixture(scope="module")
def run(folder: Path) -> RunFolder:
    return read_run(folder)


def test_a_row_for_each_method_with_the_means_of_its_seeds(run: RunFolder) -> None:
    rows = {row.name: row for row in methods_of(run)}
    assert list(rows) == ["lora", "ia3", "prompt_tuning", "prefix_tuning"]
    for name, row in rows.items():
        records = [one.values for one in run.trained if one.name.startswith(f"{name}-seed")]
        asked = [one.values for one in run.evaluated if one.name.startswith(f"{name}-seed")]
        assert row.seeds == len(records) == len(asked) == 2
        assert row.trainable == records[0]["trainable_parameters"]
        assert row.seconds_to_best == pytest.approx(
            sum(record["seconds_to_best"] for record in records) / 2
        )
        assert row.accuracy.value == pytest.approx(
            sum(values["scores"]["accuracy"] for values in asked) / 2
        )
        assert row.seconds_per_step is not None
        assert 0 < row.seconds_per_step <= max(record["seconds"] for record in records)


def test_each_method_is_tested_against_each_once(run: RunFolder) -> None:
    judgement = judge(run)
    pairs = [{entry.left, entry.right} for entry in judgement.methods]
    assert len(pairs) == 6
    assert all(pairs.count(pair) == 1 for pair in pairs)
    tested = [*judgement.comparisons, *judgement.methods]
    assert judgement.tests["exploratory"] == sum(
        entry.difference.p_value is not None for entry in tested
    )
    for entry in judgement.methods:
        assert entry.p_corrected is None or entry.p_corrected >= (entry.difference.p_value or 0)


@pytest.mark.parametrize("seed", range(20))
def test_the_front_is_what_nothing_beats(seed: int) -> None:
    import random

    draw = random.Random(seed)
    points = [(draw.randint(0, 5), draw.randint(0, 5)) for _ in range(12)]
    front = [
        points[position] for position in pareto_front([(cost, -score) for cost, score in points])
    ]
    for point in points:
        beaten = any(
            other[0] <= point[0] and other[1] >= point[1] and other != point for other in points
        )
        assert (point in front) != beaten
    for (cost, score), (later, higher) in product(front, front):
        assert not (cost < later and score >= higher)


def test_the_figure_marks_the_front_of_each_cost(run: RunFolder) -> None:
    table = trade_offs.collect(run)
    assert set(table["cost"]) >= {"trainable parameters", "time of a step, s"}
    rows: Any
    for _, rows in table.groupby("cost"):
        assert set(rows["method"]) == {"lora", "ia3", "prompt_tuning", "prefix_tuning"}
        assert rows.loc[rows["value"].idxmin(), "front"] or rows["value"].duplicated().any()
        assert rows.loc[rows["accuracy"] == rows["accuracy"].max(), "front"].any()
    words = trade_offs.describe(table)
    assert all(name in words for name in table.loc[table["front"], "method"])


def test_contrasts_speak_of_this_run(run: RunFolder) -> None:
    methods = methods_of(run)
    found = contrasts_of(methods, judge(run).methods)
    assert [one.title for one in found] == [
        "IA3 against LoRA",
        "The three soft prompts against each other",
    ]
    lora = next(row for row in methods if row.name == "lora")
    assert any(f"lora trains {lora.trainable:,.0f} numbers" in one for one in found[0].numbers)
    assert any(one.startswith("lora against ia3") for one in found[0].numbers)
    assert contrasts_of([lora], ()) == []


@pytest.mark.parametrize("name", registry.METHODS)
def test_every_method_has_a_drawing_of_its_own_kind(name: str) -> None:
    drawing = ET.fromstring(draw_method(name))
    trained = [one for one in drawing.iter() if one.get("fill") == "#D55E00"]
    assert drawing.get("aria-label")
    assert len(trained) > 1
    with pytest.raises(UsageError, match="did you mean lora"):
        draw_method("loro")


def test_the_page_holds_them(folder: Path) -> None:
    page = build_report(folder).read_text(encoding="utf-8")
    assert 'href="#methods"' in page
    assert page.count('class="method-drawing"') == 4
    assert "Methods against each other" in page
    assert "IA3 against LoRA" in page
    assert (folder / "figures" / "trade_offs.svg").is_file()
