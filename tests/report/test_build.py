"""The report: built without torch, and text from data is never markup."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

from conftest import Workspace
from tunelab.report.build import build_report
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_hostile_text_and_no_torch(workspace: Workspace, tmp_path: Path) -> None:
    rows = tmp_path / "hostile.csv"
    lines = [f'"{HOSTILE} {position}",<b>{"xy"[position % 2]}</b>' for position in range(40)]
    rows.write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    overrides = [
        f"data.source={rows}",
        "data.sample={train: 12, validation: 2, test: 6}",
        "training.epochs=1",
        f"disclosure='{HOSTILE}'",
        "evaluation.max_new_tokens=null",
    ]
    run_study(open_study(str(workspace.study), overrides), tmp_path / "run")
    page = build_report(tmp_path / "run").read_text(encoding="utf-8")
    # The page's own scripts, which the policy names by their hash, are the only ones.
    scripts = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(code.encode()).digest()) for code in scripts]
    named = " ".join(f"'sha256-{digest.decode()}'" for digest in digests)
    assert len(scripts) == 2
    assert f'script-src {named}"' in page
    # What charts hold is data, and cannot end the element that holds it.
    charts = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert len(charts) == page.count("<figure data-chart>") == page.count("<script") - 2
    assert any("x\\u003c/b>" in chart for chart in charts)
    assert all(json.loads(chart)["config"] for chart in charts)
    shown = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "<img" not in shown
    assert "&lt;script&gt;" in shown
    assert "<b>x</b>" not in shown
    code = (
        "import sys; from pathlib import Path; from tunelab.report.build import build_report;"
        f"build_report(Path({str(tmp_path / 'run')!r}));"
        "print(sorted({'torch', 'transformers', 'peft'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_notes_on_the_data_stand_in_the_report(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    labels = ["joy", "“joy”"] * 12 + ["single"]
    lines = [f"row {position},{label}" for position, label in enumerate(labels)]
    rows.write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    overrides = [f"data.source={rows}", "models.instruct=null", "methods=[]", "claims=[]"]
    overrides.append("classifiers=[]")
    run_study(open_study("own", overrides), tmp_path / "run")
    page = build_report(tmp_path / "run").read_text(encoding="utf-8")
    _, _, notes = page.partition("<h3>Notes on the data</h3>")
    assert "differ in quotation marks alone" in notes
    assert "has no test row" in notes
