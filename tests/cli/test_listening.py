"""The secret of a service: from a file or the environment, and gone from there."""

import os
from pathlib import Path

import pytest

from tunelab.cli.listening import read_secret


@pytest.mark.parametrize("from_file", [False, True])
def test_a_secret_is_stripped_and_leaves_the_environment(
    from_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_A_TEST", " of the variable\n")
    file = tmp_path / "token"
    file.write_text("\tof the file \nanother line\n", encoding="utf-8")
    found = read_secret(file if from_file else None, "SECRET_OF_A_TEST", "token")
    assert found == ("of the file" if from_file else "of the variable")
    assert "SECRET_OF_A_TEST" not in os.environ
