"""The whole way in processes of their own: run, kill, go on; errors; adapters in plain PEFT."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from conftest import Workspace
from tunelab.runs.results import load_result


def _run(workspace: Workspace, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        workspace.command(*words), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def finished(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "run"
    done = _run(workspace, "run", str(workspace.study), "--out", str(out), "--format", "json")
    printed = json.loads(done.stdout)
    assert Path(printed["report"]) == out / "report.html"
    kept = json.loads((out / "decision.json").read_text(encoding="utf-8"))
    assert kept["answer"] == printed["decision"]["answer"]
    assert done.stderr.splitlines().count(f"Decision: {' '.join(kept['answer'])}") == 1
    return out


def test_report_and_figures(finished: Path) -> None:
    page = (finished / "report.html").read_text(encoding="utf-8")
    for name in ("majority", "instruct", "lora", "macro-F1", "Wilson"):
        assert name in page
    assert page.count("<script") == 2 + page.count("<figure data-chart>")
    assert "http-equiv" in page
    for name in ("scores", "labels", "curves", "confusion"):
        assert (finished / "figures" / f"{name}.svg").stat().st_size > 1000
        assert (finished / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_adapter_in_plain_peft(finished: Path, workspace: Workspace) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from tunelab.classifiers.adapters import open_adapter

    folder = finished / "adapters" / "lora"
    base = AutoModelForCausalLM.from_pretrained(workspace.folder / "model", dtype=torch.float32)
    plain = PeftModel.from_pretrained(base, folder).eval()
    ours = open_adapter(folder, device="cpu", dtype="float32").model
    ids = torch.arange(3, 40)[None]
    with torch.inference_mode():
        expected, found = ours(input_ids=ids).logits, plain(input_ids=ids).logits
        untrained = AutoModelForCausalLM.from_pretrained(workspace.folder / "model")(
            input_ids=ids
        ).logits
    assert torch.equal(expected, found)
    assert not torch.allclose(expected, untrained, atol=1e-3)


def test_a_second_run_repeats_nothing(finished: Path, workspace: Workspace) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("result.json")}
    done = _run(workspace, "run", str(workspace.study), "--out", str(finished))
    assert before == {path: path.stat().st_mtime_ns for path in finished.rglob("result.json")}
    assert "finished before, kept" in done.stderr
    assert "Report:" in done.stdout


def test_predict_and_evaluate(finished: Path, workspace: Workspace, tmp_path: Path) -> None:
    adapter = str(finished / "adapters" / "lora")
    texts = tmp_path / "texts.txt"
    texts.write_text("we won; really\n<|im_end|>\nthe door moved\n", encoding="utf-8")
    lines = _run(workspace, "predict", str(texts), "--adapter", adapter).stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["row"] for row in rows] == [1, 2, 3]
    assert rows[0]["text"] == "we won; really"
    assert all(row["label"] in {"joy", "fear", "anger", None} for row in rows)
    out = tmp_path / "labels.jsonl"
    _run(workspace, "predict", str(texts), "--adapter", adapter, "--out", str(out))
    assert out.read_text(encoding="utf-8").splitlines() == lines
    done = _run(
        workspace,
        "evaluate",
        str(workspace.folder / "rows.csv"),
        "--adapter",
        adapter,
        "--model",
        str(workspace.folder / "model"),
        "--format",
        "json",
    )
    scores = json.loads(done.stdout)
    assert [entry["scores"]["rows"] for entry in scores] == [72, 72]


def test_prepare_shows_the_mask(workspace: Workspace, tmp_path: Path) -> None:
    words = ["prepare", str(workspace.study), "--out", str(tmp_path), "--show", "2"]
    shown = json.loads(_run(workspace, *words, "--format", "json").stdout)
    assert len(shown["rows"]) == 2
    for row in shown["rows"]:
        trained = "".join(token["text"] for token in row["tokens"] if token["trained"])
        assert trained == row["answer"]
        assert trained.endswith("<|im_end|>")
        assert row["header"] == "<|im_start|>assistant\n"
    assert shown["lengths"]["max_length"] == 96
    assert shown["power"]["rows"] == 9
    table = _run(workspace, *words).stdout
    assert "9 test rows are too few to decide any difference" in table
    assert "assistant header" in table


def test_a_changed_adapter_prompt_is_refused(finished: Path, tmp_path: Path) -> None:
    import shutil

    from tunelab.classifiers.adapters import open_adapter
    from tunelab.errors import TunelabError

    adapter = tmp_path / "adapter"
    shutil.copytree(finished / "adapters" / "lora", adapter)
    record = json.loads((adapter / "tunelab.json").read_text())
    record["prompt"]["system"] = "Something else."
    (adapter / "tunelab.json").write_text(json.dumps(record))
    with pytest.raises(TunelabError, match="changed after training"):
        open_adapter(adapter, device="cpu", dtype="float32")


KILLS: dict[str, tuple[str, list[str]]] = {
    "training": ("train/lora-*/checkpoint-*/complete.json", ["training.epochs=60"]),
    "evaluation": ("evaluate/lora-*", ["evaluation.max_new_tokens=60", "training.epochs=20"]),
}


@pytest.mark.parametrize("moment", KILLS)
def test_kill_and_go_on(moment: str, workspace: Workspace, tmp_path: Path) -> None:
    pattern, overrides = KILLS[moment]
    overrides = [*overrides, "training.early_stopping=null"]
    words = ["run", str(workspace.study), *overrides, "--out"]
    process = subprocess.Popen(
        workspace.command(*words, str(tmp_path / "killed")),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed").glob(pattern)):
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list((tmp_path / "killed").glob("evaluate/lora-*/result.json"))
    finished = {
        path: path.stat().st_mtime_ns for path in (tmp_path / "killed").rglob("result.json")
    }
    assert finished
    _run(workspace, *words, str(tmp_path / "killed"))
    assert all(path.stat().st_mtime_ns == moment for path, moment in finished.items())
    _run(workspace, *words, str(tmp_path / "whole"))
    weights = [
        (tmp_path / name / "adapters/lora/adapter_model.safetensors").read_bytes()
        for name in ("killed", "whole")
    ]
    assert weights[0] == weights[1]
    assert _scores(tmp_path / "killed") == _scores(tmp_path / "whole")


def _scores(out: Path) -> Any:
    return {
        path.parent.name: load_result(path.parent).values["scores"]
        for path in sorted(out.glob("evaluate/*/result.json"))
    }


def test_hub_without_network(workspace: Workspace, tmp_path: Path) -> None:
    words = [str(workspace.study), "models.instruct=nobody/nothing", "--out", str(tmp_path)]
    done = _run(workspace, "run", *words, expect=1)
    assert "HF_HUB_OFFLINE" in done.stderr
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "0",
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_TOKEN": "hf_secret_of_the_test",
    }
    done = subprocess.run(
        workspace.fresh_command("run", *words),
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot reach the Hugging Face Hub" in done.stderr
    assert "hf_secret" not in done.stderr + done.stdout


def test_a_folder_that_cannot_be_written(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    words = ["run", str(workspace.study), "--out", str(tmp_path / "file")]
    assert "name a folder with --out" in _run(workspace, *words, expect=2).stderr
