"""Adapters: PEFT's files and tunelab's record beside them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile.cases import Case, harmless, refused
from parsers import safetensors
from tunelab.classifiers.adapters import open_adapter, read_record
from tunelab.config import fingerprint
from tunelab.methods.adapter_checks import check_adapter
from tunelab.prompts.conversation import read_format

_LORA: dict[str, Any] = {"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"]}
_PREFIX: dict[str, Any] = {
    "peft_type": "PREFIX_TUNING",
    "num_virtual_tokens": 5,
    "token_dim": 16,
    "num_layers": 3,
}
_THIN = {"base_model.model.q_proj.lora_A.weight": (4, 8)}


def _adapter(
    values: Any, shapes: dict[str, tuple[int, ...]] | None = None, **more: Any
) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        written = values if isinstance(values, str) else json.dumps({**values, **more})
        (folder / "adapter_config.json").write_text(written)
        (folder / "adapter_model.safetensors").write_bytes(safetensors(shapes or _THIN))
        check_adapter(folder)
        return folder

    return give


def _files(**contents: bytes) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        (folder / "adapter_config.json").write_text(json.dumps(_LORA))
        for name, content in contents.items():
            (folder / name.replace("_DOT_", ".")).write_bytes(content)
        check_adapter(folder)

    return give


def _linked(name: str, target: str) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        adapter = folder / "adapter"
        adapter.mkdir()
        (folder / "other").write_bytes(safetensors(_THIN))
        (adapter / "adapter_config.json").write_text(json.dumps(_LORA))
        (adapter / "adapter_model.safetensors").write_bytes(safetensors(_THIN))
        (adapter / name).unlink(missing_ok=True)
        (adapter / name).symlink_to(target)
        check_adapter(adapter)
        read_record(adapter)

    return give


def prompt_record(**changes: Any) -> dict[str, Any]:
    """A prompt whose hash fits, as a stranger can make one."""
    values = {
        "system": "s",
        "labels": ["joy", "fear"],
        "style": "plain",
        "template": "t",
        "max_length": 64,
        **changes,
    }
    return {**values, "hash": fingerprint(values)}


def _record(content: str | None = None, **changes: Any) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        values = {
            "method": "lora",
            "model": "smollm2-135m-instruct",
            "model_hash": "x",
            "prompt": prompt_record(),
            "probe": {"text": "a", "ids": [1]},
            **changes,
        }
        (folder / "tunelab.json").write_text(json.dumps(values) if content is None else content)
        return read_format(read_record(folder)["prompt"])

    return give


def _opened(**changes: Any) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        _record(**changes)(folder)
        return open_adapter(folder, device="cpu", dtype="float32")

    return give


_NONE_OF_OURS = "is not one that tunelab writes"
_NOT_FIT = "do not fit each other"
_STRANGE = "has a value that tunelab never writes"

CASES: list[Case] = [
    harmless(
        "an adapter as tunelab writes it",
        lambda found: found.is_dir(),
        _adapter(_LORA, base_model_name_or_path="../../etc"),
    ),
    refused(
        "pickled weights",
        "pickled weights .* never read",
        _files(adapter_model_DOT_bin=b"\x80\x04cos\nsystem\n(S'x'\ntR."),
    ),
    refused(
        "weights that are no safetensors",
        "not a complete safetensors",
        _files(adapter_model_DOT_safetensors=b"\x80\x04."),
    ),
    refused(
        "weights that are a pickle with a long name",
        "not a complete safetensors",
        _files(adapter_model_DOT_safetensors=b"\xff" * 64),
    ),
    refused("no weights", "holds no adapter_model", _files()),
    refused(
        "weights that are a link out", "leads out", _linked("adapter_model.safetensors", "../other")
    ),
    refused(
        "weights that are a device", "leads out", _linked("adapter_model.safetensors", "/dev/zero")
    ),
    refused(
        "a configuration that is a link out",
        "leads out",
        _linked("adapter_config.json", "/etc/passwd"),
    ),
    refused("a record that is a link out", "leads out", _linked("tunelab.json", "/etc/passwd")),
    refused(
        "a file of another name that is a link out",
        "leads out",
        _linked("README.md", "/etc/passwd"),
    ),
    refused(
        "a module to import",
        _NONE_OF_OURS,
        _adapter(_LORA, auto_mapping={"parent_library": "os", "base_model_class": "system"}),
    ),
    refused(
        "Megatron's module",
        _NONE_OF_OURS,
        _adapter(_LORA, megatron_config={"a": 1}, megatron_core="os"),
    ),
    refused(
        "another name of that module", _NONE_OF_OURS, _adapter(_LORA, megatron_core="antigravity")
    ),
    refused(
        "layers that are repeated",
        _NONE_OF_OURS,
        _adapter(_LORA, layer_replication=[[0, 4]] * 1000),
    ),
    refused("further modules to keep", _NONE_OF_OURS, _adapter(_LORA, modules_to_save=["lm_head"])),
    refused("patterns of ranks", _NONE_OF_OURS, _adapter(_LORA, rank_pattern={"(a+)+$": 10**9})),
    refused("patterns of scales", _NONE_OF_OURS, _adapter(_LORA, alpha_pattern={".*": 1})),
    refused("another beginning", _NONE_OF_OURS, _adapter(_LORA, init_lora_weights="pissa")),
    refused("a quantizer", _NONE_OF_OURS, _adapter(_LORA, loftq_config={"loftq_bits": 4})),
    refused("tokens to train", _NONE_OF_OURS, _adapter(_LORA, trainable_token_indices=[0])),
    refused("an unknown setting", _NONE_OF_OURS, _adapter(_LORA, evil="x")),
    refused(
        "a setting of 10,000 letters", _NONE_OF_OURS, _adapter(_LORA, None, **{"x" * 10_000: 1})
    ),
    refused("modules by a pattern", _STRANGE, _adapter(_LORA, target_modules="(a+)+$")),
    refused("modules with a pattern's marks", _STRANGE, _adapter(_LORA, target_modules=["(a+)+$"])),
    refused("a module that is a number", _STRANGE, _adapter(_LORA, target_modules=[1])),
    refused("20,000 modules", _STRANGE, _adapter(_LORA, target_modules=["q"] * 20_000)),
    refused("a rank of a billion", _STRANGE, _adapter(_LORA, r=10**9)),
    refused("a rank below nothing", _STRANGE, _adapter(_LORA, r=-1)),
    refused("a rank that the weights have not", _NOT_FIT, _adapter(_LORA, r=512)),
    refused("a rank that is a text", _NOT_FIT, _adapter(_LORA, r="4")),
    refused(
        "a prefix of 100,000",
        _NOT_FIT,
        _adapter(_PREFIX, {"prompt_embeddings": (5, 96)}, num_virtual_tokens=100_000),
    ),
    refused(
        "a prefix of 100,000 layers",
        _NOT_FIT,
        _adapter(_PREFIX, {"prompt_embeddings": (5, 96)}, num_layers=100_000),
    ),
    refused(
        "a prefix of another width",
        _NOT_FIT,
        _adapter(_PREFIX, {"prompt_embeddings": (5, 96)}, token_dim=1_000),
    ),
    refused(
        "weights of another kind beside",
        _NOT_FIT,
        _adapter(_PREFIX, {"prompt_embeddings": (5, 96), "evil": (1,)}),
    ),
    refused(
        "a text to begin at, and its tokenizer",
        _NONE_OF_OURS,
        _adapter(
            {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 5, "token_dim": 8},
            {"prompt_embeddings": (5, 8)},
            prompt_tuning_init="TEXT",
            tokenizer_name_or_path="evil/evil",
        ),
    ),
    refused(
        "arguments of a tokenizer",
        _NONE_OF_OURS,
        _adapter({"peft_type": "PROMPT_TUNING"}, tokenizer_kwargs={"trust_remote_code": True}),
    ),
    refused(
        "another method of PEFT's",
        "is not a method of tunelab",
        _adapter({"peft_type": "MULTITASK_PROMPT_TUNING"}),
    ),
    refused(
        "a method that is a list", "is not a method of tunelab", _adapter({"peft_type": ["LORA"]})
    ),
    refused("no method", "is not a method of tunelab", _adapter({})),
    refused("a configuration that is no JSON", "damaged", _adapter("{")),
    refused("a configuration that is a list", "damaged", _adapter("[]")),
    refused("a deep configuration", "damaged", _adapter("[" * 100_000)),
    refused("a record that is no JSON", "damaged", _record("{")),
    refused("a deep record", "damaged", _record("[" * 100_000)),
    refused("a record that is a text", "damaged", _record('"prompt"')),
    refused("a record without a probe", "damaged", _record(probe=None)),
    refused("a record whose prompt is a list", "damaged", _record(prompt=[1])),
    refused(
        "a prompt that was changed",
        "was changed after training",
        _record(prompt={**prompt_record(), "system": "evil"}),
    ),
    refused("a prompt of no labels", "damaged", _record(prompt=prompt_record(labels=[]))),
    refused(
        "a prompt of blank labels", "a label is blank", _record(prompt=prompt_record(labels=[" "]))
    ),
    refused("a prompt of an unknown style", "damaged", _record(prompt=prompt_record(style="evil"))),
    refused("a prompt of no length", "damaged", _record(prompt=prompt_record(max_length=-1))),
    refused(
        "a prompt with half a character",
        "damaged",
        _record(prompt={**prompt_record(), "system": "\ud800"}),
    ),
    refused(
        "a model that is a system's folder", "(?:no|not a) model folder", _opened(model="/etc")
    ),
    refused(
        "a model that leads out",
        "(?:no|not a) model folder|unknown model",
        _opened(model="../../../../etc"),
    ),
    refused("a model that is an endpoint", "unknown model", _opened(model="http://h/v1#m")),
]
