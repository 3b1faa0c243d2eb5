"""What the pages compute, without the pages."""

from dataclasses import replace
from pathlib import Path

import pytest

from conftest import build_tokenizer, write_model, write_rows
from served_app import HOSTILE
from tunelab.app.compare import compare
from tunelab.app.data_view import draw_instruction, draw_labels, draw_upload
from tunelab.app.downloads import DownloadNeededError, button_words, first_models
from tunelab.app.finetune import (
    HEAD,
    OWN,
    RIVALS,
    STARTER,
    Form,
    begin,
    instruction,
    preview,
    starter_counts,
    study_values,
)
from tunelab.app.memory import known_models, look
from tunelab.app.names import (
    check_run_name,
    classifier_folder,
    model_names,
    pick,
    run_names,
)
from tunelab.app.settings import AppSettings
from tunelab.app.studies import overview
from tunelab.app.tokenize import (
    default_tokenizers,
    draw,
    measures,
    tokenize,
    tokenizer_choices,
)
from tunelab.app.training_view import draw_checks, draw_masks
from tunelab.app.uploads import Labels, Upload, accept, count_labels, keep, look_at
from tunelab.config import make_study
from tunelab.data.column_guess import Proposal
from tunelab.errors import UsageError
from tunelab.study.resolution import check_names
from tunelab.tokenizers.compare import compare_text
from tunelab.tokenizers.loading import describe

PERSIAN = "کتاب‌ها را می‌خوانم"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def settings(tmp_path: Path, model: str) -> AppSettings:
    (tmp_path / "scratch").mkdir()
    return AppSettings(
        runs=tmp_path / "runs", scratch=tmp_path / "scratch", models=(model,), device="cpu"
    )


def _form(settings: AppSettings, **changes: object) -> Form:
    values: dict[str, object] = {
        "name": "mine",
        "data": STARTER,
        "file": None,
        "text": "text",
        "label": "label",
        "system": "Labels are {labels}.",
        "train_rows": 24,
        "test_rows": 9,
        "model": settings.models[0],
        "method": "lora",
        "epochs": 1,
        "batch_size": 8.0,
        "learning_rate": 0.01,
        "rank": 4,
        "max_length": 128,
        "beside": True,
    }
    return Form(**{**values, **changes})  # type: ignore[arg-type]


def test_pieces_run_the_way_of_the_script() -> None:
    tokenizer = describe("own", build_tokenizer().backend_tokenizer)
    for text, direction in ((PERSIAN, "rtl"), ("some rain", "ltr")):
        result = compare_text([tokenizer], text, seed=0)[0]
        made = draw(result, text)
        assert f'dir="{direction}"' in made
        assert made.count("tl-piece ") == len(result["ids"])
        assert f"{result['tokens']} tokens" in made
    # A character that cannot be seen is shown by its code, which runs from left to right.
    assert '<bdi class="tl-code">⟨200C⟩</bdi>' in draw(
        {**result, "pieces": ["\u200c"], "kinds": ["text"], "ids": [1]}, PERSIAN
    )


