"""The wheel works outside the repository, and the sdist holds what its tests look at."""

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Workspace

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel, built without a network."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def tunelab(
    built: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command of the installed wheel, started in a folder that holds no source."""
    site, elsewhere = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("elsewhere")
    (wheel,) = built.glob("*.whl")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([sys.executable, *install, str(site), str(wheel)], check=True)

    def start(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tunelab", *words],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            check=False,
        )

    where = subprocess.run(
        [sys.executable, "-c", "import tunelab; print(tunelab.__file__)"],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(site)
    return start


def test_the_wheel_runs_a_study(
    tunelab: Callable[..., subprocess.CompletedProcess[str]], workspace: Workspace, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    ran = tunelab("run", str(workspace.study), "--out", str(out))
    assert ran.returncode == 0, ran.stderr
    assert (out / "report.html").is_file()
    assert (out / "adapters").is_dir()


def test_presets_come_with_the_wheel(
    tunelab: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    wrong = tunelab("run", "startr")
    assert wrong.returncode == 2
    assert "did you mean starter" in wrong.stderr


def test_the_wheel_is_typed_and_holds_no_test(built: Path) -> None:
    import zipfile

    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "tunelab/py.typed" in names
    assert all(name.startswith(("tunelab/", "tunelab-")) for name in names)


def test_the_sdist_holds_every_file_that_its_tests_look_at(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    folders = ("src", "tests", "docs", "notebooks", "benchmarks", "faults", "fuzz", "supply")
    wanted = [
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in path.parts
    ]
    wanted += ["README.md", "Makefile", "constraints.txt", "requirements.lock", "pyproject.toml"]
    assert [name for name in wanted if name not in names] == []
