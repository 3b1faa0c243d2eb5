"""Files and folders have the modes that the umask gives, whoever wrote them."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tunelab.guards.file_modes import follow_umask
from tunelab.models.cache import cached
from tunelab.runs.results import write_atomically, write_json, write_table
from tunelab.runs.stages import locked, replace_folder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _fill(folder: Path) -> None:
    save_file({"a": torch.zeros(2)}, folder / "weights.safetensors")
    (folder / "card.md").write_text("a card")
    (folder / "private").mkdir(mode=0o700)


@pytest.mark.parametrize(
    ("mask", "file", "folder"),
    [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0o002, 0o664, 0o775), (0o027, 0o640, 0o750)],
)
def test_whatever_is_written_follows_the_umask(
    mask: int, file: int, folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    with _umask(mask):
        out = tmp_path / "out"
        write_json(out / "a.json", {})
        write_table(out / "a.parquet", [{"a": 1}])
        tensors = {"a": torch.zeros(2)}
        write_atomically(out / "a.safetensors", lambda temporary: save_file(tensors, temporary))
        replace_folder(out / "adapter", _fill)
        with locked(tmp_path / "run"):
            (tmp_path / "run" / "kept").write_text("")
        entry = cached("m", _fill)
    for position in (out, tmp_path / "run", entry):
        for path in [position, *position.rglob("*")]:
            expected = folder if path.is_dir() else file
            assert stat.S_IMODE(path.stat().st_mode) == expected, path
    assert {"a.safetensors", "adapter"} <= {path.name for path in out.iterdir()}


def test_other_bits_and_links_stay(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    outside.chmod(0o600)
    inside = tmp_path / "folder"
    inside.mkdir()
    inside.chmod(0o2700)
    (inside / "link").symlink_to(outside)
    with _umask(0o022):
        follow_umask(inside)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600
    assert stat.S_IMODE(inside.stat().st_mode) == 0o2755
    assert [path.name for path in inside.iterdir()] == ["link"]
