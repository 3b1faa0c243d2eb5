"""Models and classifiers are evaluated from Python as on the command line."""

import json
from typing import Any

import pandas as pd
import pytest

import tunelab
from conftest import Workspace
from tunelab.cli.main import main
from tunelab.errors import UsageError

SETTINGS: dict[str, Any] = {"max_new_tokens": 4, "resamples": 100}


@pytest.fixture(scope="module")
def evaluated(workspace: Workspace, trained: Any) -> Any:
    return tunelab.evaluate(
        [str(workspace.folder / "model"), trained.folder / "adapters" / "lora"],
        workspace.folder / "rows.csv",
        prompt={"system": "Labels are {labels}.", "max_length": 96},
        **SETTINGS,
    )


def test_it_gives_what_the_command_line_gives(
    workspace: Workspace, trained: Any, evaluated: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        *("evaluate", str(workspace.folder / "rows.csv"), "--format", "json"),
        *("--model", str(workspace.folder / "model")),
        *("--adapter", str(trained.folder / "adapters" / "lora")),
        *("prompt.system=Labels are {labels}.", "prompt.max_length=96"),
        *(f"evaluation.{key}={value}" for key, value in SETTINGS.items()),
    ]
    assert main(words) == 0
    shown = json.loads(capsys.readouterr().out)
    timed = {"seconds", "seconds_by_mode", "rows_per_second"}
    for ours, theirs in zip(evaluated.details, shown, strict=True):
        ours = json.loads(json.dumps(ours))
        assert {key: ours[key] for key in ours if key not in timed} == {
            key: theirs[key] for key in theirs if key not in timed
        }


def test_tables_tell_of_every_model_and_pair(workspace: Workspace, evaluated: Any) -> None:
    names = [str(workspace.folder / "model"), "lora"]
    assert list(evaluated.scores["name"]) == names
    assert len(evaluated.predictions) == 2 * 72
    assert list(evaluated.comparisons["metric"]) == ["accuracy", "f1_macro"]
    difference = evaluated.comparisons["difference"][0]
    accuracy = evaluated.scores["accuracy"]
    assert difference == pytest.approx(accuracy[0] - accuracy[1])
    assert "lora" in repr(evaluated)
    assert "<td>lora</td>" in evaluated._repr_html_()


def test_a_data_frame_is_as_good_as_a_file(workspace: Workspace, trained: Any) -> None:
    table = pd.read_csv(workspace.folder / "rows.csv").head(12)
    found = tunelab.evaluate(
        trained.folder / "adapters" / "lora",
        table.rename(columns={"text": "said", "label": "feeling"}),
        text="said",
        label="feeling",
        modes=["score"],
        resamples=100,
    )
    assert found.scores["rows"][0] == 12
    assert list(found.predictions["text"]) == list(table["text"])


def test_stored_predictions_are_measured_again(trained: Any) -> None:
    found = tunelab.evaluate(None, trained.folder / "predictions.parquet", resamples=100)
    assert list(found.scores["accuracy"]) == pytest.approx(list(trained.scores["accuracy"]))


@pytest.mark.parametrize(
    ("models", "file", "settings", "told"),
    [
        ("smollm2-135m-instrct", "rows.csv", {}, "unknown model"),
        ([], "rows.csv", {}, "name at least one model"),
        (None, "rows.csv", {}, "predictions.parquet"),
        ("smollm2-135m-instruct", "nowhere.csv", {}, "nowhere.csv"),
        ("smollm2-135m-instruct", "rows.csv", {"mode": ["score"]}, "did you mean modes"),
        ("smollm2-135m-instruct", "rows.csv", {"shots": 2}, "examples and shots"),
        ("smollm2-135m-instruct", "rows.csv", {"seed": -1}, "seed is -1"),
        ("smollm2-135m-instruct", 3, {}, "a file or a data frame"),
        ("smollm2-135m-instruct", pd.DataFrame({"txt": ["a"]}), {}, "unknown column"),
        ("smollm2-135m-instruct", pd.DataFrame({"text": [" "], "label": [1]}), {}, "no text"),
    ],
)
def test_a_wrong_call_is_told(
    workspace: Workspace, models: Any, file: Any, settings: dict[str, Any], told: str
) -> None:
    if isinstance(file, str):
        file = workspace.folder / file
    with pytest.raises(UsageError, match=told):
        tunelab.evaluate(models, file, **settings)
