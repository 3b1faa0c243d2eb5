"""A transformers folder with int8 weights of torchao, for machines without an accelerator."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tunelab.classifiers.language_model import LanguageModel
from tunelab.methods.contract import find_method
from tunelab.runs.results import write_json
from tunelab.serving.export_agreement import sample_texts
from tunelab.serving.formats import merged
from tunelab.serving.formats.contract import SETTINGS, Source
from tunelab.serving.merging import merge_exactly, save_merged


def _write(source: Source, folder: Path, type: str) -> Mapping[str, Any]:
    from torchao.quantization import Int8WeightOnlyConfig
    from transformers import AutoModelForCausalLM, TorchAoConfig

    fitted = source.fitted
    assert isinstance(fitted, LanguageModel)
    merge = find_method(str(source.record["method"])).merge
    whole, _ = merge_exactly(fitted, merge, sample_texts())
    with TemporaryDirectory(prefix="tunelab-", dir=folder.parent) as plain:
        # transformers rounds weights as it reads them, and keeps how in the configuration.
        save_merged(whole, fitted, Path(plain))
        rounded = AutoModelForCausalLM.from_pretrained(
            plain,
            quantization_config=TorchAoConfig(Int8WeightOnlyConfig()),
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
    save_merged(rounded, fitted, folder)
    write_json(folder / SETTINGS, merged.prompt_settings(fitted))
    return {}


FORMAT = replace(
    merged.FORMAT,
    name="torchao",
    title="a transformers model with int8 weights of torchao",
    types={"int8": None},
    write=_write,
    packages={**merged.FORMAT.packages, "torchao": "torchao"},
    extra="torchao",
)
