"""The model of an adapter that is looked for from another folder."""

from pathlib import Path

import pytest

from tunelab.classifiers.adapters import open_recorded
from tunelab.errors import UsageError


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("./models/mine", r"'./models/mine', which is not there, seen from .*\. Bring the model"),
        ("/no/such/folder", "'/no/such/folder', which is not there. Bring the model there, or run"),
    ],
)
def test_a_model_folder_that_is_not_there(tmp_path: Path, name: str, words: str) -> None:
    from conftest import CHATML, LABELS, build_tokenizer
    from tunelab.prompts.conversation import make_format
    from tunelab.runs.seals import file_hashes, sealed

    format = make_format(
        build_tokenizer(CHATML), system="{labels}", labels=LABELS, style="plain", max_length=99
    )
    record = {
        "version": 1,
        "method": "lora",
        "model": name,
        "model_hash": "0",
        "answers": "words",
        "prompt": format.to_dict(),
        "probe": {"text": "a", "ids": [1]},
    }
    record = sealed(record, file_hashes(tmp_path, []))
    with pytest.raises(UsageError, match=words):
        open_recorded(tmp_path, record, device="cpu", dtype="float32", evaluation=None)
