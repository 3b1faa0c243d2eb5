"""Merged models: plain transformers folders with equal logits; nothing is sent unasked."""

import json
import math
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from conftest import Workspace, build_model, build_tokenizer, write_adapter
from loopback import run_against, serving
from tunelab import registry
from tunelab.classifiers.adapters import open_adapter, read_record
from tunelab.cli.main import main
from tunelab.errors import RunError, UsageError
from tunelab.methods import lora
from tunelab.serving.export_agreement import Agreement, check_rounding
from tunelab.serving.exporting import export_classifier
from tunelab.serving.merging import write_merged
from tunelab.serving.proof_rows import ProofRows

METHODS = {name: registry.resolve("method", name, registry.METHODS) for name in registry.METHODS}
MERGED = [name for name, method in METHODS.items() if method.merge is not None]
SOFT = [name for name in METHODS if name not in MERGED]
FEW = ("we won the game", "who is there", "they lied to us")
PROVEN = ProofRows(FEW, None, "rows of a test")
TOKEN = "hf_" + "x" * 34


def _adapter(workspace: Workspace, folder: Path, name: str) -> Path:
    return write_adapter(workspace.folder / "model", folder, name)


def _merge(adapter: Path, out: Path, type: str = "float32") -> Agreement:
    """Write the merged folder of an adapter, as an export does before its proof."""
    record = read_record(adapter)
    return write_merged(
        open_adapter(adapter, device="cpu", dtype="float32"),
        str(record["model"]),
        METHODS[str(record["method"])].merge,
        out,
        FEW,
        device="cpu",
        dtype=type,
    )


def _refused(adapter: Path, out: Path, type: str = "float32") -> None:
    export_classifier(adapter, out, format="merged", type=type, rows=PROVEN)


@pytest.mark.parametrize("name", MERGED)
def test_merged_folder_has_the_adapters_logits(
    name: str, workspace: Workspace, tmp_path: Path
) -> None:
    adapter = _adapter(workspace, tmp_path / "adapter", name)
    out = tmp_path / "out"
    agreement = _merge(adapter, out)
    opened = open_adapter(adapter, device="cpu", dtype="float32")
    plain = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32).eval()
    base = AutoModelForCausalLM.from_pretrained(workspace.folder / "model").eval()
    ids = torch.tensor([list(opened.encoder.prompt("we sat at the window").ids)])
    with torch.inference_mode():
        expected, found = opened.model(ids).logits, plain(ids).logits
        assert torch.allclose(found, expected, atol=2e-5)
        assert not torch.allclose(base(ids).logits, expected, atol=1e-2)
    assert agreement.largest_difference < 2e-5
    assert agreement.same_next == agreement.tokens
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert tokenizer.chat_template == opened.encoder.format.template
    generation = GenerationConfig.from_pretrained(out)
    assert set(opened.encoder.stop_tokens) <= set(generation.eos_token_id)
    assert not generation.do_sample
    assert list(out.glob("*.safetensors"))
    assert not list(out.glob("adapter*"))
    for path in out.iterdir():
        if path.suffix in {".json", ".jinja"}:
            assert str(workspace.folder) not in path.read_text(encoding="utf-8"), path


def test_sixteen_bits_are_rounded_once(workspace: Workspace, tmp_path: Path) -> None:
    adapter = _adapter(workspace, tmp_path / "adapter", "lora")
    agreement = _merge(adapter, tmp_path / "new" / "out", "bfloat16")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "new" / "out", dtype="auto")
    assert plain.dtype == torch.bfloat16
    assert 0 < agreement.largest_difference < 0.05 * agreement.largest_logit
    assert agreement.untouched is not None
    assert agreement.untouched.largest_difference > 0


