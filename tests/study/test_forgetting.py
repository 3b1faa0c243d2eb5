"""The stage that measures what fine-tuned models forgot, in a small study."""

import math
from pathlib import Path

import pytest

from conftest import Workspace, build_model, build_tokenizer
from tunelab.generation.general_skill import mean_nats
from tunelab.generation.open_prompts import CHECKABLE, read_prompts
from tunelab.report.build import build_report
from tunelab.runs.run_folder import read_run
from tunelab.study.opening import open_study
from tunelab.study.run import run_study


def test_the_nats_are_those_of_each_next_token() -> None:
    import torch

    tokenizer, model = build_tokenizer(), build_model()
    ids = tokenizer("we won the game")["input_ids"]
    with torch.inference_mode():
        scores = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    expected = [-float(scores[at, token]) for at, token in enumerate(ids[1:])]
    found = mean_nats(model, tokenizer, "we won the game")
    assert found == pytest.approx(math.fsum(expected) / len(expected), rel=1e-4)
    assert mean_nats(model, tokenizer, "") is None


def test_each_fine_tuned_model_is_compared_with_its_model(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunelab.study import forgetting

    prompts = read_prompts(CHECKABLE)[:3]
    monkeypatch.setattr(forgetting, "read_prompts", lambda _: prompts)
    monkeypatch.setattr(forgetting, "_TOKENS", 3)
    words = [
        "evaluation={forgetting: true, modes: [generate], facts_seconds: 0, max_new_tokens: 4,"
        " baselines: [majority]}",
        "models={instruct: null}",
        f"methods=[{{name: lora, model: '{workspace.folder / 'model'}'}},"
        f" {{name: prompt_tuning, virtual_tokens: 2, model: '{workspace.folder / 'model'}'}}]",
        "training.epochs=1",
    ]
    run_study(open_study(str(workspace.study), words), tmp_path)
    run = read_run(tmp_path)
    lora, soft = run.forgotten
    assert (lora.name, lora.values["reason"]) == ("lora", None)
    assert lora.values["sentences"] == 102
    assert lora.values["prompts"] == 3
    assert lora.values["factor"]["value"] != 1.0
    before, after = lora.values["perplexity"]
    assert after / before == pytest.approx(lora.values["factor"]["value"])
    assert "the weights are as they were" in soft.values["reason"]
    page = build_report(tmp_path).read_text(encoding="utf-8")
    assert "What fine-tuning forgets" in page
    assert "lora: the perplexity of plain English goes from" in page
    assert len(list((tmp_path / "forgetting").glob("before-*"))) == 1
