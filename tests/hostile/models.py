"""Model folders."""

import json
import shutil
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from conftest import write_model
from hostile.cases import Case, harmless, refused
from parsers import safetensors
from tunelab.memory.configurations import configuration
from tunelab.models.catalog import find
from tunelab.models.loading import fetch, load, load_tokenizer
from tunelab.tokenizers.loading import load as load_fast


@cache
def whole_model() -> Path:
    """A tiny model that works; each row spoils a copy of it."""
    return write_model(Path(mkdtemp(prefix="model-")) / "model")


def _spoiled(
    spoil: Callable[[Path], Any], use: Callable[[str], Any] = lambda name: fetch(find(name))
) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        model = Path(shutil.copytree(whole_model(), folder / "model"))
        spoil(model)
        return use(str(model))

    return give


def _config(**values: Any) -> Callable[[Path], Any]:
    def spoil(model: Path) -> None:
        path = model / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return spoil


def _write(name: str, content: str | bytes) -> Callable[[Path], Any]:
    return lambda model: (model / name).write_bytes(
        content.encode() if isinstance(content, str) else content
    )


def _pickled(model: Path) -> None:
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n(S'touch /tmp/no'\ntR.")


def _link(name: str, target: str) -> Callable[[Path], Any]:
    def spoil(model: Path) -> None:
        (model / name).unlink(missing_ok=True)
        (model / name).symlink_to(target)

    return spoil


def _index(names: list[str]) -> Callable[[Path], Any]:
    return _write(
        "model.safetensors.index.json", json.dumps({"weight_map": dict(enumerate(names))})
    )


def _header(size: int, content: bytes = b"{}") -> Callable[[Path], Any]:
    return _write("model.safetensors", struct.pack("<Q", size) + content)


def _beyond(model: Path) -> None:
    header = {"a": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4 * 10**18]}}
    written = json.dumps(header).encode()
    (model / "model.safetensors").write_bytes(struct.pack("<Q", len(written)) + written + bytes(8))


def _code(model: Path) -> None:
    (model / "evil.py").write_text(f"open({str(model / 'ran')!r}, 'w')")
    _config(auto_map={"AutoModelForCausalLM": "evil.Model", "AutoConfig": "evil.Config"})(model)


def _tokenizer_code(model: Path) -> None:
    (model / "evil.py").write_text("raise SystemExit")
    path = model / "tokenizer_config.json"
    values = {**json.loads(path.read_text()), "auto_map": {"AutoTokenizer": ["evil.T", None]}}
    path.write_text(json.dumps(values))


def _unused_code(model: Path) -> Any:
    return (model / "evil.py").write_text(f"open({str(model / 'ran')!r}, 'w')")


_LARGER = "far larger model"
_load: Callable[[str], Any] = load
_tokenizer: Callable[[str], Any] = load_tokenizer