def _model(folder: Path, *, tied: bool, vocabulary: int = 0, scale: float = 1.0) -> Path:
    """A model with more embeddings than tokens, if asked for, and an output layer of its own."""
    tokenizer = build_tokenizer()
    model = build_model("llama", vocabulary or len(tokenizer))
    model.config.tie_word_embeddings = tied
    with torch.no_grad():
        if not tied:
            head = model.get_input_embeddings().weight.flip(0)
            model.lm_head.weight = torch.nn.Parameter(head.clone())
        for layer in model.model.layers:
            layer.mlp.down_proj.weight.mul_(scale)
            layer.self_attn.q_proj.weight.mul_(scale)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "tied", "vocabulary", "dtype"),
    [
        ("lora", True, 0, "float32"),
        ("lora", False, 0, "float32"),
        ("lora", True, 704, "bfloat16"),
        ("full", True, 0, "bfloat16"),
        ("full", False, 0, "float32"),
    ],
)
def test_plain_transformers_answers_as_the_adapter_does(
    name: str, tied: bool, vocabulary: int, dtype: str, tmp_path: Path
) -> None:
    model = _model(tmp_path / "model", tied=tied, vocabulary=vocabulary)
    adapter = write_adapter(model, tmp_path / "adapter", name)
    out = tmp_path / "out"
    agreement = _merge(adapter, out, dtype)
    assert agreement.same_label == agreement.rows == len(FEW)
    plain = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(out)
    opened = open_adapter(adapter, device="cpu", dtype="float32")
    assert plain.config.tie_word_embeddings == tied
    inside, outside = plain.get_input_embeddings().weight, plain.get_output_embeddings().weight
    assert (inside is outside) == tied
    assert inside.shape == opened.loaded.model.get_input_embeddings().weight.shape
    # In a batch, where the side of the padding decides what is asked.
    texts = ["we sat at the window", "who", "the rain came down all day and we said nothing"]
    system = {"role": "system", "content": opened.encoder.format.system}
    chats = [[system, {"role": "user", "content": text}] for text in texts]
    rendered = tokenizer.apply_chat_template(chats, add_generation_prompt=True, tokenize=False)
    batch = tokenizer(rendered, return_tensors="pt", padding=True, add_special_tokens=False)
    with torch.inference_mode():
        last = plain(**batch).logits[:, -1]
    for text, found in zip(texts, last, strict=True):
        ids = torch.tensor([list(opened.encoder.prompt(text).ids)])
        with torch.inference_mode():
            expected = opened.model(ids).logits[0, -1]
        assert torch.allclose(found, expected, atol=1e-4 if dtype == "float32" else 0.1)


def test_rounding_that_changes_the_base_model_as_much_is_no_fault(tmp_path: Path) -> None:
    model = _model(tmp_path / "model", tied=True, scale=25)
    adapter = write_adapter(model, tmp_path / "adapter", "ia3")
    agreement = _merge(adapter, tmp_path / "out", "bfloat16")
    assert agreement.untouched is not None
    assert agreement.relative > 0.05
    assert agreement.untouched.relative > 0.05


def test_numbers_that_16_bits_cannot_hold_are_refused(tmp_path: Path) -> None:
    model = _model(tmp_path / "model", tied=True, scale=1e6)
    adapter = write_adapter(model, tmp_path / "adapter", "ia3")
    with pytest.raises(RunError, match="numbers that float16 cannot hold"):
        _refused(adapter, tmp_path / "new" / "out", "float16")
    assert not (tmp_path / "new").exists()


