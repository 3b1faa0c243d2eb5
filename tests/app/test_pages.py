"""What the pages compute, without the pages."""

from pathlib import Path

import pytest

from conftest import build_tokenizer, write_model, write_rows
from served_app import HOSTILE
from tunelab.app.compare import compare
from tunelab.app.finetune import OWN, STARTER, Form, begin, preview, study_values
from tunelab.app.memory import known_models, look
from tunelab.app.names import adapter_folder, check_run_name, model_names, pick, run_names
from tunelab.app.settings import AppSettings
from tunelab.app.tokenize import draw, measures, tokenize
from tunelab.app.training_view import draw_checks, draw_masks
from tunelab.app.uploads import accept, columns, keep
from tunelab.errors import UsageError
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
            name, "lora", 8, 128, "bfloat16", "as they are", "adamw", False, "cuda", 24
        )
        assert "largest batch that fits" in bars
        assert "at its highest" in bars
        assert fits.count("<tr>") == 7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "../x"}, "choose the model"),
        ({"batch": 0}, "batch must be a number from 1"),
        ({"batch": None}, "batch must be a number"),
        ({"gigabytes": float("nan")}, "device's memory must be"),
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
        "weights": "as they are",
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
    with pytest.raises(UsageError, match="small letters"):
        check_run_name(name)


def test_lists_hold_what_is_there(tmp_path: Path) -> None:
    for name in ("one", "..", "two words", "<b>"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "study.yaml").write_text("name: x")
    (tmp_path / "empty").mkdir()
    adapter = tmp_path / "one" / "adapters" / "lora"
    adapter.mkdir(parents=True)
    (adapter / "tunelab.json").write_text("{}")
    assert run_names(tmp_path) == ["one"]
    assert adapter_folder(tmp_path, "one / lora") == adapter
    for wrong in ("one / ..", "../one / lora", None, ["one / lora"]):
        with pytest.raises(UsageError, match="choose the adapter"):
            adapter_folder(tmp_path, wrong)
    assert pick("run", "one", run_names(tmp_path)) == "one"
    assert model_names(["a/b"])[0] == "a/b"


def test_uploads_stay_in_the_folder_of_the_app(settings: AppSettings, tmp_path: Path) -> None:
    rows = write_rows(settings.scratch / "rows.csv", copies=1)
    assert accept(str(rows), settings.scratch, 10_000) == rows
    assert columns(rows, labelled=True) == ["text", "label", "note", "group"]
    assert keep(rows, tmp_path / "kept").name == "data.csv"
    (settings.scratch / "x.exe").write_text("x")
    (settings.scratch / "empty.csv").write_text("")
    (settings.scratch / "out.csv").symlink_to(write_rows(tmp_path / "secret.csv"))
    for path, most, message in (
        (str(rows), 10, "larger than"),
        ("/etc/passwd", 10_000, "upload the file again"),
        (f"{settings.scratch}/../secret.csv", 10_000, "upload the file again"),
        (f"{settings.scratch}/out.csv", 10_000, "upload the file again"),
        (f"{settings.scratch}/x.exe", 10_000, "must be one of"),
        (f"{settings.scratch}/empty.csv", 10_000, "^empty.csv is empty"),
        (None, 10_000, "choose a file"),
    ):
        with pytest.raises(UsageError, match=message):
            accept(path, settings.scratch, most)


def test_a_form_becomes_a_study(settings: AppSettings) -> None:
    from tunelab.config import make_study

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
    for row in view.rows:
        trained = "".join(token.text for token in row.tokens if token.trained)
        assert trained.split("<|im_end|>")[0] in ("joy", "fear", "anger")
    assert list(settings.scratch.iterdir()) == [rows]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "../../etc"}, "small letters"),
        ({"model": "/etc"}, "choose the model"),
        ({"method": "lorra"}, "choose the method"),
        ({"data": "/etc/passwd"}, "choose the data"),
        ({"data": OWN, "file": "/etc/passwd"}, "upload the file again"),
        ({"epochs": -1}, "training.epochs"),
        ({"rank": None}, "every number"),
        ({"batch_size": 1.5}, "training.batch_size"),
        ({"system": None}, "prompt.system"),
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
    assert right.note.endswith("no template, the text alone.")
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
