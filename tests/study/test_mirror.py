"""A run folder on a real S3 server: fetched, sent, gone on with from another machine."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from conftest import Workspace
from s3_server import PYTHON, s3_server
from tunelab.classifiers.contract import LabelAnswer
from tunelab.runs.storage import download, list_files, read_bytes, write_bytes
from tunelab.serving.prediction_parts import Counts, label_parts, part_name, write_part
from tunelab.serving.text_chunks import Chunk, read_chunks
from tunelab.study.mirror import fetch, send

pytestmark = pytest.mark.skipif(not PYTHON, reason="TUNELAB_MOTO names no Python with moto")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as bucket:
        yield bucket


def _run(workspace: Workspace, cache: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        workspace.command(*words),
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "TUNELAB_CACHE": str(cache)},
    )


def test_a_study_goes_on_from_another_machine(
    s3: str, workspace: Workspace, tmp_path: Path
) -> None:
    out = f"{s3}/runs/small"
    words = ["run", str(workspace.study), "--out", out]
    first = _run(workspace, tmp_path / "one", *words)
    assert first.returncode == 0, first.stderr
    names = list_files(out)
    assert {"results.parquet", "report.html", "adapters/lora/tunelab.json"} <= set(names)
    assert not [name for name in names if name.startswith(".") or "checkpoint" in name]
    records = {name: read_bytes(f"{out}/{name}") for name in names if "result.json" in name}
    assert len(records) == 7
    # A machine that has nothing: all of it is fetched, and no stage is repeated.
    second = _run(workspace, tmp_path / "two", *words)
    assert second.returncode == 0, second.stderr
    assert second.stderr.count("finished before, kept") == 7
    assert records == {name: read_bytes(f"{out}/{name}") for name in records}


def test_a_cell_of_ray_reads_and_writes_the_bucket(
    s3: str, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker does with a cell, on a machine that shares no disk with the driver."""
    from tunelab.config import to_dict
    from tunelab.study.cell_list import cells_of
    from tunelab.study.engines.ray import _run as run_on_worker
    from tunelab.study.opening import open_study
    from tunelab.study.prepare import prepare

    study = open_study(str(workspace.study), ["training.epochs=1"])
    data = prepare(study.data, seed=study.seed, out=tmp_path / "driver")
    cell = cells_of(study)[-1]
    shared = (to_dict(study), data)
    url = f"{s3}/runs/cells"
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "one"))
    results, failure = run_on_worker(shared, cell, "/nowhere", url, 1)
    assert failure is None
    assert [result.stage for result in results] == ["train", "evaluate", "review"]
    before = list_files(url)
    assert f"adapters/{cell.name}/adapter_model.safetensors" in before
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "two"))
    again, _ = run_on_worker(shared, cell, "/nowhere", url, 1)
    assert [dict(result.values) for result in again] == [dict(result.values) for result in results]
    fetch(url, tmp_path / "driver")
    for result in results:
        assert (tmp_path / "driver" / result.stage / result.folder.name / "result.json").is_file()


def test_records_come_after_what_they_speak_of(s3: str, tmp_path: Path) -> None:
    """A sender that dies at any file leaves no record whose files are missing."""
    here, url = tmp_path / "here", f"{s3}/order"
    for name in ("train/a-1/history.parquet", "train/a-1/result.json", "adapters/a/tunelab.json"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(name)
    (here / "adapters/a/adapter_model.safetensors").write_text("weights")
    (here / "train/a-1/checkpoint-5").mkdir()
    (here / "train/a-1/checkpoint-5/optimizer.pt").write_text("not sent")
    send(url, here)
    (here / "adapters/a/tunelab.json").write_text("of a later training")
    (here / "adapters/a/adapter_model.safetensors").write_text("Weights")
    send(url, here)
    there = tmp_path / "there"
    fetch(url, there)
    assert (there / "adapters/a/adapter_model.safetensors").read_text() == "Weights"
    assert sorted(list_files(str(there))) == sorted(list_files(url))
    assert len(list_files(url)) == 4
    shutil.rmtree(there)


def test_parts_of_a_prediction(s3: str, tmp_path: Path) -> None:
    source, out = f"{s3}/texts/one.txt", f"{s3}/labels"
    write_bytes(source, "".join(f"text {n}\n" for n in range(25)).encode())
    download(source, tmp_path / "one.txt")

    def work(missing: Iterable[Chunk]) -> Iterator[tuple[Chunk, Counts]]:
        for chunk in missing:
            answers = [LabelAnswer("a", None, text) for text in chunk.texts]
            yield chunk, write_part(out, chunk, answers)
            if chunk.number == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_parts(read_chunks([source], text="text", rows=10), out, {}, work)
    assert set(list_files(out)) == {"predict.json", part_name(0), part_name(1)}
    labelled = label_parts(read_chunks([source], text="text", rows=10), out, {}, work)
    assert (labelled.rows, labelled.kept, labelled.labels) == (25, 20, {"a": 25})
    assert "result.json" in list_files(out)