def test_a_hostile_text_is_cut_like_any_other() -> None:
    tokenizer = describe("own", build_tokenizer().backend_tokenizer)
    results = compare_text([tokenizer], HOSTILE, seed=0)
    made = draw(results[0], HOSTILE) + measures(results)
    assert "<script" not in made
    assert "<img" not in made
    assert "special" not in results[0]["kinds"]


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        ("", ["smollm2"], "write a text"),
        ("x" * 20_001, ["smollm2"], "20,000"),
        ("x", [], "at least one"),
        ("x", ["../../etc/passwd"], "choose the tokenizer from the list"),
        ("x", ["/etc"], "choose the tokenizer from the list"),
    ],
)
def test_what_tokenize_refuses(text: str, names: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tokenize(text, names)


def test_memory_of_known_models() -> None:
    assert "llama-3.2-1b" in known_models()
    for name in ("smollm2-135m-instruct", "gemma-3-270m"):
        bars, fits = look(
            name, "lora", 8, 128, "bfloat16", "not quantized", "adamw", False, "cuda", 24
        )
        assert "largest batch size that fits" in bars
        assert "peak" in bars
        assert fits.count("<tr>") == 7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "../x"}, "choose the model"),
        ({"batch": 0}, "batch size must be a number from 1"),
        ({"batch": None}, "batch size must be a number"),
        ({"gigabytes": float("nan")}, "memory of the device must be"),
        ({"method": "full", "weights": "4-bit"}, "cannot be trained"),
    ],
)
def test_what_memory_refuses(change: dict[str, object], message: str) -> None:
    values = {
        "model": "gemma-3-270m",
        "method": "lora",
        "batch": 8,
        "length": 64,
        "precision": "float32",
        "weights": "not quantized",
        "optimizer": "adamw",
        "checkpointing": False,
        "device": "cpu",
        "gigabytes": 8,
    }
    with pytest.raises(UsageError, match=message) as caught:
        look(**{**values, **change})  # type: ignore[arg-type]
    assert "--" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "A", "-a", "a" * 41, "a b", "a\n", "a.b", HOSTILE],
)
def test_names_that_no_run_may_have(name: str) -> None:
    with pytest.raises(UsageError, match="lower-case letters"):
        check_run_name(name)


def test_lists_hold_what_is_there(tmp_path: Path) -> None:
    for name in ("one", "..", "two words", "<b>"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "study.yaml").write_text("name: x")
    (tmp_path / "empty").mkdir()
    # A study that was refused, and one whose data were only prepared: nothing was started.
    for name in ("refused", "prepared"):
        (tmp_path / name / "prepare" / "data-0").mkdir(parents=True)
        (tmp_path / name / "study.yaml").write_text("name: x")
    (tmp_path / "prepared" / "prepare" / "data-0" / "result.json").write_text("{}")
    assert run_names(tmp_path) == []
    assert "There are no runs yet" in overview(tmp_path)
    adapter = tmp_path / "one" / "adapters" / "lora"
    adapter.mkdir(parents=True)
    (adapter / "tunelab.json").write_text("{}")
    assert run_names(tmp_path) == ["one"]
    assert classifier_folder(tmp_path, "one / lora") == adapter
    for wrong in ("one / ..", "../one / lora", None, ["one / lora"]):
        with pytest.raises(UsageError, match="choose the classifier"):
            classifier_folder(tmp_path, wrong)
    for name, file in (("asked", "run.json"), ("own", "app/job.json")):
        (tmp_path / name / file).parent.mkdir(parents=True)
        (tmp_path / name / file).write_text("{}")
        (tmp_path / name / "study.yaml").write_text("name: x")
    (tmp_path / "trained" / "train" / "lora-0").mkdir(parents=True)
    (tmp_path / "trained" / "study.yaml").write_text("name: x")
    assert sorted(run_names(tmp_path)) == ["asked", "one", "own", "trained"]
    # Nobody knows from here whether a command at work was stopped.
    assert overview(tmp_path).count("no report yet") == 3
    assert pick("run", "one", run_names(tmp_path)) == "one"
    assert model_names(["a/b"])[0] == "a/b"


