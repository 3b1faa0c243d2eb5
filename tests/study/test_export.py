"""Exported models: plain transformers folders with equal logits; nothing is sent unasked."""

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from conftest import Workspace, write_adapter
from loopback import run_against, serving
from tunelab import registry
from tunelab.errors import UsageError
from tunelab.study.adapters import open_adapter
from tunelab.study.export import export_adapter

METHODS = {name: registry.resolve("method", name, registry.METHODS) for name in registry.METHODS}
MERGED = [name for name, method in METHODS.items() if method.merge is not None]
SOFT = [name for name in METHODS if name not in MERGED]
TOKEN = "hf_" + "x" * 34


def _adapter(workspace: Workspace, folder: Path, name: str) -> Path:
    return write_adapter(workspace.folder / "model", folder, name)


@pytest.mark.parametrize("name", MERGED)
def test_merged_folder_has_the_adapters_logits(
    name: str, workspace: Workspace, tmp_path: Path
) -> None:
    adapter = _adapter(workspace, tmp_path / "adapter", name)
    out = tmp_path / "out"
    agreement = export_adapter(adapter, out)
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
    card = ModelCard.load(out / "README.md")
    assert card.data.library_name == "transformers"
    assert "differ by" in card.content
    for path in out.iterdir():
        if path.suffix in {".json", ".md", ".jinja"}:
            assert str(workspace.folder) not in path.read_text(encoding="utf-8"), path


def test_sixteen_bits_are_rounded_once(workspace: Workspace, tmp_path: Path) -> None:
    adapter = _adapter(workspace, tmp_path / "adapter", "lora")
    agreement = export_adapter(adapter, tmp_path / "out", dtype="bfloat16")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype="auto")
    assert plain.dtype == torch.bfloat16
    assert 0 < agreement.largest_difference < 0.05 * agreement.largest_logit


@pytest.mark.parametrize("name", SOFT)
def test_a_soft_prompt_cannot_be_merged(name: str, workspace: Workspace, tmp_path: Path) -> None:
    adapter = _adapter(workspace, tmp_path / "adapter", name)
    with pytest.raises(UsageError, match="cannot be merged into the weights") as raised:
        export_adapter(adapter, tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(workspace: Workspace, tmp_path: Path) -> None:
    adapter = _adapter(workspace, tmp_path / "adapter", "ia3")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something already"):
        export_adapter(adapter, tmp_path / "out")
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
        pushed = export("pushed", "--push", "someone/tiny", token=TOKEN)
    assert pushed.returncode == 0, pushed.stderr
    assert sent["repository"]["visibility"] == "private"
    assert {"README.md", "model.safetensors", "config.json"} <= set(sent["files"])
    assert all(token in (f"Bearer {TOKEN}", "None") for _, token in asked)
    assert TOKEN not in pushed.stderr + pushed.stdout
    for path in (tmp_path / "pushed").iterdir():
        assert TOKEN.encode() not in path.read_bytes()


@pytest.mark.parametrize("name", ["tiny", "a/b/c", "-x/y", "../x"])
def test_a_wrong_repository_is_refused_first(
    name: str, workspace: Workspace, tmp_path: Path
) -> None:
    from tunelab.study.publish import check_repository

    with pytest.raises(UsageError, match="OWNER/NAME"):
        check_repository(name)
