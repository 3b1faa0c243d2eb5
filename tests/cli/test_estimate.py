"""`tunelab estimate`: JSON, tables, and calls that cannot be."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from causal_families import tiny_config
from conftest import build_model
from tunelab.cli.main import main
from tunelab.models.device import has_gpu_driver


def test_json_of_a_model_that_could_not_be_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    call = "estimate --model llama-3.2-1b --method lora r=16 targets=all-linear --batch 8"
    assert main([*call.split(), "--length", "128", "--device", "cpu", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["trainable"], found["total"]) == (11_272_192, 1_247_086_592)
    assert found["share"] == pytest.approx(0.009039, abs=5e-7)
    parts = {"weights", "gradients", "optimizer", "activations", "logits", "cache", "peak"}
    assert parts <= set(found["bytes"])
    assert found["bytes"]["peak"] == max(found["moments"].values())
    assert found["traced"] is None
    assert found["largest_batch"] >= 0


@pytest.mark.parametrize(
    "asked",
    [
        "--model llama-3.2-1b --method lora",
        "--model FOLDER --method prefix_tuning --precision bfloat16 --terms",
        "--compare",
        "--fits --memory 24",
    ],
)
def test_formulas_need_neither_torch_nor_transformers(asked: str, tmp_path: Path) -> None:
    build_model("llama").config.save_pretrained(tmp_path)
    words = ["estimate", *asked.replace("FOLDER", str(tmp_path)).split()]
    # Where there is a GPU, its memory is asked of torch.
    words += ["--device", "cpu"] if has_gpu_driver() else []
    code = (
        f"import sys; from tunelab.cli.main import main; assert main({words!r}) == 0; "
        "print(sorted({'torch', 'transformers', 'peft'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")


def test_trace_and_measurement_of_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_model("llama").config.save_pretrained(tmp_path)
    call = ["estimate", "--model", str(tmp_path), "--method", "ia3", "--batch", "4", "--length"]
    options = ["32", "--device", "cpu", "--trace", "--measure", "--format", "json"]
    assert main([*call, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["traced"]["peak"] == pytest.approx(found["measured"]["tensors"], rel=0.05)
    assert found["measured"]["tensors"] <= found["measured"]["peak"]
    assert sum(found["traced"]["parts"].values()) == found["traced"]["peak"]


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    model = ["--model", "smollm2-135m-instruct", "--device", "cpu"]
    assert main(["estimate", *model, "--terms"]) == 0
    shown = capsys.readouterr().out
    assert "inputs of norms" in shown
    assert "backward pass begins" in shown
    assert main(["estimate", *model, "--compare", "--fits", "--memory", "8"]) == 0
    assert "lora, 4-bit weights, checkpointing" in capsys.readouterr().out


def test_what_fits_says_of_which_step_and_by_which_rule(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [
        "--model",
        "smollm2-135m-instruct",
        "--device",
        "cpu",
        "--memory",
        "4",
        "--batch",
        "3",
        "--length",
        "50",
    ]
    assert main(["estimate", *words, "--fits"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "what fits into 4.0 GB: a step of 3 rows of 50 tokens, 3 of them trained" in told
    assert "at most 90% of the device's 4.0 GB, which is 3.6 GB" in told
    assert main(["estimate", *words, "--fits", "--format", "json"]) == 0
    row = json.loads(capsys.readouterr().out)[0]
    assert (row["batch"], row["length"], row["usable"]) == (3, 50, 3_600_000_000)


def test_a_family_that_is_not_known_in_detail_says_what_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_config("gpt2").save_pretrained(tmp_path)
    words = ["--model", str(tmp_path), "--device", "cpu", "--batch", "2", "--length", "32"]
    assert main(["estimate", *words, "r=4", "--trace"]) == 0
    told = capsys.readouterr().out
    assert "Left out: gpt2 has blocks that the formulas do not know in detail" in told
    assert main(["estimate", *words, "--fits", "--memory", "1"]) == 0
    assert "gpt2 has blocks that the formulas do not know" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "name one --model"),
        ("--model smollm2-135m-instruct --method lor", "did you mean"),
        ("--model smollm2-135m-instruct rr=4", "unknown key 'rr'"),
        ("--model smollm2-135m-instruct r=1000", "the highest that works is r=192"),
        ("--model smollm2-135m-instruct --prefix many", "--prefix must be a number or none"),
        ("--model smollm2-135m-instruct --memory 0", "memory must be above 0"),
        ("--model smollm2-135m-instruct --weights 4-bit --trace", "by formula alone"),
        ("--model smollm2-135m-instruct --devices 2 --measure", "by formula alone"),
        ("--model mistral-7b-v0.1 --method full --batch 4096 --measure", "use --method lora"),
    ],
)
def test_calls_that_cannot_be(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "--device", "cpu", *words.split()]) == 2
    assert message in capsys.readouterr().err