def test_uploads_stay_in_the_folder_of_the_app(settings: AppSettings, tmp_path: Path) -> None:
    rows = write_rows(settings.scratch / "rows.csv", copies=1)
    assert accept(str(rows), settings.scratch, 10_000) == rows
    found = look_at(rows, labelled=True)
    assert found.columns == ("text", "label", "note", "group")
    assert (found.rows, found.proposal.text, found.proposal.label) == (12, "text", "label")
    assert count_labels(rows, "text", "label").counts == {"joy": 4, "fear": 4, "anger": 4}
    (settings.scratch / "x.exe").write_text("x")
    (settings.scratch / "empty.csv").write_text("")
    (settings.scratch / "out.csv").symlink_to(write_rows(tmp_path / "secret.csv"))
    for path, most, message in (
        (str(rows), 10, "larger than"),
        ("/etc/passwd", 10_000, "upload the file again"),
        (f"{settings.scratch}/../secret.csv", 10_000, "upload the file again"),
        (f"{settings.scratch}/out.csv", 10_000, "upload the file again"),
        (f"{settings.scratch}/x.exe", 10_000, "^x.exe: unknown kind of file"),
        (f"{settings.scratch}/empty.csv", 10_000, "^empty.csv is empty"),
        (None, 10_000, "choose a file"),
    ):
        with pytest.raises(UsageError, match=message):
            accept(path, settings.scratch, most)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("tickets 2024.csv", "tickets 2024.csv"),
        ("نظرها.CSV", "نظرها.csv"),
        ("study.yaml.csv", "study.yaml.csv"),
        (".hidden.csv", "hidden.csv"),
        ("turned\u202egnp.csv", "turned\ufffdgnp.csv"),
        ("x" * 200 + ".csv", "x" * 100 + ".csv"),
    ],
)
def test_an_upload_keeps_its_name(tmp_path: Path, name: str, kept: str) -> None:
    (tmp_path / name).write_text("text,label\na,b\n", encoding="utf-8")
    assert keep(tmp_path / name, tmp_path / "run").name == kept


def test_what_is_known_of_the_data_is_shown() -> None:
    proposal = Proposal("متن", "<b>label</b>", ("group",))
    made = draw_upload("<i>rows</i>.csv", Upload(122, ("متن", "<b>label</b>", "group"), proposal))
    assert "122 rows, 3 columns" in made
    assert "Also possible for the labels" in made
    for part in ("<b>label", "<i>rows"):
        assert part not in made
    problem = draw_upload("x.csv", Upload(1, ("text",), Proposal("text", None, problem="No.")))
    assert "1 row, 1 column." in problem
    assert 'role="alert"' in problem
    chips = draw_labels("label", Labels({"C#": 40, "<b>": 2, "راضی": 1_200}, ("One <i>note</i>.",)))
    assert "3 labels" in chips
    assert "<bdi>راضی</bdi> <small>1,200</small>" in chips
    assert "<b>" not in chips
    assert '<li dir="auto">One &lt;i&gt;note' in chips
    assert "and 57 more" in draw_labels("label", Labels({f"label {n}": 9 for n in range(77)}))
    ids = Labels({f"user-{n}": 1 for n in range(300)})
    assert "300 different values" in draw_labels("author", ids)
    told = draw_instruction("Answer with one of {labels}.", ["a", "b"])
    assert "Answer with one of a, b." in told
    assert "not told which" in draw_instruction("Classify the text.", ["a", "b"])


def test_notes_on_the_data_are_shown(settings: AppSettings) -> None:
    rows = settings.scratch / "rows.csv"
    labels = ["joy", "Joy", "caf\u00e9", "cafe\u0301"] * 12 + ["single"]
    lines = [f"row {n},{label}" for n, label in enumerate(labels)]
    rows.write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    known = count_labels(rows, "text", "label")
    assert known.counts == {"café": 24, "joy": 12, "Joy": 12, "single": 1}
    made = draw_labels("label", known)
    form = _form(settings, data=OWN, file=str(rows), train_rows=0, test_rows=0, max_length=400)
    checked = draw_checks(*preview(settings, form))
    for part in ("in case alone", "Unicode NFC and NFD"):
        assert part in made
        assert part in checked
    assert "has no test row" in checked


