"""The section on tokenizers is made of a record alone, and its sentences follow from the tests."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tunelab import registry
from tunelab.report.tokenizer_page import FIGURES, draw_figures, write_page
from tunelab.tokenizers.parallel import built_in
from tunelab.tokenizers.record import make_record, persian_findings
from tunelab.tokenizers.training import save, train


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("trained")
    lines = built_in().sentences
    persian = train(lines["fa"], algorithm="bpe", vocabulary=900)
    english = train(lines["en"], algorithm="unigram", vocabulary=700)
    names = [str(save(tokenizer, folder).parent) for tokenizer in (persian, english)]
    made: dict[str, Any] = json.loads(json.dumps(make_record(names, seed=5)))
    return made


def test_findings_follow_from_the_numbers(record: dict[str, Any]) -> None:
    findings = record["persian"]["findings"]
    assert len(findings) == 3
    assert all(finding["decided"] for finding in findings)
    # The tokenizer that was trained on Persian comes first, and needs fewer tokens.
    assert "bpe-900 needs" in findings[0]["sentence"]
    assert "cuts Persian into fewer tokens than" in findings[2]["sentence"]
    undecided = {**record["persian"]["pairs"][0], "p_value": 0.4, "p_adjusted": 0.8}
    told = persian_findings([], [undecided])[0]
    assert not told["decided"]
    assert "is not decided" in told["sentence"]


def test_figures_and_page(record: dict[str, Any], tmp_path: Path) -> None:
    assert set(draw_figures(record)) == set(FIGURES)
    page = write_page(tmp_path / "page.html", record).read_text(encoding="utf-8")
    assert page.count("<figure data-chart>") == 3
    page = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert 'dir="rtl"' in page
    assert page.count("<svg") == 3
    assert "http://" not in page.replace("http://www.w3.org", "")
    for finding in record["persian"]["findings"]:
        assert finding["sentence"].split(":")[0].replace("'", "&#39;") in page


def test_figures_read_the_record_of_a_run(record: dict[str, Any], tmp_path: Path) -> None:
    from tunelab.report.tokenizer_record import FILE, read_record
    from tunelab.runs.results import Result
    from tunelab.runs.run_folder import RunFolder

    stage = Result("tokenize", "tokenizers", "", "complete", {}, tmp_path)

    def opened() -> RunFolder:
        return RunFolder(tmp_path, {}, "", "", {}, stage, [], [], [stage], [])

    run = opened()
    assert read_record(run) is None
    for name in FIGURES:
        assert registry.resolve("figure", name, registry.FIGURES).collect(run).empty
    (tmp_path / FILE).write_text(json.dumps(record), encoding="utf-8")
    run = opened()
    assert read_record(run) == record
    for name in FIGURES:
        assert not registry.resolve("figure", name, registry.FIGURES).collect(run).empty


def test_a_page_needs_neither_torch_nor_tokenizers(record: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(json.dumps(record), encoding="utf-8")
    code = (
        "import json, sys, pathlib; from tunelab.report.tokenizer_page import write_page;"
        f"record = json.loads(pathlib.Path({str(tmp_path / 'record.json')!r}).read_text());"
        f"write_page(pathlib.Path({str(tmp_path / 'p.html')!r}), record);"
        "print(sorted({'torch', 'transformers', 'tokenizers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
