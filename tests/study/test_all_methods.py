"""One study compares every method on the same rows and seeds."""

from pathlib import Path

import numpy as np
import pandas as pd

from conftest import Workspace
from tunelab import registry
from tunelab.classifiers.adapters import open_adapter
from tunelab.classifiers.asking import ask
from tunelab.classifiers.stored import open_classifier
from tunelab.config import Evaluation
from tunelab.models.kinds import HEAD_FILE
from tunelab.report.build import build_report
from tunelab.study.opening import open_study
from tunelab.study.run import run_study


def test_every_method_in_one_study(workspace: Workspace, tmp_path: Path) -> None:
    entries = ["{name: full, learning_rate: 0.003}"]
    for name in registry.METHODS:
        fields = registry.resolve("method", name, registry.METHODS).Settings.model_fields
        own = ", r: 4" if "r" in fields else ""
        own += ", virtual_tokens: 5" if "virtual_tokens" in fields else ""
        if name != "full":
            entries.append(f"{{name: {name}{own}}}")
    words = [f"methods=[{', '.join(entries)}]", "training.seeds=[1, 2]", "training.epochs=1"]
    study = open_study(str(workspace.study), words)
    results = run_study(study, tmp_path)
    trained = {result.name: result.values for result in results if result.stage == "train"}
    answered = {result.name: result for result in results if result.stage == "evaluate"}
    expected = {f"{name}-seed{seed}" for name in registry.METHODS for seed in (1, 2)}
    assert set(trained) == {*expected, "majority"}
    assert expected <= set(answered)
    rows = []
    for name in sorted(expected):
        values = trained[name]
        assert values["packed"], name
        assert values["prefix"] > 5, name
        assert 0 < values["trainable_parameters"] <= values["total_parameters"]
        assert values["adapter_bytes"] > 0
        table = pd.read_parquet(answered[name].folder / "predictions.parquet")
        rows.append(tuple(table["text"]))
    assert len(set(rows)) == 1
    rates = {name: trained[name]["learning_rate"] for name in expected}
    assert rates["full-seed1"] == 0.003
    assert rates["lora-seed1"] == 0.01
    assert rates["ia3-seed1"] == registry.resolve("method", "ia3", registry.METHODS).learning_rate
    # What was kept answers as what was trained: asked again, from disk.
    for name in ("p_tuning-seed1", "prefix_tuning-seed2", "ia3-seed1"):
        opened = open_adapter(tmp_path / "adapters" / name, device="cpu", dtype="float32")
        table = pd.read_parquet(answered[name].folder / "predictions.parquet")
        asked = ask(
            opened.model,
            opened.encoder,
            list(table["text"]),
            Evaluation(max_new_tokens=4),
            title="",
            progress=False,
        )
        assert [answer.text for answer in asked.answers] == list(table["answer"])


def test_every_method_through_a_head(workspace: Workspace, tmp_path: Path) -> None:
    entries = []
    for name in registry.METHODS:
        fields = registry.resolve("method", name, registry.METHODS).Settings.model_fields
        own = ", r: 4" if "r" in fields else ""
        own += ", virtual_tokens: 5" if "virtual_tokens" in fields else ""
        entries.append(f"{{name: {name}, answers: head{own}}}")
    claim = "{claim: Words are shorter., metric: answer_tokens, left: lora, right: lora-head}"
    words = [
        f"methods=[{', '.join(entries)}, {{name: lora, r: 4}}]",
        "training.epochs=1",
        f"claims=[{claim}]",
    ]
    results = run_study(open_study(str(workspace.study), words), tmp_path)
    trained = {result.name: result.values for result in results if result.stage == "train"}
    answered = {result.name: result for result in results if result.stage == "evaluate"}
    for method in registry.METHODS:
        name = f"{method}-head"
        assert trained[name]["answers"] == "head"
        assert trained[name]["packed"], name
        assert trained[name]["prefix"] > 5, name
        assert (tmp_path / "adapters" / name / HEAD_FILE).is_file()
        values = answered[name].values
        # A label and probabilities, and nothing that only words have.
        assert values["mode"] == "label"
        assert values["generated"] is values["forced"] is None
        assert values["scored"]["brier"] is not None
        assert "answer_tokens" not in values["metrics"]
        table = pd.read_parquet(answered[name].folder / "predictions.parquet")
        assert table["answer"].isna().all()
        assert table["predicted"].notna().all()
        opened = open_classifier(tmp_path / "adapters" / name, device="cpu", dtype="float32")
        found = opened.probabilities(list(table["text"]))
        assert np.allclose(found, np.array(table["probabilities"].tolist()), atol=1e-6), name
    # The head alone is more than what the same method trains for words.
    head = 3 * (32 + 1)
    difference = (
        trained["lora-head"]["trainable_parameters"] - trained["lora"]["trainable_parameters"]
    )
    assert difference == head
    report = build_report(tmp_path).read_text(encoding="utf-8")
    assert "lora with a head" in report
    assert "lora-head gives labels and writes no text" in report
