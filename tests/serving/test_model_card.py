"""The card beside an adapter: metadata that the Hub reads, code that runs, and inert data."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard

from conftest import Workspace
from tunelab.classifiers.adapters import open_adapter
from tunelab.serving.inert_markdown import inert, plain_name
from tunelab.study.opening import open_study
from tunelab.study.run import run_study, train_study

HOSTILE = [
    "<script>alert(1)</script>",
    "a: b\n---\n# heading",
    "| x | [link](http://example.org) ![i](http://example.org)",
]


@pytest.fixture(scope="module")
def run(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    out = tmp_path_factory.mktemp("cards") / "run"
    study = open_study(str(workspace.study), ["training.epochs=1", "evaluation.resamples=100"])
    return out, run_study(study, out)


def test_the_hub_reads_the_metadata(run: tuple[Path, Any], workspace: Workspace) -> None:
    out, results = run
    path = out / "adapters" / "lora" / "README.md"
    card = ModelCard.load(path)
    assert card.data.library_name == "peft"
    assert card.data.license == "other"
    assert card.data.metrics == ["accuracy", "f1"]
    assert {"tunelab", "lora"} <= set(card.data.tags)
    evaluated = next(one for one in results if (one.stage, one.name) == ("evaluate", "lora"))
    found = {one.metric_type: one for one in card.data.eval_results}
    assert found["accuracy"].metric_value == evaluated.values["scores"]["accuracy"]
    low, high = (evaluated.values["intervals"]["accuracy"][end] for end in ("low", "high"))
    assert f"95 % interval {low:.3f} to {high:.3f}, 9 rows" in found["accuracy"].metric_name
    assert found["f1"].dataset_split == "test"
    # Neither the folders of this machine nor PEFT's blank form.
    assert str(workspace.folder) not in card.content
    assert "More Information Needed" not in card.content
    for heading in ("prompt", "How to use", "Data", "Training", "Scores", "Limits", "Hardware"):
        assert f"## {heading}" in card.content or f"## The {heading}" in card.content
    assert "## Disclosure" in card.content


def test_the_code_of_the_card_asks_as_tunelab_does(
    run: tuple[Path, Any], workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run[0] / "adapters" / "lora"
    text = (folder / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    record = json.loads((folder / "tunelab.json").read_text(encoding="utf-8"))
    code = code.replace('"base-model"', repr(str(workspace.folder / "model")))
    code = code.replace('"adapters/lora"', repr(str(folder)))
    code = code.replace('"the text to label"', repr(record["probe"]["text"]))
    found: dict[str, Any] = {}
    exec(code, found)
    assert found["inputs"]["input_ids"][0].tolist() == record["probe"]["ids"]
    opened = open_adapter(folder, device="cpu", dtype="float32")
    with torch.inference_mode():
        ids = found["inputs"]["input_ids"]
        assert torch.equal(found["model"](ids).logits, opened.model(ids).logits)


def test_hostile_labels_and_texts_stay_text(workspace: Workspace, tmp_path: Path) -> None:
    rows = tmp_path / "<img src=x>.csv"
    with rows.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(
            (f"<b>text</b> {number} ---\n{label}", label)
            for number in range(12)
            for label in HOSTILE
        )
    study = open_study(
        str(workspace.study),
        [
            f"data.source={rows}",
            "data.sample={train: 12, validation: 3, test: 6}",
            "prompt.max_length=400",
            "prompt.system=<iframe>\n---\n# {labels}",
            "evaluation.max_new_tokens=null",
            "training.epochs=1",
            "disclosure=<script>x</script>",
        ],
    )
    (trained,) = train_study(study, tmp_path / "run")
    text = (tmp_path / "run" / "adapters" / trained.name / "README.md").read_text(encoding="utf-8")
    card = ModelCard(text)
    assert "<" not in text
    assert text.count("\n---\n") == 1
    assert card.data.library_name == "peft"
    # Trained and not evaluated, so there is nothing to put into the index.
    assert card.data.get("model-index") is None
    assert "not yet evaluated" in text
    headings = re.findall(r"^#+ .*$", text, re.MULTILINE)
    assert "# heading" not in headings
    assert r"\[link\](http&#58;//example.org)" in text


@pytest.mark.parametrize(
    "value", ["a\u2028b", "a\r\nb", "a\x85b", "a\u202eb", "`a`", "<a>", "a|b", "&lt;", "@here"]
)
def test_inert_text_is_one_line_without_marks(value: str) -> None:
    shown = inert(value)
    assert len(shown.splitlines()) == 1
    assert not re.search(r"(?<!\\)[`|<>*_@]", shown)
    assert "\u202e" not in shown
    assert inert(shown) == shown


def test_names_of_the_metadata_keep_persian() -> None:
    assert plain_name("کتاب‌های <من>\n") == "کتاب‌های من"
    assert plain_name("<>") == "unnamed"
