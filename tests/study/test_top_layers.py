"""A study of adapters in the top layers: seeds share hidden states; wrong numbers fail early."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from conftest import Workspace
from tunelab.errors import UsageError
from tunelab.models.state_cache import state_file
from tunelab.study.feasibility import check_feasible
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

TOP = "methods=[{name: lora, id: lora-top-1, r: 4, layers: top-1}]"


def _rows() -> int:
    with closing(sqlite3.connect(state_file())) as database:
        return int(database.execute("SELECT COUNT(*) FROM contents").fetchone()[0])


def test_seeds_share_states_and_answer_as_without_them(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TUNELAB_STATES")

    def run(folder: str) -> dict[str, pd.DataFrame]:
        words = [TOP, "training.seeds=[1, 2]", "training.epochs=1", "evaluation.modes=[score]"]
        results = run_study(open_study(str(workspace.study), words), tmp_path / folder)
        trained = [one for one in results if one.stage == "train" and one.name != "majority"]
        first, second = (one.values["border_states"] for one in trained)
        assert first["border"] == second["border"] == 2
        assert first["rows_kept_before"] == 0 < first["rows_computed"]
        kept[folder] = (second["rows_computed"], second["rows_kept_before"])
        return {
            one.name: pd.read_parquet(one.folder / "predictions.parquet")
            for one in results
            if one.stage == "evaluate" and one.name.startswith("lora")
        }

    kept: dict[str, tuple[int, int]] = {}
    found = run("shared")
    assert kept["shared"] == (0, 30)
    # The rows of the training, and the batches of the test rows.
    assert _rows() > 30
    monkeypatch.setenv("TUNELAB_STATES", "0")
    alone = run("alone")
    assert kept["alone"][1] == 0
    assert set(found) == set(alone) == {"lora-top-1-seed1", "lora-top-1-seed2"}
    for name, table in found.items():
        pd.testing.assert_frame_equal(table, alone[name], check_exact=True)


def test_more_layers_than_the_model_has_fail_before_any_work(workspace: Workspace) -> None:
    study = open_study(str(workspace.study), ["methods.0.layers=top-4"])
    with pytest.raises(UsageError, match=r"layers=top-4 is more than this model's 3 layers"):
        check_feasible(study)


def test_a_method_without_layers_fails_before_any_work(workspace: Workspace) -> None:
    words = ["methods=[{name: prompt_tuning, layers: top-1}]"]
    with pytest.raises(UsageError, match=r"methods\.0 has no setting layers"):
        open_study(str(workspace.study), words)
