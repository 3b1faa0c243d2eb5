"""Small real parts that tests share: a trained tokenizer, a tiny random model."""

import atexit
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# Tests run in several processes; each takes one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# No hidden states in the user's own cache; a test that wants some names a cache of its own.
os.environ["TUNELAB_STATES"] = "0"
# Workers of pytest-xdist have a width; a test that wants one sets it.
os.environ.pop("COLUMNS", None)
# How long an example takes depends on the machine and on what else it does.
hypothesis.settings.register_profile("tunelab", deadline=None)
hypothesis.settings.load_profile("tunelab")


@pytest.fixture(scope="module", autouse=True)
def _freeze_modules() -> None:
    """Leave what is imported out of further collections, each of which would visit all of it."""
    gc.collect()
    gc.freeze()


CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + "
    "message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LABELS = ("sadness", "joy", "love", "anger", "fear", "surprise")


def build_tokenizer(template: str | dict[str, str] | None = CHATML) -> Any:
    """A byte-level BPE tokenizer, trained on a few sentences."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    lines = [
        "Classify the emotion of the text. Answer with one word from this list.",
        "system user assistant text label " + " ".join(LABELS),
        "the rain came down all day and we sat at the window and said nothing",
    ]
    backend.train_from_iterator(lines * 4, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = template
    tokenizer.padding_side = "left"
    return tokenizer


def build_model(family: str = "llama", vocabulary: int = 600, seed: int = 0) -> Any:
    """A tiny random model of a family, in float32."""
    import torch
    from transformers import (
        AutoModelForCausalLM,
        Gemma3TextConfig,
        LlamaConfig,
        MistralConfig,
        Phi3Config,
        Qwen3Config,
    )

    shape = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 512,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    configs = {
        "llama": LlamaConfig,
        "mistral": MistralConfig,
        "phi3": Phi3Config,
        "gemma3": Gemma3TextConfig,
        "qwen3": Qwen3Config,
    }
    torch.manual_seed(seed)
    config = configs[family](**shape, tie_word_embeddings=family != "mistral")
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    # Larger weights than at the start of a training, so that outputs differ between inputs.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
    return model.eval()


def shorten_windows(model: Any, family: str, window: int) -> None:
    """Give the layers that slide, which are all of Mistral's, another window."""
    model.config.sliding_window = window
    for layer in model.model.layers:
        if getattr(layer.self_attn, "sliding_window", None) is not None or family == "mistral":
            layer.self_attn.sliding_window = window


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return build_tokenizer()


@pytest.fixture
def tiny_model() -> Any:
    return build_model()


TEXTS = {
    "joy": ["we won the game", "the sun came out again", "she laughed all day", "what a good song"],
    "fear": ["the door moved at night", "my hands shook", "who is there", "it is too dark to see"],
    "anger": ["he broke it again", "stop calling me", "they lied to us", "give that back now"],
}


def write_rows(path: Path, copies: int = 6) -> Path:
    """A CSV of labelled texts, no two alike, with other columns to choose from."""
    lines = ["text,label,note,group"]
    for number in range(copies):
        for label, texts in TEXTS.items():
            for position, text in enumerate(texts):
                lines.append(
                    f"{text} {number},{label},note {label} {number} {position},{'ab'[position % 2]}"
                )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_model(folder: Path, family: str = "llama", seed: int = 0) -> Path:
    """A model folder with a tiny random model and a tokenizer."""
    tokenizer = build_tokenizer()
    build_model(family, len(tokenizer), seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Workspace:
    """A folder with a model, labelled rows and a small study over them."""

    folder: Path
    study: Path

    def command(self, *words: str) -> list[str]:
        """A command line of tunelab in a process of its own, which begins at once."""
        return [sys.executable, "-S", "-E", str(FORKED), "run", fork_server(), *words]

    def fresh_command(self, *words: str) -> list[str]:
        """A command line of tunelab in a fresh interpreter, which takes seconds to begin."""
        return [sys.executable, "-m", "tunelab", *words]


FORKED = Path(__file__).with_name("forked.py")


@cache
def fork_server() -> str:
    """The socket of a server that forks commands, started once; it ends with this process."""
    folder = tempfile.mkdtemp(prefix="tunelab-fork-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ready, end = os.pipe()
    path = str(Path(folder) / "socket")
    server = subprocess.Popen(
        [sys.executable, str(FORKED), "serve", path, str(end)],
        stdin=subprocess.PIPE,
        pass_fds=[end],
    )
    atexit.register(server.communicate)
    os.close(end)
    with os.fdopen(ready, "rb") as pipe:
        assert pipe.read(1) == b"r", "the server of forked commands did not start"
    return path


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("workspace")
    model = write_model(folder / "model")
    rows = write_rows(folder / "rows.csv")
    write_rows(folder / "more.csv", copies=9)
    study = folder / "study.yaml"
    study.write_text(
        f"""
name: small
data: {{source: {rows}, sample: {{train: 24, validation: 6, test: 9}}}}
prompt: {{system: "Labels are {{labels}}.", max_length: 96}}
models: {{base: null, instruct: {model}}}
methods: [{{name: lora, r: 4, alpha: 8}}]
training: {{epochs: 2, batch_size: 8, learning_rate: 0.01, tracking: []}}
evaluation: {{max_new_tokens: 4, baselines: [majority], facts_seconds: 0}}
""",
        encoding="utf-8",
    )
    return Workspace(folder, study)


def write_adapter(
    model: Path,
    folder: Path,
    name: str = "lora",
    *,
    labels: Sequence[str] = LABELS,
    style: str = "chat",
    dtype: str = "float32",
) -> Path:
    """An adapter of a method on a model folder, moved away from where a training begins."""
    import torch

    from tunelab import registry
    from tunelab.classifiers.adapters import save_adapter
    from tunelab.models.loading import load
    from tunelab.prompts.conversation import make_format
    from tunelab.prompts.encoding import Encoder

    loaded = load(str(model), dtype=dtype)
    format = make_format(
        loaded.tokenizer, system="One of {labels}.", labels=labels, style=style, max_length=128
    )
    method = registry.resolve("method", name, registry.METHODS)
    settings = method.Settings.model_validate({"r": 4} if "ora" in name else {})
    torch.manual_seed(1)
    adapted = method.adapt(loaded.model, settings, [5, 6, 7])
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    folder.mkdir(parents=True, exist_ok=True)
    encoder = Encoder(loaded.tokenizer, format)
    save_adapter(folder, adapted, method=name, loaded=loaded, encoder=encoder, run="none")
    return folder