def test_the_instruction_suits_the_data(settings: AppSettings) -> None:
    from tunelab.config import Prompt

    assert instruction(OWN) == Prompt().system
    assert "emotion" in instruction(STARTER)
    assert all("{labels}" in instruction(data) for data in (OWN, STARTER))
    assert list(starter_counts()) == ["sadness", "joy", "love", "anger", "fear", "surprise"]
    with pytest.raises(UsageError, match="choose the data"):
        instruction("/etc/passwd")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_nothing_is_downloaded_without_asking(settings: AppSettings, empty_cache: Path) -> None:
    with pytest.raises(
        DownloadNeededError, match=r"gemma-3 is not on this machine.*238 MB"
    ) as first:
        tokenize("some rain", ["gemma-3", "llama-3.2"], settings.models)
    assert [one.name for one in first.value.downloads] == ["gemma-3", "llama-3.2"]
    assert button_words(first.value.downloads) == "Download 245 MB"
    name = "smollm2-135m-instruct"
    sides = ((settings.models[0], True), (name, True))
    with pytest.raises(DownloadNeededError, match=f"model {name} is not .*93 MB"):
        list(compare(settings, sides, "rain", "", 0.0, 4, 1))
    for work in (preview, begin):
        with pytest.raises(DownloadNeededError, match=r"93 MB; licence: Apache"):
            work(settings, _form(settings, model=name))
    assert not empty_cache.exists()
    assert not settings.runs.exists()


def test_the_choice_begins_with_what_is_here(settings: AppSettings, empty_cache: Path) -> None:
    own = settings.models[0]
    assert default_tokenizers([own]) == [own]
    assert default_tokenizers([]) == ["llama-3.2"]
    assert ("tiny", own) in tokenizer_choices([own])
    assert ("gemma-3 (238 MB to download)", "gemma-3") in tokenizer_choices([])
    assert first_models([own])[0] == own
    # The page shows no folder of this machine.
    pieces, measured = tokenize("some rain", [own], [own])
    assert str(Path(own).parent) not in pieces + measured
    assert "tiny" in pieces
    (empty_cache / "models" / "gemma-3-270m").mkdir(parents=True)
    (empty_cache / "models" / "gemma-3-270m" / "manifest.json").write_text("{}")
    # Its tokenizer came with the model.
    assert default_tokenizers([]) == ["gemma-3"]
    assert first_models([])[0] == "gemma-3-270m"


def test_masks_of_persian_rows(settings: AppSettings) -> None:
    rows = settings.scratch / "rows.csv"
    lines = [f"{PERSIAN} {n},{'خوب' if n % 2 else 'بد'}" for n in range(30)]
    rows.write_text("\n".join(["متن,برچسب", *lines]), encoding="utf-8")
    own = {"data": OWN, "file": str(rows), "text": "متن", "label": "برچسب"}
    form = _form(settings, **own, train_rows=0, test_rows=0, max_length=400)
    _, view = preview(settings, form)
    made = draw_masks(view)
    # The text and the answer; the instruction and the roles are English.
    assert made.count('dir="rtl"') == 2 * len(view.rows)
    assert made.count('dir="ltr"') == 4 * len(view.rows)
    assert ">ک</span>" in made
    cut = preview(settings, replace(form, max_length=60))
    assert "Raise “Longest row”" in draw_checks(*cut)


def test_a_form_becomes_a_study(settings: AppSettings) -> None:
    form = _form(settings, train_rows=0.0, method="ia3", beside=False)
    study = make_study(study_values(form, STARTER, settings.models))
    assert study.data.source == "starter"
    assert (study.data.sample.train, study.data.sample.test) == ("all", 9)
    assert study.models.instruct is None
    assert study.methods[0].settings == {}
    assert study_values(_form(settings), "rows.csv", settings.models)["methods"] == [
        {"name": "lora", "model": settings.models[0], "r": 4, "alpha": 8}
    ]