CASES: list[Case] = [
    refused("pickled weights alone", r"holds no \*\.safetensors", _spoiled(_pickled)),
    refused("code of its own", "never run", _spoiled(_code)),
    refused("code of its own, to load", "never run", _spoiled(_code, _load)),
    refused("code for the configuration", "never run", _spoiled(_code, configuration)),
    refused("code for the tokenizer", "never run", _spoiled(_tokenizer_code, _tokenizer)),
    harmless(
        "code that nothing asks for does not run",
        lambda loaded: not (loaded.folder / "ran").exists(),
        _spoiled(_unused_code, _load),
    ),
    refused(
        "a configuration of an adapter, which loads another model",
        "is an adapter",
        _spoiled(_write("adapter_config.json", '{"base_model_name_or_path": "/etc"}'), _load),
    ),
    refused(
        "weights that are a link out",
        "leads out",
        _spoiled(_link("model.safetensors", "/etc/passwd")),
    ),
    refused(
        "a configuration that is a link out",
        "leads out",
        _spoiled(_link("config.json", "/etc/hostname")),
    ),
    refused(
        "a tokenizer that is a link out",
        "leads out",
        _spoiled(_link("tokenizer.json", "/etc/passwd"), _tokenizer),
    ),
    refused(
        "the same for the laboratory",
        "leads out",
        _spoiled(_link("tokenizer.json", "/etc/passwd"), load_fast),
    ),
    refused(
        "a link to a device", "leads out", _spoiled(_link("generation_config.json", "/dev/zero"))
    ),
    refused("a link to itself", "leads out", _spoiled(_link("merges.txt", "merges.txt"))),
    refused("an index that leads out", "leads out", _spoiled(_index(["../../a.safetensors"]))),
    refused("an index of an absolute path", "leads out", _spoiled(_index(["/etc/passwd"]))),
    refused(
        "an index of parts that are not there", "is missing", _spoiled(_index(["b.safetensors"]))
    ),
    refused("an index of numbers", "damaged", _spoiled(_index([7]))),  # type: ignore[list-item]
    refused(
        "a deep index", "damaged", _spoiled(_write("model.safetensors.index.json", "[" * 100_000))
    ),
    refused("a configuration that is no JSON", "damaged", _spoiled(_write("config.json", "{"))),
    refused("a configuration that is a list", "damaged", _spoiled(_write("config.json", "[]"))),
    refused("a deep configuration", "damaged", _spoiled(_write("config.json", '{"a":' * 50_000))),
    refused(
        "a configuration of 6 MB",
        "larger than 5 MB",
        _spoiled(_write("config.json", " " * 6_000_000)),
    ),
    refused(
        "a number of 10,000 digits",
        "damaged",
        _spoiled(_write("config.json", '{"a":' + "9" * 10_000 + "}")),
    ),
    refused("a billion layers", _LARGER, _spoiled(_config(num_hidden_layers=10**9))),
    refused(
        "a billion layers, to estimate",
        _LARGER,
        _spoiled(_config(num_hidden_layers=10**9), configuration),
    ),
    refused("a billion heads", _LARGER, _spoiled(_config(num_attention_heads=10**9))),
    refused("a billion experts", _LARGER, _spoiled(_config(num_local_experts=10**9))),
    refused("a vocabulary of a trillion", _LARGER, _spoiled(_config(vocab_size=10**12))),
    refused("a width of a million", _LARGER, _spoiled(_config(hidden_size=10**6))),
    refused("an MLP of a billion", _LARGER, _spoiled(_config(intermediate_size=10**9))),
    refused(
        "the same within", _LARGER, _spoiled(_config(text_config={"num_hidden_layers": 10**9}))
    ),
    refused(
        "an unknown family",
        "cannot be read",
        _spoiled(_config(model_type="evil", architectures=["Evil"]), _load),
    ),
    refused(
        "a family that is a path", "cannot be read", _spoiled(_config(model_type="../evil"), _load)
    ),
    refused("a header of 2^60 bytes", "cannot be read", _spoiled(_header(2**60), _load)),
    refused("a header that is no JSON", "cannot be read", _spoiled(_header(4, b"{{{{"), _load)),
    refused("a deep header", "cannot be read", _spoiled(_header(60_000, b"[" * 60_000), _load)),
    refused("weights beyond the file", "cannot be read", _spoiled(_beyond, _load)),
    refused(
        "weights of other shapes",
        "cannot be read",
        _spoiled(
            _write("model.safetensors", safetensors({"model.embed_tokens.weight": (3, 3)})), _load
        ),
    ),
    refused(
        "a tokenizer that is no JSON",
        "cannot be read",
        _spoiled(_write("tokenizer.json", "{"), _tokenizer),
    ),
    refused(
        "a deep tokenizer",
        "cannot be read",
        _spoiled(_write("tokenizer.json", "[" * 100_000), _tokenizer),
    ),
    refused(
        "a deep tokenizer for the laboratory",
        "cannot be read as a tokenizer.json",
        _spoiled(_write("tokenizer.json", "[" * 100_000), load_fast),
    ),
    refused(
        "a file as a model",
        "(?:no|not a) model folder",
        lambda folder: fetch(find(str((folder / "a").write_text("x") and folder / "a"))),
    ),
    refused("a name of 5,000 letters", "unknown model", lambda _: find("a" * 5_000)),
    refused(
        "a path of 5,000 letters", "(?:no|not a) model folder", lambda _: find("./" + "a" * 5_000)
    ),
    refused(
        "an address as a model", "unknown model|no model", lambda _: find("http://a.b/c/model")
    ),
]