def test_a_wrong_merge_is_refused(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = _adapter(workspace, tmp_path / "adapter", "lora")
    merge = METHODS["lora"].merge

    def wrong(model: Any) -> Any:
        merged = merge(model)
        with torch.no_grad():
            merged.model.layers[1].mlp.up_proj.weight[0] += 0.5
        return merged

    monkeypatch.setattr(lora, "METHOD", replace(lora.METHOD, merge=wrong))
    with pytest.raises(RunError, match="where they should be the same"):
        _refused(adapter, tmp_path / "out", "bfloat16")
    assert not (tmp_path / "out").exists()


def _agreement(difference: float, same_label: int, untouched: Agreement | None) -> Agreement:
    return Agreement(difference, 30.0, 4, 200, 150, 40, same_label, untouched)


@pytest.mark.parametrize(
    ("difference", "same_label", "refused"),
    [
        (1.0, 40, False),
        # Other labels, but no more of a difference than in the base model.
        (4.0, 30, False),
        # Large differences in logits that change no label.
        (20.0, 37, False),
        (20.0, 30, True),
        (math.inf, 40, True),
    ],
)
def test_rounding_is_judged_by_labels_and_by_the_base_model(
    difference: float, same_label: int, refused: bool
) -> None:
    agreement = _agreement(difference, same_label, _agreement(2.0, 39, None))
    if not refused:
        check_rounding(agreement, "bfloat16")
        return
    with pytest.raises(RunError, match="use --dtype"):
        check_rounding(agreement, "bfloat16")


def test_labels_are_compared_on_rows_that_are_named(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = _adapter(workspace, tmp_path / "adapter", "ia3")
    rows = tmp_path / "rows.csv"
    rows.write_text("body\nwe won\nwho is there\n \n", encoding="utf-8")
    words = ["export", "--adapter", str(adapter), "--out", str(tmp_path / "out")]
    assert main([*words, "--rows", str(rows)]) == 2
    assert "unknown column 'text'" in capsys.readouterr().err
    assert main([*words, "--rows", str(rows), "--text", "body", "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["rows"] == 2
    assert "the label is the same in 2 of 2 rows" in captured.err


@pytest.mark.parametrize("name", SOFT)
def test_a_soft_prompt_cannot_be_merged(name: str, workspace: Workspace, tmp_path: Path) -> None:
    adapter = _adapter(workspace, tmp_path / "adapter", name)
    with pytest.raises(UsageError, match="cannot be merged into the weights") as raised:
        _refused(adapter, tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(workspace: Workspace, tmp_path: Path) -> None:
    adapter = _adapter(workspace, tmp_path / "adapter", "ia3")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something already"):
        _refused(adapter, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_pushed_on_request_only(workspace: Workspace, tmp_path: Path) -> None:
    adapter = _adapter(workspace, tmp_path / "adapter", "ia3")
    asked: list[tuple[str, str]] = []
    sent: dict[str, Any] = {}

    class Hub(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.path, str(self.headers.get("Authorization"))))
            if self.path.endswith("/repos/create"):
                sent["repository"] = json.loads(body)
                self._send({"url": f"http://{self.headers['Host']}/someone/tiny"})
            elif "/preupload/" in self.path:
                files = [one["path"] for one in json.loads(body)["files"]]
                self._send(
                    {
                        "files": [
                            {"path": one, "uploadMode": "regular", "shouldIgnore": False}
                            for one in files
                        ]
                    }
                )
            elif "/commit/" in self.path:
                lines = [json.loads(line) for line in body.splitlines() if line]
                sent["files"] = [one["value"]["path"] for one in lines if one["key"] == "file"]
                page = f"http://{self.headers['Host']}/someone/tiny"
                self._send({"commitUrl": f"{page}/commit/1", "commitOid": "1"})
            else:
                self._send({})

        def do_GET(self) -> None:
            asked.append((self.path, str(self.headers.get("Authorization"))))
            self._send({"id": "someone/tiny", "sha": "1", "siblings": [], "private": True})

        def _send(self, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """The server stays silent."""

    def export(out: str, *more: str, token: str = "") -> Any:
        words = ["export", "--adapter", str(adapter), "--out", str(tmp_path / out), *more]
        script = f"import sys; from tunelab.cli.main import main; sys.exit(main({words!r}))"
        return run_against(address, script, tmp_path / "home", token=token)

    with serving(Hub) as address:
        unasked = export("unasked", token=TOKEN)
        assert unasked.returncode == 0, unasked.stderr
        assert "the logits differ by" in unasked.stderr
        assert asked == []
        refused = export("refused", "--push", "someone/tiny")
        assert refused.returncode == 2
        assert "set HF_TOKEN" in refused.stderr
        assert asked == []
        assert not (tmp_path / "refused").exists()
        # The folder already is this export, and is uploaded as it is.
        pushed = export("unasked", "--push", "someone/tiny", token=TOKEN)
    assert pushed.returncode == 0, pushed.stderr
    assert sent["repository"]["visibility"] == "private"
    assert {"README.md", "model.safetensors", "config.json"} <= set(sent["files"])
    card = ModelCard.load(tmp_path / "unasked" / "README.md")
    assert "differ by" in card.content
    assert str(adapter.parent) not in card.content
    assert all(token in (f"Bearer {TOKEN}", "None") for _, token in asked)
    assert TOKEN not in pushed.stderr + pushed.stdout
    for path in (tmp_path / "unasked").iterdir():
        assert TOKEN.encode() not in path.read_bytes()


@pytest.mark.parametrize("name", ["tiny", "a/b/c", "-x/y", "../x"])
def test_a_wrong_repository_is_refused_first(
    name: str, workspace: Workspace, tmp_path: Path
) -> None:
    from tunelab.serving.publish import check_repository

    with pytest.raises(UsageError, match="OWNER/NAME"):
        check_repository(name)