def test_checks_and_masks_of_an_upload(settings: AppSettings) -> None:
    rows = settings.scratch / "rows.csv"
    write_rows(rows)
    with rows.open("a", encoding="utf-8") as file:
        file.write(f'"{HOSTILE.replace(chr(34), chr(34) * 2)}",joy,x,a\n')
    form = _form(settings, data=OWN, file=str(rows), train_rows=0, test_rows=0)
    values, view = preview(settings, form, show=100)
    made = draw_checks(values, view) + draw_masks(view)
    assert "<script" not in made
    assert "Checks of the data" in made
    assert made.count("tl-mask") == len(view.rows)
    assert "Raise “Longest row”" not in made
    for row in view.rows:
        trained = "".join(token.text for token in row.tokens if token.trained)
        assert trained.split("<|im_end|>")[0] in ("joy", "fear", "anger")
    assert list(settings.scratch.iterdir()) == [rows]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "../../etc"}, "lower-case letters"),
        ({"model": "/etc"}, "choose the model"),
        ({"method": "lorra"}, "choose the method"),
        ({"data": "/etc/passwd"}, "choose the data"),
        ({"data": OWN, "file": "/etc/passwd"}, "upload the file again"),
        ({"train_rows": 99_999}, "“Training rows” = 99999 asks for more rows"),
        ({"epochs": -1}, "“Epochs” = -1"),
        ({"rank": None}, "every number"),
        ({"batch_size": 1.5}, "“Batch size” = 1.5"),
        ({"system": None}, "“Instruction”"),
    ],
)
def test_what_fine_tune_refuses(
    settings: AppSettings, change: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        begin(settings, _form(settings, **change))
    assert not settings.runs.exists()


def test_two_sides_write_in_turn(settings: AppSettings) -> None:
    name = settings.models[0]
    sides = ((name, True), (name, False))
    steps = list(compare(settings, sides, f"rain {HOSTILE}", "", 0.0, 12, 42))
    left, right = steps[-1]
    assert left.note.endswith("chat template.")
    assert right.note.endswith("without chat template.")
    again = list(compare(settings, sides, f"rain {HOSTILE}", "", 0.0, 12, 42))[-1]
    assert (again[0].text, again[1].text) == (left.text, right.text)
    for change in ({"prompt": " "}, {"sides": (("x", True), sides[1])}, {"temperature": -1}):
        asked = {
            "sides": sides,
            "prompt": "rain",
            "system": "",
            "temperature": 0.0,
            "tokens": 4,
            "seed": 1,
            **change,
        }
        with pytest.raises(UsageError):
            list(compare(settings, **asked))  # type: ignore[arg-type]


def test_a_head_and_rivals_of_the_form(settings: AppSettings) -> None:
    form = _form(settings, answers=HEAD, rivals=[*RIVALS, *RIVALS])
    study = make_study(study_values(form, STARTER, settings.models))
    check_names(study)
    assert [entry.called for entry in study.methods] == ["lora-head"]
    assert [entry.name for entry in study.classifiers] == ["tfidf-logistic", "embedding", "encoder"]
    assert {claim.left for claim in study.claims} == {"lora-head"}
    # What a form without them asks for stays what it was.
    plain = study_values(_form(settings), STARTER, settings.models)
    assert plain["classifiers"] == []
    assert "answers" not in plain["methods"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answers": "neither"}, "choose the answer from the list"),
        ({"answers": None}, "choose the answer from the list"),
        ({"rivals": ["../x"]}, "choose the classifier from the list"),
        ({"rivals": [3]}, "choose the classifier from the list"),
    ],
)
def test_answers_and_rivals_are_of_the_list(
    change: dict[str, object], message: str, settings: AppSettings
) -> None:
    with pytest.raises(UsageError, match=message):
        study_values(_form(settings, **change), STARTER, settings.models)


def test_the_preview_of_a_head_shows_the_label(settings: AppSettings) -> None:
    _, view = preview(settings, _form(settings, answers=HEAD))
    made = draw_masks(view)
    assert made.count("The head learns: ") == 3
    assert "no token is trained" in made
    assert 'class="tl-piece trained"' not in made
    assert view.rows[0].answer in made
