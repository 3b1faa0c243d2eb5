"""Labelling on Ray while actors are killed: exactly one answer a row, those of this process."""

import json
import subprocess
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from conftest import Workspace
from study.engines.test_ray import wait_until, workers_of


@pytest.mark.scale
def test_actors_die_and_every_row_has_one_answer(workspace: Workspace, tmp_path: Path) -> None:
    trained, out = tmp_path / "trained", tmp_path / "labels"
    words = ["train", str(workspace.study), "--out", str(trained), "training.epochs=1"]
    subprocess.run(workspace.fresh_command(*words), check=True, capture_output=True, timeout=300)
    files = []
    for part, rows in enumerate((500, 1, 199)):
        file = tmp_path / f"{part}.jsonl"
        lines = [json.dumps({"body": f"we won the game {part} {n * n}"}) for n in range(rows)]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        files.append(file)
    words = [
        *("predict", *map(str, files), "--adapter", str(trained / "adapters" / "lora")),
        *("--text", "body", "--part-rows", "50"),
    ]
    with (tmp_path / "log").open("wb") as log:
        driver = subprocess.Popen(
            workspace.fresh_command(*words, "--out", str(out), "--engine", "ray", "--workers", "2"),
            stdout=log,
            stderr=log,
        )
        for parts in (2, 6):
            wait_until(partial(_has_parts, out, parts), driver)
            wait_until(lambda: workers_of(driver, "Labeller"), driver)[0].kill()
        assert driver.wait(300) == 0, (tmp_path / "log").read_text()
    found = [row for part in sorted(out.glob("part-*")) for row in pq.read_table(part).to_pylist()]
    assert [(row["file"], row["row"], row["text"]) for row in found] == [
        (str(file), number, json.loads(line)["body"])
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
    ]
    assert json.loads((out / "result.json").read_text())["rows"] == len(found) == 700
    alone = subprocess.run(
        workspace.fresh_command(*words), check=True, capture_output=True, text=True, timeout=300
    )
    expected = [json.loads(line) for line in alone.stdout.splitlines()]
    assert found == expected


def _has_parts(folder: Path, least: int) -> bool:
    return len(list(folder.glob("part-*"))) >= least
